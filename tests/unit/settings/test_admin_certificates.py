"""The rules for administrators by certificate, as they are written."""

import json
from pathlib import Path

import pytest
from tests.unit.settings.test_loading import loaded, problems

from connector.domain.admin_certificates import AlternativeKind, AlternativeName
from connector.domain.principals import Role
from connector.pki.distinguished_names import parse_name

HEAD = '[admin_certificates]\nca_file = "ca.pem"\n'
GOOD = {"name": "a", "subject": "CN=a,O=Example", "role": "viewer", "tenants": ["*"]}


def written(*rules: dict[str, object]) -> str:
    """The section with these rules."""
    tables = (
        "[[admin_certificates.rules]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in rule.items())
        for rule in rules
    )
    return HEAD + "".join(tables)


def changed(**changes: object) -> dict[str, object]:
    """The good rule with other values; None leaves one out."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


def test_rules_become_values(tmp_path: Path) -> None:
    """Each kind of match, each role, one tenant, several and all are what they say; a path is meant from the file."""
    uri = changed(name="b", subject=None, uri="spiffe://a/b", role="operator", tenants=["x", "y"])
    mail = changed(name="c", subject=None, email="a@example.com", role="administrator", tenants=["x"])
    host = changed(name="d", subject=None, dns="a.example.com")
    urn = changed(name="e", subject=None, uri="urn:uuid:11111111-0000-4000-8000-000000000000")

    settings = loaded(tmp_path, written(GOOD, uri, mail, host, urn)).admin_certificates

    assert settings.ca_file == tmp_path / "ca.pem"
    assert [(rule.name, rule.match, rule.role, rule.tenants) for rule in settings.values().rules] == [
        ("a", parse_name("CN=a,O=Example"), Role.VIEWER, None),
        ("b", AlternativeName(AlternativeKind.URI, "spiffe://a/b"), Role.OPERATOR, frozenset({"x", "y"})),
        ("c", AlternativeName(AlternativeKind.EMAIL, "a@example.com"), Role.ADMINISTRATOR, frozenset({"x"})),
        ("d", AlternativeName(AlternativeKind.DNS, "a.example.com"), Role.VIEWER, None),
        ("e", AlternativeName(AlternativeKind.URI, str(urn["uri"])), Role.VIEWER, None),
    ]
    assert [str(rule) for rule in settings.rules[:2]] == [
        "a: subject CN=a,O=Example is viewer in *",
        "b: uri spiffe://a/b is operator in x, y",
    ]


def test_the_environment_gives_rules_as_json(tmp_path: Path) -> None:
    """The environment's rules are a JSON array of the same tables."""
    environ = {
        "CONNECTOR_ADMIN_CERTIFICATES__CA_FILE": "/ca.pem",
        "CONNECTOR_ADMIN_CERTIFICATES__RULES": json.dumps([GOOD]),
        "CONNECTOR_ADMIN_CERTIFICATES__REFUSED": f"{'AB:' * 31}AB,{'0' * 64}",
    }

    settings = loaded(tmp_path, environ=environ).admin_certificates

    assert settings == loaded(tmp_path, written(GOOD)).admin_certificates.model_copy(
        update={"ca_file": Path("/ca.pem"), "refused": ("ab" * 32, "0" * 64)}
    )
    assert settings.values().refused == {b"\xab" * 32, bytes(32)}


@pytest.mark.parametrize(
    ("toml", "setting", "says"),
    [
        (HEAD, "rules", "Nobody is an administrator by a certificate without a rule"),
        (written(GOOD).replace('ca_file = "ca.pem"', ""), "ca_file", "The rules need it"),
        (written(GOOD, GOOD), "rules", "Two rules have the name a"),
        (written(GOOD, changed(name="b")), "rules", "The rules a and b match the same certificates"),
        (
            written(changed(subject="CN=a+OU=b"), changed(name="b", subject="OU=b+CN=a")),
            "rules",
            "The rules a and b match the same certificates",
        ),
        (written(GOOD, changed(name="b", subject=None)), "rules", "Number 2: It should have one of subject, dns"),
        (written(changed(uri="urn://a")), "rules", "Number 1: It should have one of subject, dns"),
        (
            written(changed(role="root")),
            "rules",
            "Number 1, role: It should be 'viewer', 'operator' or 'administrator'",
        ),
        (written(changed(role=None)), "rules", "Number 1, role: It should be given"),
        (written(changed(tenants=[])), "rules", "Number 1: tenants should name at least one tenant"),
        (written(changed(tenants=None)), "rules", "Number 1, tenants: It should be given"),
        (written(changed(tenants=["*", "a"])), "rules", "Number 1: tenants should be"),
        (written(changed(tenants=[""])), "rules", "Number 1, tenants, 0: "),
        (written(changed(name="a b")), "rules", "Number 1, name: "),
        (written(changed(name="a\nb")), "rules", "Number 1, name: "),
        (written(changed(name="a" * 41)), "rules", "Number 1, name: "),
        (written(changed(subject="CN=a, O=Example")), "rules", "Number 1, subject: It should be a distinguished name"),
        (written(changed(subject="")), "rules", "Number 1, subject: It should be a distinguished name"),
        (written(changed(subject="/CN=a")), "rules", "Number 1, subject: It should be a distinguished name"),
        (written(changed(subject=None, dns="*.a.example")), "rules", "Number 1: dns should be one name; a wildcard"),
        (
            written(changed(subject=None, dns="a.example.com\0")),
            "rules",
            "Number 1: dns should be one name of that kind",
        ),
        (written(changed(subject=None, dns="")), "rules", "Number 1: dns should be one name of that kind"),
        (written(changed(subject=None, uri="urn:a b")), "rules", "Number 1: uri should be one name of that kind"),
        (written(changed(subject=None, uri="a/b")), "rules", "Number 1: uri should be one name of that kind"),
        (written(changed(subject=None, uri=".*")), "rules", "Number 1: uri should be one name of that kind"),
        (written(changed(subject=None, email="a")), "rules", "Number 1: email should be one name of that kind"),
        (written(changed(rolle="viewer")), "rules", "Number 1, rolle: There is no such setting"),
        (HEAD + 'rules = "no JSON"', "rules", "it does not follow the grammar of JSON"),
        (HEAD + "rules = 1", "rules", "It should be a valid tuple"),
        (HEAD + 'refused = ["ab"]\n' + written(GOOD).removeprefix(HEAD), "refused", "Number 1: It should be a SHA-256"),
    ],
)
def test_a_wrong_rule_stops_the_start(tmp_path: Path, toml: str, setting: str, says: str) -> None:
    """What is wrong is told with the setting, the rule's number and what to do."""
    (problem,) = problems(tmp_path, toml)

    assert problem.startswith(f"admin_certificates.{setting} (")
    assert f"): {says}" in problem
