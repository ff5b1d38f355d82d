"""The CA's files: all or nothing, for their owner alone, and refused when anything is odd about them."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connector.exposure import Exposed, Trusted
from connector.pki.issuer import Issuer
from connector.pki.profile import plan_server
from connector.pki.signatures import encoded_key
from connector.system.keystore import CAPlan, KeystoreError, locked, open_or_create, read_secret, write_secret
from connector.web.chains import pem

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAN = CAPlan(key="p256", root_validity=timedelta(days=3650), issuing_validity=timedelta(days=1825))
WORDS = b"correct horse battery staple"


def opened(data: Path, *, passphrase: bytes | None = None, now: datetime = NOW, plan: CAPlan = PLAN) -> Issuer:
    """The issuer of a data directory."""
    return open_or_create(
        data / "ca", plan=plan, passphrase=passphrase, trusted=Trusted.here(), now=now, random=token_bytes
    )


def test_the_first_start_makes_a_ca_and_the_next_ones_open_it(tmp_path: Path) -> None:
    """Root and issuing CA are made once; openssl agrees that they are a chain."""
    first = opened(tmp_path)
    again = opened(tmp_path)

    assert again.fingerprint == first.fingerprint
    assert first.certificate.not_valid_after_utc == NOW + PLAN.issuing_validity
    verified = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-attime",
            str(int(NOW.timestamp())),
            "-CAfile",
            "root.pem",
            "issuing.pem",
        ],
        cwd=tmp_path / "ca",
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert verified.stdout == "issuing.pem: OK\n"


def test_two_installations_have_two_names(tmp_path: Path) -> None:
    """No two CAs share a distinguished name, a key or a serial number."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = opened(tmp_path / "a"), opened(tmp_path / "b")

    assert one.root.subject != two.root.subject
    assert one.certificate.subject != two.certificate.subject
    assert len({certificate.serial_number for ca in (one, two) for certificate in (ca.root, ca.certificate)}) == 4


@pytest.mark.parametrize("kind", ["p384", "rsa3072"])
def test_the_kind_of_key_is_a_choice(tmp_path: Path, kind: str) -> None:
    """Both keys are of the kind that the plan names."""
    ca = opened(tmp_path, plan=CAPlan(kind, PLAN.root_validity, PLAN.issuing_validity))

    assert isinstance(ca.signer.public_key, ec.EllipticCurvePublicKey) == (kind == "p384")
    assert ca.signer.public_key.key_size == {"p384": 384, "rsa3072": 3072}[kind]


def test_modes_are_the_owner_s_under_any_umask(tmp_path: Path) -> None:
    """Directory 0700, files 0600, even where the umask gives everything away."""
    former = os.umask(0)
    try:
        with locked(tmp_path / "data"):
            opened(tmp_path / "data")
            write_secret(tmp_path / "data" / "admin.key", "text")
    finally:
        os.umask(former)

    made = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {mode for path, mode in made.items() if path in {Path("data"), Path("data/ca")}} == {0o700}
    assert {mode for path, mode in made.items() if path not in {Path("data"), Path("data/ca")}} == {0o600}
    assert len(made) == 8


def test_keys_are_encrypted_with_the_passphrase(tmp_path: Path) -> None:
    """With a passphrase both keys are encrypted PKCS #8, and open with it alone."""
    opened(tmp_path, passphrase=WORDS)

    assert opened(tmp_path, passphrase=WORDS)
    for name in ("root.key", "issuing.key"):
        octets = (tmp_path / "ca" / name).read_bytes()
        assert octets.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert load_pem_private_key(octets, WORDS)
    with pytest.raises(KeystoreError, match="there is no passphrase"):
        opened(tmp_path)
    with pytest.raises(KeystoreError, match="the passphrase is wrong") as caught:
        opened(tmp_path, passphrase=b"another passphrase")
    assert "another passphrase" not in str(caught.value)


def test_a_plain_key_is_refused_where_a_passphrase_is_set(tmp_path: Path) -> None:
    """Who sets a passphrase believes the keys encrypted, so that plain ones stop the start."""
    opened(tmp_path)

    with pytest.raises(KeystoreError, match="not encrypted"):
        opened(tmp_path, passphrase=WORDS)


def test_the_root_key_may_be_offline(tmp_path: Path) -> None:
    """After the first start nothing needs root.key."""
    first = opened(tmp_path)
    (tmp_path / "ca" / "root.key").unlink()

    assert opened(tmp_path).fingerprint == first.fingerprint


@pytest.mark.parametrize("name", ["root.key", "issuing.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    """A key file is its owner's alone, or the server does not start."""
    opened(tmp_path)
    (tmp_path / "ca" / name).chmod(mode)

    with pytest.raises(Exposed, match=rf"{name} \(mode {mode:04o}\) can be read .*chmod 600 "):
        opened(tmp_path)


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Who can write the directory can put another key in it."""
    opened(tmp_path)
    (tmp_path / "ca").chmod(0o777)

    with pytest.raises(Exposed, match="can be written by others"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["root.pem", "issuing.key", "issuing.pem"])
def test_half_a_ca_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    """A lost file stops the start; no new CA takes the place of one that was there."""
    opened(tmp_path)
    (tmp_path / "ca" / name).unlink()
    left = sorted(path.name for path in (tmp_path / "ca").iterdir())

    with pytest.raises(KeystoreError, match=f"lacks {name}"):
        opened(tmp_path)
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == left


def test_an_empty_directory_is_half_a_ca(tmp_path: Path) -> None:
    """An unmounted volume is no first start."""
    (tmp_path / "ca").mkdir(mode=0o700)

    with pytest.raises(KeystoreError, match="lacks"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["root.pem", "issuing.key", "issuing.pem"])
def test_another_ca_s_file_is_refused(tmp_path: Path, name: str) -> None:
    """Key and certificates belong together."""
    for data in (tmp_path / "a", tmp_path / "b"):
        data.mkdir()
        opened(data)
    (tmp_path / "b" / "ca" / name).replace(tmp_path / "a" / "ca" / name)

    with pytest.raises(KeystoreError, match="do not belong together"):
        opened(tmp_path / "a")


def test_an_end_entity_certificate_is_no_ca_s(tmp_path: Path) -> None:
    """What is to issue must be a CA certificate (RFC 5280 4.2.1.9)."""
    ca = opened(tmp_path)
    day, spki = timedelta(days=1), encoded_key(ca.signer.public_key)
    leaf = ca.sign(plan_server(spki, ["localhost"], authority=ca.authority, validity=day, serial=1, now=NOW))
    (tmp_path / "ca" / "issuing.pem").write_text(pem(leaf))

    with pytest.raises(KeystoreError, match="do not belong together"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["root.pem", "issuing.key", "issuing.pem"])
@pytest.mark.parametrize("octets", [b"", b"\x00" * 100, b"-----BEGIN CERTIFICATE-----\nAA==\n", b"x" * 70_000])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, octets: bytes) -> None:
    """Whatever is in a file, the start ends with its name."""
    opened(tmp_path)
    (tmp_path / "ca" / name).write_bytes(octets)

    with pytest.raises(KeystoreError, match=name):
        opened(tmp_path)


def test_a_fifo_in_the_place_of_a_key_does_not_hang_the_start(tmp_path: Path) -> None:
    """Only regular files are read."""
    opened(tmp_path)
    (tmp_path / "ca" / "issuing.key").unlink()
    os.mkfifo(tmp_path / "ca" / "issuing.key", 0o600)

    with pytest.raises(KeystoreError, match="regular file"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + timedelta(days=1826), "issuing.pem expired"),
        (NOW - timedelta(days=30), "issuing.pem is not valid yet"),
        (datetime(1970, 1, 1, tzinfo=UTC), "The clock says 1970-01-01"),
    ],
)
def test_the_ca_is_used_within_its_validity(tmp_path: Path, now: datetime, reason: str) -> None:
    """An expired CA issues nothing, and neither does one whose clock is wrong."""
    opened(tmp_path)

    with pytest.raises(KeystoreError, match=reason):
        opened(tmp_path, now=now)


def test_no_ca_is_made_by_a_wrong_clock(tmp_path: Path) -> None:
    """A clock before 2020 stops the first start."""
    with pytest.raises(KeystoreError, match="The clock says"):
        opened(tmp_path, now=datetime(2019, 12, 31, tzinfo=UTC))
    assert not (tmp_path / "ca").exists()


# Kills itself at the nth thing that Python does to a file in the data directory.
KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from connector.exposure import Trusted
from connector.system.keystore import CAPlan, open_or_create

data, countdown = sys.argv[1], int(sys.argv[2])

def count(event, arguments):
    global countdown
    if event in {"open", "os.mkdir", "os.rename", "os.rmdir", "os.remove"} and data in str(arguments[0]):
        countdown -= 1
        if countdown < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
plan = CAPlan("p256", timedelta(days=2), timedelta(days=1))
moment = datetime(2026, 11, 24, tzinfo=UTC)
ours = Trusted.here()
open_or_create(Path(data) / "ca", plan=plan, passphrase=None, trusted=ours, now=moment, random=os.urandom)
"""


def test_a_kill_leaves_everything_or_nothing(tmp_path: Path) -> None:
    """Killed before any of its steps, the first start leaves a whole CA or none, and the next start succeeds."""
    for step in range(30):
        data = tmp_path / str(step)
        data.mkdir()
        status = subprocess.run([sys.executable, "-c", KILLED, data, str(step)], check=False, timeout=30).returncode
        if status == 0:
            break
        assert status == -signal.SIGKILL
        if (data / "ca").exists():
            assert {path.name for path in (data / "ca").iterdir()} == {
                "root.key",
                "root.pem",
                "issuing.key",
                "issuing.pem",
            }
        assert opened(data, now=datetime(2026, 11, 24, 1, tzinfo=UTC))
        assert not (data / ".ca.new").exists()
    else:
        pytest.fail("the first start never ended")
    assert step > 7  # four files, two directories, their names: fewer steps would mean that the hook saw nothing


def test_one_data_directory_has_one_server(tmp_path: Path) -> None:
    """A second server is refused while the first runs, and let in once it is gone, however it went."""
    hold = "import sys, time; from pathlib import Path; from connector.system.keystore import locked\n"
    hold += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, tmp_path], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(KeystoreError, match="in use by another"), locked(tmp_path):
            pass
        first.kill()

    with locked(tmp_path):
        pass


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The operating system's answer becomes a sentence with the path in it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(KeystoreError, match="file/data cannot be used"), locked(tmp_path / "file" / "data"):
        pass


def test_a_secret_replaces_the_former_whole(tmp_path: Path) -> None:
    """A secret is one line in a file for its owner, whatever stood there and whatever a killed write left."""
    path = tmp_path / "admin.key"
    path.write_text("former")
    path.chmod(0o644)
    (tmp_path / ".admin.key.new").write_text("left behind")

    write_secret(path, "latter")

    assert path.read_text() == "latter\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"words of passage", b"words of passage\n", b"words of passage\r\n"])
def test_a_passphrase_is_the_line_in_its_file(tmp_path: Path, content: bytes) -> None:
    """The end of the line is not part of the passphrase."""
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    path.chmod(0o600)

    assert read_secret(path, "passphrase", Trusted.here()) == b"words of passage"


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a" * 1024])
def test_a_doubtful_passphrase_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """No empty, second or overlong passphrase is taken."""
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(KeystoreError, match="passphrase"):
        read_secret(path, "passphrase", Trusted.here())


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """What everybody knows protects nothing."""
    path = tmp_path / "passphrase"
    path.write_bytes(b"words")
    path.chmod(0o644)

    with pytest.raises(Exposed, match=r"can be read by others. Run: chmod 600 "):
        read_secret(path, "passphrase", Trusted.here())
