"""The authentication session that Oathkeeper's hydrators exchange: a JSON object that a resolver adds to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.domain.refusals.requests import BadRequest
from connector.domain.strict_json import JSON, JSONError, read_object
from connector.web.answers import json_octets

ISSUER, FOREIGN_ISSUER = "connector", "certificate-service"
TOKEN_ID, CERTIFICATE_ID = "Client-Id-From-Token", "Client-Id-From-Certificate"
CERTIFICATE_HASH, CERTIFICATE_ISSUER = "Client-Certificate-Hash", "Client-Certificate-Issuer"
CERTIFICATE_SUBJECT = "Subject-From-Certificate"

FINGERPRINT_OCTETS = 32
UNREADABLE = "failed to decode Authentication Session from body: "

_HEADER_NAME = re.compile(r"[A-Za-z0-9\-_]{1,128}")


@dataclass(frozen=True, slots=True)
class Certified:
    """The client of a certificate, as the resolver of certificates puts it into a session.

    ``issuer`` says who issued the certificate: :data:`ISSUER` or :data:`FOREIGN_ISSUER`. ``fingerprint`` is None if the
    session has none that could be one.
    """

    id: str
    fingerprint: bytes | None
    subject: str
    issuer: str

    @property
    def headers(self) -> Mapping[str, str]:
        """The session's headers for it."""
        fingerprint = self.fingerprint.hex() if self.fingerprint is not None else ""
        return dict(zip(_CERTIFIED, (self.id, fingerprint, self.subject, self.issuer), strict=True))


_CERTIFIED = (CERTIFICATE_ID, CERTIFICATE_HASH, CERTIFICATE_SUBJECT, CERTIFICATE_ISSUER)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it came. ``octets`` is the whole session, and the answer if nothing is resolved."""

    octets: bytes
    members: Mapping[str, JSON]
    headers: Mapping[str, list[str]]
    extra: Mapping[str, JSON]

    def header(self, name: str) -> str | None:
        """The one value of a header, which an earlier resolver has set; None if it is absent or empty.

        Raises:
            BadRequest: it has several values, or is there under several spellings.
        """
        found = [value for key, values in self.headers.items() if _canonical(key) == name for value in values]
        if len(found) > 1:
            raise BadRequest(f"{UNREADABLE}the header {name} is there more than once")
        return found[0] or None if found else None

    @property
    def certified(self) -> Certified | None:
        """The client of a certificate; None if no resolver has found one. It raises as :meth:`header` does."""
        id_, digits, subject, issuer = map(self.header, _CERTIFIED)
        return None if id_ is None else Certified(id_, _fingerprint(digits), subject or "", issuer or "")

    def with_headers(self, added: Mapping[str, str], *, extra: Mapping[str, JSON] | None = None) -> bytes:
        """The session with these headers in the place of any that have their names, and with more in ``extra``."""
        kept = {key: values for key, values in self.headers.items() if _canonical(key) not in added}
        headers: dict[str, Any] = {**kept, **{name: [value] for name, value in added.items()}}
        members = {**self.members, "header": headers}
        return json_octets(members if extra is None else {**members, "extra": {**self.extra, **extra}})


def read_session(octets: bytes) -> Session:
    """The session.

    Raises:
        BadRequest: it is not one.
    """
    try:
        members = read_object(octets)
    except JSONError as error:
        raise BadRequest(f"{UNREADABLE}{error}") from None
    if not isinstance(members.get("subject", ""), str):
        raise BadRequest(f"{UNREADABLE}subject is not a string")
    return Session(octets, members, _headers(_object(members, "header")), _object(members, "extra"))


def _fingerprint(digits: str | None) -> bytes | None:
    try:
        found = bytes.fromhex(digits or "")
    except ValueError:
        return None
    return found if len(found) == FINGERPRINT_OCTETS else None


def _object(members: Mapping[str, JSON], name: str) -> dict[str, JSON]:
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{UNREADABLE}{name} is not an object")
    return value


def _headers(given: Mapping[str, JSON]) -> Mapping[str, list[str]]:
    wrong = BadRequest(f"{UNREADABLE}header is not an object of lists of strings")
    headers: dict[str, list[str]] = {}
    for key, values in given.items():
        if not _HEADER_NAME.fullmatch(key) or not isinstance(values, list):
            raise wrong
        headers[key] = [value for value in values if isinstance(value, str)]
        if len(headers[key]) != len(values):
            raise wrong
    return headers


def _canonical(name: str) -> str:
    """The name as Go writes it: ``Client-Id-From-Token``."""
    return "-".join(part.capitalize() for part in name.replace("_", "-").split("-"))
