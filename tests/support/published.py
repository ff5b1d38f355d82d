"""A server of the test's own that publishes whatever a test wants as CAs and CRLs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.ca import CA

from connector.agent.crls import cas


@dataclass(slots=True)
class Published:
    """By path: octets, or a status. ``answered`` has the path and the status of each answer."""

    url: str
    files: dict[str, bytes | int] = field(default_factory=dict)
    answered: list[tuple[str, int]] = field(default_factory=list)

    def offer(self, ca: CA, issuing: bytes | int, root: bytes | int) -> None:
        """The two CAs with these CRLs."""
        listed = ca.root.pem + ca.issuing.pem
        ids = [each.id for each in cas(listed, [ca.root.certificate])]
        crls = zip(ids, (root, issuing), strict=True)
        self.files = {"/cas.pem": listed, **{f"/crl/{each}.crl": crl for each, crl in crls}}


@contextmanager
def published() -> Iterator[Published]:
    """The server, while it runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = made.files.get(self.path, 404)
            body = found if isinstance(found, bytes) else b""
            tag = f'"{sha256(body).hexdigest()}"'
            status = found if isinstance(found, int) else 200
            if body and self.headers.get("if-none-match") == tag:
                status, body = 304, b""
            made.answered.append((self.path, status))
            self.send_response(status)
            self.send_header("etag", tag)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that has read enough may go."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        made = Published(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()
