"""Enrolling: from the paste to a certificate, whatever the paste looks like and whoever is in between."""

import json
import stat
import subprocess
import threading
import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from tests.support.agents import Relay, agent, altered, certificates, enrolled, impostor, pairing, stepped, token, works
from tests.support.server import Server

from connector.agent.directory import encode_key
from connector.client.keys import make_key

VERIFY = ("openssl", "verify", "-x509_strict", "-purpose", "sslclient")
BAD_INPUT, REFUSED, UNTRUSTED, UNREACHABLE, LOCKED, FILES = 3, 4, 5, 6, 7, 8


@pytest.fixture
def text(server: Server, tmp_path: Path) -> str:
    return pairing(server, tmp_path.name[-80:])


def test_from_paste_to_connected(server: Server, text: str, tmp_path: Path) -> None:
    """One command connects: the key is the owner's alone, names as in a TLS secret, every address."""
    directory = tmp_path / "identity"
    done = agent("enroll", directory, text)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("status: connected\n")
    assert token(text) not in done.stdout + done.stderr
    assert stat.S_IMODE((directory / "tls.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name for path in directory.iterdir()} == {
        *("tls.key", "tls.crt", "ca.crt", "current", "versions", "connection.json", "state.json", "lock")
    }
    told = json.loads((directory / "connection.json").read_text())
    assert told["connector"] == server.public_connector
    assert (told["secured_connector"], told["director"]) == (server.mtls_connector, server.mtls_director)
    verified = subprocess.run(
        [*VERIFY, "-CAfile", "ca.crt", "-untrusted", "tls.crt", "tls.crt"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.stdout == "tls.crt: OK\n"
    assert token(text).encode() not in b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
    assert works(directory)


@pytest.mark.parametrize("form", ["wrapped", "quoted", "indented", "twice"])
@pytest.mark.parametrize("way", ["argument", "standard input", "file"])
def test_a_pairing_string_as_it_comes(text: str, tmp_path: Path, form: str, way: str) -> None:
    """Wrapped lines, quotes and blanks around it, and a second copy, do no harm, wherever it comes from."""
    lines = [text[start : start + 60] for start in range(0, len(text), 60)]
    dressed = {
        "wrapped": "\r\n".join(lines) + "\n",
        "quoted": f'"{text}"',
        "indented": "  \t" + "\n    ".join(lines),
        "twice": f"{text}\n{text}\n",
    }[form]
    directory, file = tmp_path / "identity", tmp_path / "pairing"
    file.write_text(dressed)
    arguments = {"argument": (dressed,), "standard input": ("-",), "file": ("--file", str(file))}[way]

    done = agent("enroll", directory, *arguments, given=dressed)

    assert done.returncode == 0, done.stderr


def test_a_cut_pairing_string_is_refused_before_anything(text: str, tmp_path: Path) -> None:
    """Half a pairing string, none, and another text are refused in a sentence, and leave no identity behind."""
    for bad in (text[:-10], text[10:], text[: len(text) // 2], "eyJ9", "hello", "-"):
        done = agent("enroll", tmp_path / "identity", bad, given="")
        assert done.returncode == BAD_INPUT, (bad, done.stderr)
        assert "[pairing_unreadable]" in done.stderr
    assert agent("enroll", tmp_path / "identity").returncode == BAD_INPUT
    assert not (tmp_path / "identity" / "current").exists()


def test_a_token_that_is_spent_or_unknown_ends_at_once(server: Server, text: str, tmp_path: Path) -> None:
    """A used pairing string, and one whose token never was, end with the server's code, without a second try."""
    assert agent("enroll", tmp_path / "first", text).returncode == 0

    for bad, code in ((text, "token_spent"), (altered(text, token="A" * 86 + "=="), "token_unknown")):
        begun = time.monotonic()
        done = agent("enroll", tmp_path / "second", bad, "--json")
        assert done.returncode == REFUSED
        assert json.loads(done.stdout)["error"]["code"] == code
        assert time.monotonic() - begun < 50
        assert not (tmp_path / "second" / "pending").exists()


def test_an_expired_token_says_so(server: Server, tmp_path: Path) -> None:
    """A pairing string that was left lying says that it has expired."""
    server.application(tmp_path.name[-80:])
    done = server.command("token", "mint", tmp_path.name[-80:], "--lifetime", "1")
    text = next(line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("pairing"))
    time.sleep(1.1)

    assert "[token_expired]" in agent("enroll", tmp_path / "identity", text).stderr


def test_a_man_in_the_middle_learns_nothing(server: Server, text: str, tmp_path: Path) -> None:
    """With a certificate that the system trusts, and whether it shows its own root or ours, somebody in between is
    found out before the token is sent: exit status 5.
    """
    genuine = x509.load_pem_x509_certificate(server.root).public_bytes(Encoding.DER)
    for root in (None, genuine):
        with impostor(tmp_path / f"impostor-{root is None}", root) as between:
            done = agent("enroll", tmp_path / "identity", altered(text, connectorURL=between.url), env=between.trusting)

        assert done.returncode == UNTRUSTED, done.stderr
        assert [seen.splitlines()[0] for seen in between.seen] == ["GET /pki/root.crt HTTP/1.1"]
        assert token(text) not in "".join(between.seen)


def test_a_wrong_fingerprint_sends_nothing(server: Server, text: str, tmp_path: Path) -> None:
    """A fingerprint of another root ends it, with both fingerprints, the host and the next step; the token is still
    valid for the right one.
    """
    done = agent("enroll", tmp_path / "identity", altered(text, rootFingerprint="0" * 64))

    assert done.returncode == UNTRUSTED
    assert "[server_untrusted]" in done.stderr
    root = x509.load_pem_x509_certificate(server.root).fingerprint(SHA256()).hex()
    for told in (root, "0" * 64, urlsplit(server.public_connector).netloc, "connector ca show"):
        assert told in done.stderr
    assert agent("enroll", tmp_path / "identity", text).returncode == 0


def test_a_key_of_ones_own(server: Server, tmp_path: Path) -> None:
    """With --key-file the certificate is for that key, so a token that is bound to it can be used; one that others can
    read is refused, and a renewal makes a key of the same kind.
    """
    key = make_key("p384")
    file, directory = tmp_path / "own.pem", tmp_path / "identity"
    file.write_bytes(encode_key(key, None))
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    server.application(tmp_path.name[-80:])
    done = server.command("token", "mint", tmp_path.name[-80:], "--key", sha256(spki).hexdigest())
    text = next(line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("pairing"))

    file.chmod(0o644)
    exposed = agent("enroll", directory, text, "--key-file", str(file))
    assert (exposed.returncode, f"chmod 600 {file}" in exposed.stderr) == (FILES, True)
    file.chmod(0o600)
    done = agent("enroll", directory, text, "--key-file", str(file))
    assert done.returncode == 0, done.stderr
    leaf = x509.load_pem_x509_certificate((directory / "tls.crt").read_bytes())
    assert leaf.public_key() == key.public_key()
    assert agent("renew", directory).returncode == 0
    renewed = x509.load_pem_x509_certificate((directory / "tls.crt").read_bytes()).public_key()
    assert renewed != key.public_key()
    assert renewed.curve.name == "secp384r1"  # type: ignore[union-attr]


def test_without_a_fingerprint_the_system_decides(server: Server, text: str, tmp_path: Path) -> None:
    """A pairing string that names no root is for a server that the system's store vouches for, and for no other."""
    bare = altered(text, rootFingerprint=None)
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(server.root)

    assert agent("enroll", tmp_path / "identity", bare).returncode == UNTRUSTED
    done = agent("enroll", tmp_path / "identity", bare, env={"SSL_CERT_FILE": str(anchor)})
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "identity" / "versions" / "ca.crt").exists()
    assert agent("status", tmp_path / "identity").returncode == UNTRUSTED


def test_no_option_turns_verification_off() -> None:
    """The help of no command names a way around."""
    told = "".join(
        agent(command, Path("/nowhere"), "--help").stdout
        for command in ("enroll", "status", "renew", "run", "call", "revoke", "doctor", "export")
    ).lower()

    assert "insecure" not in told
    assert "verif" not in told


def test_an_identity_is_not_given_up_by_mistake(server: Server, text: str, tmp_path: Path) -> None:
    """A second pairing string, for the same server or another, leaves the identity alone unless that is said."""
    directory = enrolled(server, tmp_path / "identity")
    before = (directory / "current").readlink()

    done = agent("enroll", directory, text)
    assert done.returncode == BAD_INPUT
    assert "[enrolled_already]" in done.stderr
    assert (directory / "current").readlink() == before
    assert agent("enroll", directory, text, "--replace").returncode == 0
    assert (directory / "current").readlink() != before
    assert works(directory)


def test_an_encrypted_key(server: Server, text: str, tmp_path: Path) -> None:
    """With a passphrase the key's file is encrypted, and the passphrase is never asked for again; without it there is a
    sentence.
    """
    directory, passphrase = tmp_path / "identity", tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    assert agent("enroll", directory, text, "--passphrase-file", str(passphrase)).returncode == FILES
    passphrase.chmod(0o600)
    assert agent("enroll", directory, text, "--passphrase-file", str(passphrase)).returncode == 0

    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (directory / "tls.key").read_bytes()
    assert load_pem_private_key((directory / "tls.key").read_bytes(), b"correct horse")
    assert works(directory)
    assert agent("renew", directory).returncode == 0
    passphrase.write_text("wrong\n")
    assert agent("status", directory).returncode == FILES


@pytest.mark.parametrize("kind", ["p384", "rsa2048", "ed25519"])
def test_kinds_of_keys(server: Server, text: str, tmp_path: Path, kind: str) -> None:
    """Other kinds of keys are made on demand, and made again at each renewal."""
    directory = tmp_path / "identity"
    assert agent("enroll", directory, text, "--key", kind).returncode == 0
    made = type(load_pem_private_key((directory / "tls.key").read_bytes(), None))
    assert agent("renew", directory).returncode == 0
    assert type(load_pem_private_key((directory / "tls.key").read_bytes(), None)) is made
    assert works(directory)


def test_a_lost_reply_costs_nothing(server: Server, text: str, tmp_path: Path) -> None:
    """A server that takes the request and is cut off before its reply is asked again, and issues one certificate."""
    directory, issued = tmp_path / "identity", []
    port = urlsplit(server.urls["public"]).port or 0
    # The root certificate, the configuration, the certificate: each comes over a connection of its own.
    relay = Relay(lambda: port, lambda number: "lose" if number == 3 else "pass")
    relay.lost = lambda: issued.append(server.log.read_text().count("certificate.issued"))
    before = server.log.read_text().count("certificate.issued")
    with relay:
        through = altered(text, connectorURL=f"https://localhost:{relay.port}/connector/graphql")
        done = agent("enroll", directory, through, "--patience", "20")

    assert done.returncode == 0, done.stderr
    assert "Trying again" in done.stderr
    assert issued == [before + 1]
    assert certificates(server, directory) == 1


def test_names_that_are_not_found_half_the_time(server: Server, text: str, tmp_path: Path) -> None:
    """Where every second look-up of a name fails, it takes longer, and works."""
    directory = tmp_path / "identity"
    done = stepped(directory, -1, "dns", "enroll", text)

    assert done.returncode == 0, done.stderr
    assert "Temporary failure in name resolution" in done.stderr
    assert certificates(server, directory) == 1


def test_a_server_that_is_away_is_waited_for_and_told(server: Server, text: str, tmp_path: Path) -> None:
    """Nobody at the address: tried again for as long as was said, then exit status 6; later it goes on."""
    directory = tmp_path / "identity"
    away = altered(text, connectorURL="https://localhost:1/connector/graphql")
    done = agent("enroll", directory, away, "--patience", "2")

    assert done.returncode == UNREACHABLE
    assert "Trying again" in done.stderr
    assert (directory / "pending" / "tls.key").exists()
    assert agent("enroll", directory, text).returncode == 0


def test_two_agents_on_one_directory(server: Server, text: str, tmp_path: Path) -> None:
    """While one works, another is told so, and changes nothing."""
    directory = tmp_path / "identity"
    away = altered(text, connectorURL="https://localhost:1/connector/graphql")
    first = threading.Thread(target=agent, args=("enroll", directory, away, "--patience", "4"))
    first.start()
    while not (directory / "pending").exists():
        time.sleep(0.02)

    done = agent("enroll", directory, text)

    assert done.returncode == LOCKED
    assert "[locked]" in done.stderr
    first.join()
    assert agent("enroll", directory, text).returncode == 0
