"""What is asked of the server, and how its answers are read: without any I/O, for both clients alike.

A flow is a generator that yields the requests to send and is sent what was answered to each; what it returns is the
flow's result. So there is one code, whoever carries the requests.
"""

from base64 import b64decode
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from connector.client.errors import Refused
from connector.client.keys import PrivateKey, encode, make_csr

T = TypeVar("T")

_INFORMATION = """
    certificateSigningRequestInfo { subject keyAlgorithm }
    managementPlaneInfo { directorURL certificateSecuredConnectorURL }"""
_CONFIGURATION = f"query {{ result: configuration {{ token {{ token }} {_INFORMATION} }} }}"
_DESCRIPTION = f"query {{ result: configuration {{ {_INFORMATION} }} }}"
_STANDING = f"query {{ result: configuration {{ {_INFORMATION} renewal {{ start end now checkAfterSeconds }} }} }}"
_ISSUED = "{ certificateChain caCertificate clientCertificate }"
_SIGN = f"mutation ($csr: String!) {{ result: signCertificateSigningRequest(csr: $csr) {_ISSUED} }}"
_RENEW_EXPIRED = f"""mutation ($certificate: String!, $csr: String!, $proof: String!) {{
    result: renewExpiredCertificate(certificate: $certificate, csr: $csr, proof: $proof) {_ISSUED}
}}"""
_REVOKE = "mutation { result: revokeCertificate }"
_VIEWER = "query { result: viewer { id type } }"


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request whose one root field is aliased to ``result``."""

    url: str
    document: str
    variables: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``result`` holds, and the server's time when it answered."""

    result: Any
    date: datetime | None


Flow = Generator[Request, Answer, T]


@dataclass(frozen=True, slots=True)
class Renewal:
    """When the server wants the certificate renewed: at a random moment of the window, or ``now``.

    ``check`` is after how long to ask again.
    """

    start: datetime
    end: datetime
    now: bool
    check: timedelta


@dataclass(frozen=True, slots=True)
class Configuration:
    """The server's answer: the next token, the subject for the CSR, and where to go from here.

    ``token`` is empty where none was asked for; ``renewal`` is None where a token asks, or the server knows no windows;
    ``date`` is the server's time.
    """

    token: str = field(repr=False)
    subject: str
    key_algorithm: str
    director_url: str
    connector_url: str
    renewal: Renewal | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A certificate, ``chain`` in PEM with the leaf first, for ``key``, and the server's answer with it."""

    chain: bytes
    key: PrivateKey = field(repr=False)
    configuration: Configuration


def configuration(url: str) -> Flow[Configuration]:
    """Ask for the configuration and the next token; a token is spent for it."""
    return _configuration((yield Request(url, _CONFIGURATION)))


def describe(url: str) -> Flow[Configuration]:
    """Ask for the configuration without a token in it; so none is spent, and it may be asked for again."""
    return _configuration((yield Request(url, _DESCRIPTION)))


def standing(url: str) -> Flow[Configuration]:
    """Ask, with a certificate, for the configuration and the renewal window; no token is minted.

    A server that knows no windows is asked once more without.
    """
    try:
        answer = yield Request(url, _STANDING)
    except Refused as refusal:
        if refusal.code != "document_invalid":
            raise
        answer = yield Request(url, _DESCRIPTION)
    return _configuration(answer)


def sign(url: str, csr: bytes, idempotency_key: str | None = None) -> Flow[bytes]:
    """Have the CSR's PEM signed: the chain's PEM, leaf first."""
    return _chain((yield Request(url, _SIGN, {"csr": encode(csr)}, _step(idempotency_key))))


def renew_expired(url: str, fingerprint: bytes, csr: bytes, proof: str, idempotency_key: str) -> Flow[bytes]:
    """Have the CSR's PEM signed for the holder of a certificate that has expired (:func:`keys.prove`)."""
    variables = {"certificate": fingerprint.hex(), "csr": encode(csr), "proof": proof}
    return _chain((yield Request(url, _RENEW_EXPIRED, variables, _step(idempotency_key))))


def enroll(url: str, key: PrivateKey, idempotency_key: str) -> Flow[Enrolled]:
    """From a token to a certificate, or from a certificate to the next: ask for the subject, make the CSR, send it."""
    configuration = yield from describe(url)
    chain = yield from sign(url, make_csr(key, configuration.subject), idempotency_key)
    return Enrolled(chain, key, configuration)


def revoke(url: str) -> Flow[None]:
    """Revoke the certificate with which this client calls."""
    yield Request(url, _REVOKE)


def viewer(url: str) -> Flow[tuple[str, str]]:
    """Whom the Director takes the caller for: id and type."""
    answer = (yield Request(url, _VIEWER)).result
    return answer["id"], answer["type"]


def query(request: Request) -> Flow[Any]:
    """The answer of the document's one root field, aliased to ``result``."""
    return (yield request).result


def read(status: int, headers: Mapping[str, str], content: object) -> Answer:
    """An answer as it came, ``content`` from its JSON; None where it was none.

    Raises:
        Refused: the server said no, or what no server of ours says.
    """
    if not isinstance(content, dict):
        raise Refused("no_answer", f"The server did not answer in JSON (HTTP {status}).")
    if content.get("errors"):
        first = content["errors"][0]
        code = first.get("extensions", {}).get("error", "unknown")
        raise Refused(code, first["message"], _seconds(headers.get("retry-after")))
    return Answer(content["data"]["result"], _date(headers.get("date")))


def _step(idempotency_key: str | None) -> Mapping[str, str] | None:
    return None if idempotency_key is None else {"Idempotency-Key": idempotency_key}


def _configuration(answer: Answer) -> Configuration:
    result = answer.result
    renewal = result.get("renewal")
    return Configuration(
        token=(result.get("token") or {}).get("token", ""),
        subject=result["certificateSigningRequestInfo"]["subject"],
        key_algorithm=result["certificateSigningRequestInfo"]["keyAlgorithm"],
        director_url=result["managementPlaneInfo"]["directorURL"],
        connector_url=result["managementPlaneInfo"]["certificateSecuredConnectorURL"],
        renewal=None
        if renewal is None
        else Renewal(
            datetime.fromisoformat(renewal["start"]),
            datetime.fromisoformat(renewal["end"]),
            renewal["now"],
            timedelta(seconds=renewal["checkAfterSeconds"]),
        ),
        date=answer.date,
    )


def _chain(answer: Answer) -> bytes:
    return b64decode(answer.result["certificateChain"], validate=True)


def _date(text: str | None) -> datetime | None:
    try:
        return None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
