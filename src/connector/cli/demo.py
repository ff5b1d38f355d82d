"""The main job on real sockets: an administrator and an external system against a server of their own.

Each step is a line: who did what, what was sent, what came back, how long it took. The refusals are steps as well.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from rich.console import Console
from rich.markup import escape

from connector.client import Client, Configuration, Refused, Untrusted, fetch_root, make_csr, make_key
from connector.domain import pairing
from connector.domain.pairing import Pairing
from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import read_object

T = TypeVar("T")

START_SECONDS = 30.0
STOP_SECONDS = 15.0
REGISTER = 'mutation { result: registerApplication(in: {name: "%s"}) { id name } }'
REQUEST = 'mutation { result: requestOneTimeTokenForApplication(id: "%s") { rawEncoded expiresAt } }'
# Shown by one's own server, to look around.
OPEN = {"CONNECTOR_GRAPHQL__INTROSPECTION": "true", "CONNECTOR_GRAPHQL__EXPLORER": "true"}
UNREGISTER = 'mutation { result: unregisterApplication(id: "%s") { id } }'


class DemoFailed(Exception):  # noqa: N818 - named for what happened
    """A step did not come out right."""


@dataclass(slots=True)
class Demo:
    """The demonstration in a directory of its own."""

    directory: Path
    console: Console
    server: "subprocess.Popen[bytes] | None" = None
    step: int = 0
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.directory / "server"

    def show(self, who: str, did: str, action: Callable[[], T], came: Callable[[T], str]) -> T:
        """Do one step and print its line."""
        self.step += 1
        started = time.perf_counter()
        result = action()
        milliseconds = (time.perf_counter() - started) * 1000
        self.console.print(
            f"[dim]{self.step:>2}[/] [bold]{who:<13}[/] {escape(did)} [green]→[/] {escape(came(result))} "
            f"[dim]{milliseconds:.0f} ms[/]",
            soft_wrap=True,
        )
        return result

    def refused(self, who: str, did: str, action: Callable[[], object], code: str) -> None:
        """Do one step that must be refused with this code."""

        def attempt() -> Refused:
            try:
                action()
            except Refused as refusal:
                if refusal.code != code:
                    raise DemoFailed(f"{did}: refused with {refusal.code}, not {code}") from refusal
                return refusal
            raise DemoFailed(f"{did}: was not refused")

        self.show(who, did, attempt, lambda refusal: f"refused, {refusal.code}: {refusal}")

    def start(self) -> str:
        """Start the server on free ports, wait until it is ready, and return its public address."""
        command = [sys.executable, "-m", "connector.cli", "serve", "--data-dir", str(self.data)]
        for listener in ("public", "mtls", "pki", "internal"):
            command += [f"--{listener}", "localhost:0"]
        log = self.directory / "server.log"
        with log.open("wb") as file:
            # A session of its own, so that an interrupt here leaves it to us when it stops.
            self.server = subprocess.Popen(  # noqa: S603 - our own
                command, stdout=file, stderr=file, start_new_session=True, env={**os.environ, **OPEN}
            )
        addresses = self.data / "addresses.json"
        deadline = time.monotonic() + START_SECONDS
        while not addresses.exists():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.urls = read_object(addresses.read_bytes())
        return self.urls["public"]

    def stop(self) -> None:
        """Ask the server to stop, if there is one, and wait for it."""
        if self.server is None or self.server.poll() is not None:
            return
        self.server.send_signal(signal.SIGTERM)
        try:
            self.server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    def administer(self, document: str) -> dict[str, str]:
        """Call the Director as the administrator whose key the server made at its first start."""
        key = (self.data / "admin.key").read_text().strip()
        with Client(root=(self.data / "ca" / "root.pem").read_bytes()) as client:
            answer: dict[str, str] = client.query(
                f"{self.urls['public']}/director/graphql",
                document,
                headers={"Authorization": f"Bearer {key}", "Tenant": "default"},
            )
        return answer

    def hand_over(self, name: str) -> tuple[str, str]:
        """Register an application and request its token: the application's id, and the pairing string."""
        application = self.show(
            "administrator",
            f"registerApplication {name}",
            lambda: self.administer(REGISTER % name),
            lambda answer: f"application {answer['id']}",
        )["id"]
        answer = self.show(
            "administrator",
            "requestOneTimeTokenForApplication",
            lambda: self.administer(REQUEST % application),
            lambda answer: f"a pairing string, good until {answer['expiresAt']}",
        )
        self.console.print(f"   {answer['rawEncoded']}", style="cyan", soft_wrap=True, highlight=False)
        return application, answer["rawEncoded"]

    def run(self) -> None:
        """Every step of a system's life.

        Raises:
            DemoFailed, Refused: a step did not come out right.
        """
        application, text = self.hand_over("demo-shop")
        found = pairing.parse(text)
        root = self.show(
            "system",
            "fetch the root certificate, hold it to the fingerprint",
            lambda: fetch_root(found),
            lambda _: f"SHA-256 {(found.root_fingerprint or b'').hex()[:16]}… fits",
        )
        first, url = self.enroll(found, root)
        second = self.live(first, root, url, application)
        with self.certified(second, root) as client:
            self.show(
                "system", "revokeCertificate, the renewed one alone", lambda: client.revoke(url), lambda _: "revoked"
            )
            self.refused("system", "configuration over mTLS", lambda: client.configuration(url), "certificate_revoked")
        with self.certified(first, root) as client:
            self.show(
                "system",
                "configuration with the former certificate, good until it ends or is revoked",
                lambda: client.configuration(url),
                _shown,
            )
            self.show(
                "administrator",
                "unregisterApplication",
                lambda: self.administer(UNREGISTER % application),
                lambda _: "gone, and with it every token and certificate",
            )
            self.refused(
                "system",
                "configuration with the former certificate",
                lambda: client.configuration(url),
                "certificate_revoked",
            )

    def enroll(self, found: Pairing, root: bytes) -> tuple[Path, str]:
        """From the token to the first certificate: its directory, and the URL for everything after."""
        with Client(root=root, token=found.token) as client:
            configuration = self.show(
                "system", "configuration with the token", lambda: client.configuration(found.connector_url), _shown
            )
            self.refused(
                "system", "the same token again", lambda: client.configuration(found.connector_url), "token_spent"
            )
        with Client(root=root, token=configuration.token) as client:
            identity = self.obtain(
                "first", "signCertificateSigningRequest", configuration.subject, client, found.connector_url
            )
            csr = make_csr(make_key(), configuration.subject)
            self.refused("system", "that token again", lambda: client.sign(found.connector_url, csr), "token_spent")
        return identity, configuration.connector_url

    def live(self, identity: Path, root: bytes, url: str, application: str) -> Path:
        """Over mutual TLS: configuration, who am I, renewal. Returns the renewed identity."""
        with self.certified(identity, root) as client:
            configuration = self.show("system", "configuration over mTLS", lambda: client.configuration(url), _shown)
            viewer = self.show(
                "system",
                "viewer over mTLS",
                lambda: client.viewer(configuration.director_url),
                lambda viewer: f"{viewer[1]} {viewer[0]}",
            )
            if viewer != (application, "APPLICATION"):
                raise DemoFailed("the Director takes the system for somebody else")
            return self.obtain("second", "renewal with a new key", configuration.subject, client, url)

    def obtain(self, name: str, did: str, subject: str, client: Client, url: str) -> Path:
        """Make a key and a CSR, have it signed, and keep key and chain in a directory."""
        key = make_key()
        chain = self.show("system", did, lambda: client.sign(url, make_csr(key, subject)), _certificate)
        leaf = x509.load_pem_x509_certificates(chain)[0]
        if leaf.public_key() != key.public_key() or f"CN={_common_name(leaf)}" not in subject:
            raise DemoFailed("the certificate is not the one that was asked for")
        directory = self.directory / name
        directory.mkdir(mode=0o700)
        (directory / "chain.pem").write_bytes(chain)
        with os.fdopen(os.open(directory / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return directory

    def certified(self, identity: Path, root: bytes) -> Client:
        """A client that comes with the certificate in this directory."""
        return Client(root=root, identity=(identity / "chain.pem", identity / "key.pem"))

    def explain(self) -> None:
        """Leave a fresh token, and print what to try by hand."""
        _, text = self.hand_over("by-hand")
        here, server = self.directory, self.server.pid if self.server is not None else 0
        self.console.print(
            f"\nThe server goes on, as process {server}. With the pairing string above, in one command:\n\n"
            f"connector-agent enroll -d {here}/identity {text}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        self._explain_by_hand(pairing.parse(text), server)

    def _explain_by_hand(self, found: Pairing, server: int) -> None:
        here = self.directory
        self.console.print(
            f"""
Or by hand, with the token that is in it:

cd {here}
cat > token.header <<'EOF'
Connector-Token: {found.token}
EOF
curl --cacert server/ca/root.pem --header @token.header \\
  --json '{{"query": "{{ configuration {{ token {{ token }} certificateSigningRequestInfo {{ subject }} }} }}"}}' \\
  {found.connector_url}

Put the new token into token.header, and the CN of the subject in place of ID:

openssl req -new -newkey rsa:2048 -nodes -keyout my.key -out my.csr \\
  -subj "/O=Org/OU=OrgUnit/L=locality/ST=province/C=DE/CN=ID"
printf '{{"query": "mutation {{ signCertificateSigningRequest(csr: \\\\"%s\\\\") {{ certificateChain }} }}"}}' \\
  "$(openssl base64 -A -in my.csr)" > sign.json
curl --cacert server/ca/root.pem --header @token.header --json @sign.json {found.connector_url}

Decode certificateChain with openssl base64 -d -A into my.pem, then:

curl --cacert server/ca/root.pem --cert my.pem --key my.key \\
  --json '{{"query": "{{ viewer {{ id type }} }}"}}' {self.urls["mtls"]}/director/graphql

To look around in a browser that trusts server/ca/root.pem, with the key in server/admin.key:
{self.urls["public"]}/explorer

To administer in the same browser, open the link that this prints: connector admin password admin --data-dir server

The tutorials in docs/ go through it word for word. To end the server: kill {server}
To forget it all: rm -r {here}""",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


def run(*, keep: bool) -> int:
    """Run the demonstration; with ``keep``, leave the server running. Returns the exit status."""
    console = Console(highlight=False)
    demo = Demo(Path(tempfile.mkdtemp(prefix="connector-demo-")), console)
    is_left = False
    try:
        demo.show("platform", "connector serve", demo.start, lambda url: f"ready at {url}")
        demo.run()
        if keep:
            demo.explain()
            is_left = True
    except (DemoFailed, Refused, Untrusted, InvalidData, httpx2.HTTPError) as error:
        console.print(f"[red]failed:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    finally:
        if not is_left:
            demo.stop()
            shutil.rmtree(demo.directory)
    console.print(f"[green]All {demo.step} steps came out right, the refusals included.[/]")
    return 0


def _common_name(certificate: x509.Certificate) -> str:
    (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


def _shown(given: Configuration) -> str:
    return f"{given.subject}, then {given.connector_url}"


def _certificate(chain: bytes) -> str:
    leaf = x509.load_pem_x509_certificates(chain)[0]
    return f"certificate {leaf.serial_number:x}, good until {leaf.not_valid_after_utc:%Y-%m-%d}"
