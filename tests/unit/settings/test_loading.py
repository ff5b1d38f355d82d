"""Where settings come from, and how a wrong one stops the start."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.tokens import TokenType
from connector.pki.requested import UNGRANTED
from connector.settings import Address, Settings, SettingsError, load
from connector.settings.loading import SETTINGS

WORDS = "correct horse battery staple"


def loaded(directory: Path, toml: str = "", environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """The settings of a data directory whose connector.toml holds ``toml``. A flag ``a__b`` stands for ``a.b``."""
    (directory / "connector.toml").write_text(toml)
    overrides = {name.replace("__", "."): value for name, value in flags.items()}
    return load(data_dir=directory, config=None, overrides=overrides, environ=environ or {})


def problems(directory: Path, toml: str = "", environ: Mapping[str, str] | None = None, **flags: Any) -> list[str]:
    """What is wrong, one line each."""
    with pytest.raises(SettingsError) as caught:
        loaded(directory, toml, environ, **flags)
    return [str(problem) for problem in caught.value.problems]


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    """Without a file, a variable and a flag the start has its documented defaults."""
    settings = load(data_dir=tmp_path, config=None, overrides={}, environ={})

    assert settings.data_dir == tmp_path
    assert settings.listeners.public == Address("localhost", 8443)
    assert settings.certificates.validity == timedelta(days=90)
    assert settings.ca.passphrase is None


def test_a_flag_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    """Each source wins over the next: flag, environment, file."""
    toml = '[listeners]\npublic = "a:1"\nmtls = "a:1"\npki = "a:1"\n'
    environ = {"CONNECTOR_LISTENERS__PUBLIC": "b:2", "CONNECTOR_LISTENERS__MTLS": "b:2"}

    listeners = loaded(tmp_path, toml, environ, listeners__public="c:3", listeners__mtls=None).listeners

    assert [str(one) for one in (listeners.public, listeners.mtls, listeners.pki)] == ["c:3", "b:2", "a:1"]


def test_every_setting_has_its_variable(tmp_path: Path) -> None:
    """Every default can be given back through the environment as text."""
    defaults = load(data_dir=tmp_path, config=None, overrides={}, environ={})
    environ = {}
    for setting in SETTINGS.values():
        value = getattr(getattr(defaults, setting.section), setting.name)
        if isinstance(value, timedelta):
            value = int(value.total_seconds())
        if value is not None:
            environ[setting.variable] = ",".join(value) if isinstance(value, tuple) else str(value)

    assert load(data_dir=tmp_path, config=None, overrides={}, environ=environ) == defaults


def test_the_data_directory_and_the_file_have_variables(tmp_path: Path) -> None:
    """CONNECTOR_DATA_DIR and CONNECTOR_CONFIG stand in for the flags of those names."""
    config = tmp_path / "other.toml"
    config.write_text('[log]\nlevel = "debug"\n')

    settings = load(
        data_dir=None,
        config=None,
        overrides={},
        environ={"CONNECTOR_DATA_DIR": str(tmp_path / "data"), "CONNECTOR_CONFIG": str(config)},
    )

    assert settings.data_dir == tmp_path / "data"
    assert settings.log.level == "debug"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """Only the file that nobody named may be absent."""
    config = tmp_path / "absent.toml"

    with pytest.raises(SettingsError, match="There is no such file"):
        load(data_dir=tmp_path, config=config, overrides={}, environ={})


@pytest.mark.parametrize("octets", [b"public = ", b"\xff", b"a = 1\na = 2", b"x = " + b"[" * 5000, b"#" * (2 << 20)])
def test_an_unreadable_file_stops_the_start(tmp_path: Path, octets: bytes) -> None:
    """A file that is not TOML, not UTF-8 or far too large is refused by its name."""
    path = tmp_path / "connector.toml"
    path.write_bytes(octets)

    with pytest.raises(SettingsError, match=str(path)):
        load(data_dir=tmp_path, config=None, overrides={}, environ={})


def test_a_directory_in_the_place_of_the_file_stops_the_start(tmp_path: Path) -> None:
    """What cannot be read is not passed over."""
    (tmp_path / "connector.toml").mkdir()

    with pytest.raises(SettingsError, match="cannot be read"):
        load(data_dir=tmp_path, config=None, overrides={}, environ={})


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Each problem names the setting, where it stands, and the reason; a near miss is guessed."""
    toml = '[listeners]\npublik = "a:1"\n[certificates]\nvalidity = "9000d"\n[tocens]\nrefusals = 1\n'
    environ = {"CONNECTOR_TOKENS__REFUSAL": "3", "CONNECTOR_LOG__LEVEL": "loud"}

    found = problems(tmp_path, toml, environ, listeners__mtls="nowhere")

    path = tmp_path / "connector.toml"
    assert found == [
        f"listeners.publik ({path}): There is no such setting. Did you mean public?",
        f"tocens ({path}): There is no such section. Did you mean tokens?",
        "CONNECTOR_TOKENS__REFUSAL (environment): There is no such setting. Did you mean CONNECTOR_TOKENS__REFUSALS?",
        "listeners.mtls (flag): It should be HOST:PORT, the port from 0 to 65535.",
        f"certificates.validity ({path}): It should be less than or equal to 397 days.",
        "log.level (environment): It should be 'debug', 'info', 'warning' or 'error'.",
    ]


@pytest.mark.parametrize(
    ("toml", "setting"),
    [
        ('data_dir = "x"', "data_dir"),
        ("listeners = 1", "listeners"),
        ('[listeners]\npublic = "off"', "listeners.public"),
        ('[listeners]\npublic = ":8443"', "listeners.public"),
        ('[listeners]\npublic = "::1:8443"', "listeners.public"),
        ('[listeners]\npublic = "a b:1"', "listeners.public"),
        ('[listeners]\npki = "a:65536"', "listeners.pki"),
        ('[urls]\npublic = "http://a.example"', "urls.public"),
        ('[urls]\npublic = "https://user@a.example"', "urls.public"),
        ('[urls]\npublic = "https://a.example/?x"', "urls.public"),
        ('[urls]\npublic = "https://a.example:99999"', "urls.public"),
        ('[urls]\nmtls = "https://"', "urls.mtls"),
        ('[urls]\npki = "https://a.example"', "urls.pki"),
        ('[urls]\npki = "HTTP://a.example"', "urls.pki"),
        ('[urls]\npki = "http://user@a.example"', "urls.pki"),
        ('[urls]\npki = "http://a.example/[x]"', "urls.pki"),
        ('[urls]\npki = "http://a.example/{ca}"', "urls.pki"),
        ('[urls]\npki = "http://a.example/?x"', "urls.pki"),
        ('[urls]\npki = "/pki"', "urls.pki"),
        ('[subject]\norganization = "A, B"', "subject.organization"),
        ('[subject]\ncountry = "Germany"', "subject.country"),
        ('[certificates]\nvalidity = "59m"', "certificates.validity"),
        ("[certificates]\nvalidity = true", "certificates.validity"),
        ('[certificates]\nvalidity = "soon"', "certificates.validity"),
        ('[ca]\nkey = "rsa1024"', "ca.key"),
        ('[ca]\nroot_validity = "30d"', "ca.issuing_validity"),
        ('[tls]\nkey_file = "x.key"', "tls.certificate_file"),
        ('[tls]\ncertificate_file = "x.pem"', "tls.key_file"),
        ('[tls]\nnames = ["*.example.com"]', "tls.names"),
        ("[tokens]\nrefusals = 0", "tokens.refusals"),
        ('[limits]\nbody = "1GiB"', "limits.body"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, toml: str, setting: str) -> None:
    """A value outside its rule names its setting and its place."""
    [problem] = problems(tmp_path, toml)

    assert problem.startswith(f"{setting} (")


def test_a_secret_stands_in_no_file_and_no_flag(tmp_path: Path) -> None:
    """A passphrase in connector.toml or a flag is refused, and not repeated; from the environment it is taken."""
    written = problems(tmp_path, f'[ca]\npassphrase = "{WORDS}"\n', ca__passphrase=WORDS)
    settings = loaded(tmp_path, environ={"CONNECTOR_CA__PASSPHRASE": WORDS})

    assert [line.partition(":")[0] for line in written] == [
        f"ca.passphrase ({tmp_path / 'connector.toml'})",
        "ca.passphrase (flag)",
    ]
    assert WORDS not in "".join(written)
    assert WORDS not in repr(settings)
    assert settings.ca.passphrase is not None
    assert settings.ca.passphrase.get_secret_value() == WORDS


def test_database_url_with_a_password_stands_in_no_file(tmp_path: Path) -> None:
    """The URL of the database is a secret as a whole: in connector.toml or a flag it is refused, and not repeated."""
    url = f"postgresql://connector:{WORDS}@db/connector"
    written = problems(tmp_path, f'[database]\nurl = "{url}"\n', database__url=url)

    assert len(written) == 2
    assert all("CONNECTOR_DATABASE__URL" in line and "database.url_file" in line for line in written)
    assert WORDS not in "".join(written)
    assert loaded(tmp_path, environ={"CONNECTOR_DATABASE__URL": url}).database.url is not None


@pytest.mark.parametrize(
    "environ",
    [
        {"CONNECTOR_CA__PASSPHRASE": "tooshrt"},
        {"CONNECTOR_CA__PASSPHRASE": WORDS * 20},
        {"CONNECTOR_CA_PASSPHRASE": WORDS},
        {"CONNECTOR_CA__PASSPHRASE": WORDS, "CONNECTOR_CA__PASSPHRASE_FILE": "/x"},
    ],
)
def test_a_refused_secret_is_not_shown(tmp_path: Path, environ: dict[str, str]) -> None:
    """Neither the message nor any exception behind it holds the value, whatever is wrong with it."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, environ=environ)

    assert caught.value.__context__ is None
    assert not any(value in str(caught.value) for name, value in environ.items() if not name.endswith("FILE"))


def test_what_kubernetes_sets_is_no_setting(tmp_path: Path) -> None:
    """A Service named connector or connector-mtls does not stop the start of the containers beside it."""
    environ = {
        "CONNECTOR_SERVICE_HOST": "10.0.0.1",
        "CONNECTOR_SERVICE_PORT": "8443",
        "CONNECTOR_SERVICE_PORT_HTTPS": "8443",
        "CONNECTOR_PORT": "tcp://10.0.0.1:8443",
        "CONNECTOR_PORT_8443_TCP": "tcp://10.0.0.1:8443",
        "CONNECTOR_PORT_8443_TCP_ADDR": "10.0.0.1",
        "CONNECTOR_MTLS_SERVICE_HOST": "10.0.0.1",
        "CONNECTOR_MTLS_PORT_8444_TCP_PROTO": "tcp",
    }

    assert loaded(tmp_path, environ=environ) == loaded(tmp_path)


def test_a_path_in_the_file_starts_from_the_file(tmp_path: Path) -> None:
    """Where the server is started from makes no difference to connector.toml."""
    tls = loaded(tmp_path, '[tls]\ncertificate_file = "tls.pem"\nkey_file = "/etc/tls.key"\n').tls

    assert (tls.certificate_file, tls.key_file) == (tmp_path / "tls.pem", Path("/etc/tls.key"))


def test_settings_become_the_domain_s_values(tmp_path: Path) -> None:
    """The domain gets its own frozen values and never sees a setting."""
    toml = """
        certificates = {validity = "30d", sha1_proof = false, requested_extensions = "refuse"}
        tokens = {application_lifetime = "10m", renewal_lifetime = 60, refusals = 3}
        subject = {country = "PL"}
        urls = {public = "https://c.example:8443/base/"}
        listeners = {public = "0.0.0.0:8443", mtls = "[::1]:8444", internal = "off"}
    """
    settings = loaded(tmp_path, toml)

    assert settings.profiles.default.validity == timedelta(days=30)
    assert (settings.csr_policy.sha1_proof, settings.csr_policy.refuses) == (False, UNGRANTED)
    assert settings.csr_policy.subject.text("x") == "O=Org,OU=OrgUnit,L=locality,ST=province,C=PL,CN=x"
    assert settings.token_policy.lifetimes[TokenType.APPLICATION] == timedelta(minutes=10)
    assert (settings.token_policy.renewal_lifetime, settings.token_policy.refusals) == (timedelta(minutes=1), 3)
    assert settings.urls.public == "https://c.example:8443/base"
    assert (settings.listeners.mtls, settings.listeners.internal) == (Address("::1", 8444), None)
    assert settings.server_names == ("localhost", "127.0.0.1", "::1", "c.example")


_VALUES = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=5), max_size=3))


@given(name=st.sampled_from([one.dotted for one in SETTINGS.values() if not one.is_secret]), value=_VALUES)
def test_no_value_gets_past_the_check(name: str, value: object) -> None:
    """Any value of any type is either taken or refused with the setting's name: nothing else is raised."""
    try:
        load(data_dir=Path("unused"), config=None, overrides={name: value}, environ={})
    except SettingsError as error:
        assert all(problem.setting.partition(".")[0] == name.partition(".")[0] for problem in error.problems)  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(
    ("text", "networks"),
    [("10.0.0.0/8, 192.0.2.1", ("10.0.0.0/8", "192.0.2.1/32")), ("2001:db8::/32", ("2001:db8::/32",)), ("", ())],
)
def test_proxies_are_addresses_and_networks(tmp_path: Path, text: str, networks: tuple[str, ...]) -> None:
    """The proxies are a list of IP addresses and networks, of both families."""
    assert loaded(tmp_path, environ={"CONNECTOR_LIMITS__PROXIES": text}).limits.proxies == networks


@pytest.mark.parametrize("text", ["balancer", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,,192.0.2.1"])
def test_other_proxies_are_refused(tmp_path: Path, text: str) -> None:
    """A name, a network with bits beyond its prefix, or an empty entry is refused."""
    assert "network" in problems(tmp_path, environ={"CONNECTOR_LIMITS__PROXIES": text})[0]


@pytest.mark.parametrize("domain", ["Example.org", "example.org:8443", "example.org/path", "spiffe://example.org", ""])
def test_trust_domain_is_checked_at_the_start(tmp_path: Path, domain: str) -> None:
    """A SPIFFE trust domain with a capital, a port, a path or a scheme is refused; so is the profile without one."""
    with pytest.raises(SettingsError, match="SPIFFE trust domain"):
        loaded(tmp_path, f'[certificates]\nspiffe_trust_domain = "{domain}"\n')
    with pytest.raises(SettingsError, match="spiffe_trust_domain"):
        loaded(tmp_path, '[certificates]\nprofile = "spiffe"\n')


def test_profiles_are_those_that_are_set_up(tmp_path: Path) -> None:
    """Without a trust domain there is one profile; with one there are two, of which the setting names the default."""
    domain = '[certificates]\nspiffe_trust_domain = "example.org"\n'

    assert loaded(tmp_path).profiles.names == ("client",)
    assert loaded(tmp_path, domain).profiles.names == ("client", "spiffe")
    assert loaded(tmp_path, domain).profiles.default.name == "client"
    assert loaded(tmp_path, domain + 'profile = "spiffe"\n').profiles.default.name == "spiffe"
