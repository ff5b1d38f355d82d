"""Renewing: checked before it is swapped, rolled back when a program does not take it, and never stranded."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from tests.support.agents import Relay, agent, certificates, enrolled, pairing, stepped, works
from tests.support.ca import CA
from tests.support.server import Server

from connector.agent.checking import check
from connector.agent.outcomes import ServerUntrusted
from connector.client.keys import make_key, name
from connector.exposure import Trusted
from connector.pki.issuer import make_issuing
from connector.pki.profile import NewCA, plan_server
from connector.pki.signatures import encoded_key
from connector.pki.signer import KeySigner
from connector.system.keystore import ISSUING, ISSUING_KEY, CAPlan, open_or_create
from connector.web.chains import pem

BAD_INPUT, REFUSED, UNTRUSTED, UNREACHABLE, LOCKED, FILES, HOOK, UNWELL = 3, 4, 5, 6, 7, 8, 9, 10
NOW = partial(datetime.now, UTC)
DAY = timedelta(days=1)


@pytest.fixture
def directory(server: Server, tmp_path: Path) -> Path:
    """An identity."""
    return enrolled(server, tmp_path / "identity")


def current(directory: Path) -> str:
    return str((directory / "current").readlink())


def leaf(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((directory / "tls.crt").read_bytes())[0]


def test_a_renewal_brings_another_key(server: Server, directory: Path) -> None:
    """By default the key is a new one, and on demand the same; the former pair is gone once the new one was used."""
    first = leaf(directory)
    assert agent("renew", directory).returncode == 0
    second = leaf(directory)
    assert agent("renew", directory, "--same-key").returncode == 0
    third = leaf(directory)

    assert first.public_key() != second.public_key() == third.public_key()
    assert len({first.serial_number, second.serial_number, third.serial_number}) == 3
    assert [path.name for path in (directory / "versions").iterdir()] == [current(directory).rpartition("/")[2]]
    assert not (directory / "former").is_symlink()
    assert works(directory)


def test_a_reader_never_sees_half_of_a_swap(server: Server, directory: Path) -> None:
    """Whoever reads through the one link while renewals go on always finds key and chain of one version."""
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            version = directory / (directory / "current").readlink()
            try:
                chain, key = (version / "tls.crt").read_bytes(), (version / "tls.key").read_bytes()
            except FileNotFoundError:
                continue  # it was replaced, used and removed meanwhile: read the link again
            public = x509.load_pem_x509_certificates(chain)[0].public_key()
            if load_pem_private_key(key, None).public_key() != public:
                torn.append(version)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        assert agent("renew", directory).returncode == 0
    stop.set()
    reader.join()
    assert torn == []


def test_hooks_take_up_the_new_pair(directory: Path, tmp_path: Path) -> None:
    """Each --reload command runs after the swap, in turn, and is told the directory."""
    seen = tmp_path / "seen"
    command = f"sh -c 'readlink $CONNECTOR_AGENT_DIR/current >> {seen}'"
    assert agent("renew", directory, "--reload", command, "--reload", command).returncode == 0

    assert seen.read_text().splitlines() == [current(directory)] * 2


@pytest.mark.parametrize("hook", ["false", "sh -c 'echo no such site >&2; exit 3'", "sleep 60", "/no/such/program"])
def test_a_hook_that_fails_brings_the_former_pair_back(server: Server, directory: Path, hook: str) -> None:
    """A command that fails, takes too long or is not there ends with status 9, and the former pair is in use again; the
    next try takes up the pair that is there, and asks for no other.
    """
    before, issued = current(directory), certificates(server, directory)
    for _ in range(2):
        done = agent("renew", directory, "--reload", hook, "--reload-seconds", "0.5")
        assert done.returncode == HOOK, done.stderr
        assert "certificate.rolled_back" in done.stderr
        assert current(directory) == before
        assert works(directory)
    assert certificates(server, directory) == issued + 1

    assert agent("renew", directory, "--reload", "true").returncode == 0
    assert current(directory) != before
    assert certificates(server, directory) == issued + 1


def test_an_unreadable_hook_is_refused_before_anything(directory: Path) -> None:
    """A command with an open quote, or none at all, stops before the server is asked."""
    before = current(directory)
    for hook in ("sh -c 'oops", " "):
        assert agent("renew", directory, "--reload", hook).returncode == BAD_INPUT
    assert current(directory) == before


def test_only_if_it_is_due(server: Server, directory: Path) -> None:
    """A timer's call changes nothing before the time; when the operator asks, it renews, and once."""
    before = current(directory)
    done = agent("renew", directory, "--if-due")
    assert (done.returncode, current(directory)) == (0, before)
    assert "status: not due" in done.stdout

    server.command("certificate", "renew-now", f"{leaf(directory).serial_number:x}")
    assert agent("renew", directory, "--if-due").returncode == 0
    assert current(directory) != before
    renewed = current(directory)
    assert "status: not due" in agent("renew", directory, "--if-due").stdout
    assert current(directory) == renewed


def test_a_lost_reply_to_a_renewal(tmp_path: Path) -> None:
    """A renewal whose reply was lost is asked for again, and is one certificate."""
    server = Server(tmp_path / "server" / "data")
    relay = Relay(lambda: urlsplit(server.urls["mtls"]).port or 0, lambda _: "pass")
    server.settings = {"CONNECTOR_URLS__MTLS": f"https://localhost:{relay.port}"}
    with relay, server:
        directory = enrolled(server, tmp_path / "identity")
        first = relay.count
        # The configuration, then the renewal.
        relay.fate = lambda number: "lose" if number == first + 2 else "pass"
        relay.lost = lambda: lost.append(server.log.read_text().count("certificate.renewed"))
        lost: list[int] = []
        done = agent("renew", directory, "--patience", "20")
        assert done.returncode == 0, done.stderr
        assert lost == [1]
        assert certificates(server, directory) == 2


def test_a_revoked_identity_ends_clearly(server: Server, directory: Path) -> None:
    """After a revocation, by the holder or the administrator, renewing and asking end with the server's code."""
    before = current(directory)
    assert agent("revoke", directory).returncode == BAD_INPUT
    assert "status: revoked" in agent("revoke", directory, "--yes").stdout

    for command in ("renew", "status", "call"):
        done = agent(command, directory)
        assert done.returncode == REFUSED
        assert "certificate_revoked" in done.stderr + done.stdout
    assert current(directory) == before
    assert not (directory / "pending").exists()


def test_another_is_at_work(directory: Path) -> None:
    """While one renews, another is told so."""
    first = threading.Thread(target=agent, args=("renew", directory, "--reload", "sleep 2"))
    first.start()
    while not (directory / "pending").exists():
        time.sleep(0.02)

    assert agent("renew", directory).returncode == LOCKED
    first.join()
    assert works(directory)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    path = tmp_path / "mounted"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("action", ["readonly", "fill"])
def test_a_disk_that_fails_in_mid_swap(server: Server, mounted: Path, action: str) -> None:
    """At whichever step the disk fills up or becomes read-only, the pair in use goes on working, the agent says what is
    wrong with status 8, and when the disk is well again the same command ends well, with one certificate.
    """
    directory = enrolled(server, mounted / "identity")
    steps = int(stepped(directory, 0, "none", "renew").stderr.rpartition("steps=")[2])
    for step in range(4, steps, max(steps // 6, 1)):
        before, issued = current(directory), certificates(server, directory)
        done = stepped(directory, step, action, "renew", "--patience", "0")
        assert works(directory), done.stderr
        if done.returncode != 0:
            assert done.returncode == FILES, done.stderr
            assert "[files_unusable]" in done.stderr
        if action == "readonly":
            subprocess.run(["mount", "-o", "remount,rw", str(mounted)], check=True)
        else:
            (mounted / "filler").unlink()
        if current(directory) == before or (directory / "pending").exists():
            assert agent("renew", directory).returncode == 0
        assert current(directory) != before
        assert works(directory)
        assert certificates(server, directory) == issued + 1


def test_a_new_issuing_ca(fresh_server: Server, tmp_path: Path) -> None:
    """A server that comes back with another issuing CA under the same root still takes the certificate, asks for its
    renewal at once, and the new chain is put in use.
    """
    fresh_server.keeps_ports = True
    fresh_server.start()
    directory = enrolled(fresh_server, tmp_path / "identity")
    assert fresh_server.stop() == 0
    before = leaf(directory).issuer
    replace_issuing(fresh_server.data / "ca")
    fresh_server.start()

    done = agent("renew", directory, "--if-due")

    assert done.returncode == 0, done.stderr
    assert leaf(directory).issuer != before
    assert works(directory)
    assert "status: not due" in agent("renew", directory, "--if-due").stdout


def replace_issuing(ca: Path) -> None:
    """Make another issuing CA with the root's key."""
    root_signer = KeySigner.load((ca / "root.key").read_bytes(), None)
    root = x509.load_pem_x509_certificate((ca / "root.pem").read_bytes())
    signer = KeySigner.generate("p256")
    new = NewCA("Another Issuing CA", timedelta(days=100), 77, datetime.now(UTC))
    issuing = make_issuing(root, root_signer, signer, new)
    (ca / ISSUING).write_bytes(issuing.public_bytes(Encoding.PEM))
    (ca / ISSUING_KEY).write_bytes(signer.encoded(None))


def test_what_is_not_ours_is_not_put_in_use() -> None:
    """A chain for another key, another subject or under another anchor, and what is no chain, are refused."""
    ca, other = CA.make(), CA.make()
    good = ca.client()
    chain = good.pem + ca.issuing.pem
    assert check(chain, key=good.key, subject="CN=client", anchors=ca.root.pem) == good.certificate
    assert check(chain, key=good.key, subject="CN=client", anchors=None) == good.certificate
    for wrong, key, subject, anchors in (
        (chain, make_key(), "CN=client", ca.root.pem),
        (chain, good.key, "CN=somebody", ca.root.pem),
        (chain, good.key, "CN=client", other.root.pem),
        (good.pem + other.issuing.pem, good.key, "CN=client", None),
        (b"no chain", good.key, "CN=client", None),
        (b"", good.key, "CN=client", ca.root.pem),
    ):
        with pytest.raises(ServerUntrusted):
            check(wrong, key=key, subject=subject, anchors=anchors)
    assert name("CN=client") == good.certificate.subject


def clock(shift: str) -> dict[str, str]:
    """The environment in which a program's clock is wrong by so much."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {"FAKETIME": shift, "LD_PRELOAD": str(library)}


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_clock_an_hour_off(fresh_server: Server, tmp_path: Path, shift: str) -> None:
    """An hour off, either way, enrolling and renewing work against a server that has run for longer; the plan goes by
    the server's time, and the doctor says that the clock is wrong.
    """
    fresh_server.settings = clock("-2h")
    fresh_server.keeps_ports = True
    fresh_server.start()  # its CA is from then
    fresh_server.stop()
    fresh_server.settings = old_certificate(fresh_server.data, tmp_path)
    fresh_server.start()
    wrong = clock(shift)
    text = pairing(fresh_server, "off")

    done = agent("enroll", tmp_path / "identity", text, env=wrong)

    assert done.returncode == 0, done.stderr
    assert agent("renew", tmp_path / "identity", env=wrong).returncode == 0
    state = json.loads((tmp_path / "identity" / "state.json").read_text())
    assert abs(abs(state["skew"]) - 3600) < 10
    examined = agent("doctor", tmp_path / "identity", env=wrong)
    assert examined.returncode == UNWELL
    assert "BAD  clock: 60 minutes" in examined.stdout


def old_certificate(data: Path, directory: Path, minutes: int = 90) -> dict[str, str]:
    """The settings with which the server shows a certificate that it has had for so many minutes."""
    days = timedelta(days=100)
    plan, ours = CAPlan("p256", days, days), Trusted.here()
    issuer = open_or_create(data / "ca", plan=plan, passphrase=None, trusted=ours, now=NOW(), random=os.urandom)
    key = ec.generate_private_key(ec.SECP256R1())
    spki, then = encoded_key(key.public_key()), NOW() - timedelta(minutes=minutes)
    plan = plan_server(spki, ["localhost"], authority=issuer.authority, validity=300 * DAY, serial=9, now=then)
    (directory / "old.pem").write_text(pem(issuer.sign(plan)) + pem(issuer.der))
    (directory / "old.key").touch(0o600)
    (directory / "old.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {
        "CONNECTOR_TLS__CERTIFICATE_FILE": str(directory / "old.pem"),
        "CONNECTOR_TLS__KEY_FILE": str(directory / "old.key"),
    }


@pytest.mark.parametrize(("truth", "belief"), [("+100d", "+80d"), ("+80d", "+100d")])
def test_a_clock_that_is_wrong_about_the_expiry(fresh_server: Server, tmp_path: Path, truth: str, belief: str) -> None:
    """Who takes an expired certificate for good, or a good one for expired, is told by the server, and is renewed."""
    fresh_server.keeps_ports = True
    fresh_server.start()
    directory = enrolled(fresh_server, tmp_path / "identity")
    fresh_server.stop()
    fresh_server.settings = {"CONNECTOR_CERTIFICATES__GRACE": "30d"}
    fresh_server.settings |= old_certificate(fresh_server.data, tmp_path, minutes=5) | clock(truth)
    fresh_server.start()
    before = current(directory)

    done = agent("renew", directory, env=clock(belief))

    assert done.returncode == 0, done.stderr
    assert current(directory) != before
    assert works_by(directory, clock(belief))


def works_by(directory: Path, env: dict[str, str]) -> bool:
    """Whether the pair in use gets its answer, by that clock."""
    return agent("status", directory, "--patience", "0", env=env).returncode == 0


def test_after_the_expiry(fresh_server: Server, tmp_path: Path) -> None:
    """An identity whose certificate ended while the server was away is renewed within the grace by a proof of its key;
    without a grace the agent ends with the server's refusal.
    """
    fresh_server.keeps_ports = True
    fresh_server.start()
    directory, stranded = (enrolled(fresh_server, tmp_path / each) for each in ("identity", "stranded"))
    fresh_server.stop()
    late = clock("+100d")
    fresh_server.settings = {"CONNECTOR_CERTIFICATES__GRACE": "30d", **late}
    fresh_server.start()
    before = current(directory)

    done = agent("renew", directory, env=late)

    assert done.returncode == 0, done.stderr
    assert "kind=late" in done.stderr
    assert current(directory) != before
    assert agent("status", directory, env=late).returncode == 0
    assert "[certificate_expired]" in agent("status", stranded, env=late).stderr
    fresh_server.stop()
    fresh_server.settings = late
    fresh_server.start()
    done = agent("renew", stranded, env=late)
    assert done.returncode == REFUSED
    assert "[certificate_expired]" in done.stderr
