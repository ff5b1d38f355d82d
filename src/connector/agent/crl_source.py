"""Where a server publishes its CAs and their CRLs, by HTTP. What it says is believed only as far as it is signed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
from cryptography import x509

from connector.agent.crls import CA, CRLUnusable, cas
from connector.agent.outcomes import AgentError, BadInput, ServerRefused, ServerUntrusted, Unreachable
from connector.client.trust import TIMEOUT_SECONDS, context

MOST_CAS_OCTETS = 1 << 20
# 40 octets an entry: three million of them.
MOST_CRL_OCTETS = 128 << 20
LONGEST_SECONDS = 300.0


class _Got(NamedTuple):
    """What a server has under a URL, or that it is what was got before."""

    octets: bytes = b""
    tag: str = ""
    is_known: bool = False


@dataclass(slots=True)
class CRLSource:
    """The server's URL below which CAs and CRLs are, and the trust anchors (PEM) by which both are judged."""

    url: str
    anchors: bytes = field(repr=False)
    certificates: Sequence[x509.Certificate] = field(init=False, repr=False)
    _client: httpx2.Client = field(init=False, repr=False)
    _tags: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise BadInput("url_unusable", f"{self.url!r} is not an http or https URL, such as http://pki.example.com.")
        self.url = self.url.rstrip("/")
        try:
            self.certificates = x509.load_pem_x509_certificates(self.anchors)
        except ValueError as error:
            raise BadInput("no_anchors", "There is no certificate (PEM) in the file of trust anchors.") from error
        self._client = httpx2.Client(verify=context(self.anchors), timeout=TIMEOUT_SECONDS)

    def cas(self) -> Sequence[CA]:
        """The CAs that have not ended.

        Raises:
            ServerUntrusted: no anchor vouches for one of them.
            ServerRefused, Unreachable: they cannot be had.
        """
        try:
            return cas(self._get("/cas.pem", MOST_CAS_OCTETS).octets, self.certificates)
        except CRLUnusable as error:
            raise ServerUntrusted(
                "ca_untrusted", f"{self.url}/cas.pem: {error}. Compare the root certificate with the administrator's."
            ) from error

    def crl(self, ca: CA) -> bytes | None:
        """The DER that is served as the CRL of this CA; None where it is the one that was last taken.

        Raises:
            ServerRefused, Unreachable: it cannot be had.
        """
        got = self._get(f"/crl/{ca.id}.crl", MOST_CRL_OCTETS, self._tags.get(ca.id))
        if got.is_known:
            return None
        self._tags[ca.id] = got.tag
        return got.octets

    def forget(self, ca: CA) -> None:
        """What was served last was not taken: it is to be served again."""
        self._tags.pop(ca.id, None)

    def _get(self, path: str, most: int, tag: str | None = None) -> _Got:
        url, deadline, octets = f"{self.url}{path}", time.monotonic() + LONGEST_SECONDS, bytearray()
        with self._client.stream("GET", url, headers={"if-none-match": tag} if tag else {}) as answer:
            if tag and answer.status_code == httpx2.codes.NOT_MODIFIED:
                return _Got(is_known=True)
            if answer.status_code != httpx2.codes.OK:
                raise _failure(url, answer.status_code)
            for piece in answer.iter_bytes():
                octets += piece
                if len(octets) > most or time.monotonic() > deadline:
                    raise Unreachable("no_answer", f"{url} has more than {most >> 20} MiB, or does not end.")
            return _Got(bytes(octets), answer.headers.get("etag", ""))


def _failure(url: str, status: int) -> AgentError:
    if status == httpx2.codes.NOT_FOUND:
        advice = "Is --url that of the server's pki listener, or its public URL with /pki at the end?"
        return ServerRefused("not_found", f"There is nothing at {url}. {advice}")
    advice = "The server's /readyz may say why, such as a CA's key that is away."
    return Unreachable("no_answer", f"{url} answered {status}. {advice}")
