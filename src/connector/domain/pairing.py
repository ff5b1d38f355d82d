"""The pairing string: what an administrator hands over, and the addresses in it."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.domain.refusals.objects import InvalidData
from connector.domain.secrets import Secret
from connector.domain.strict_json import read_object
from connector.domain.tokens import OneTimeToken

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""What the original answers for a time that is not yet known."""

MAX_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Links:
    """Where an external system finds us: absolute https URLs as it must use them, and what to pin."""

    connector: str
    legacy_connector: str
    certificate_secured_connector: str
    director: str
    root_fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a pairing string says to the external system."""

    token: str = field(repr=False)
    connector_url: str
    root_fingerprint: bytes | None


def timestamp(time: datetime) -> str:
    """RFC 3339 in whole seconds, UTC."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _precise(time: datetime) -> str:
    """RFC 3339 with a fraction, UTC."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def raw(secret: Secret, token: OneTimeToken, links: Links) -> str:
    """The pairing as compact JSON, its keys as the original's, and the root's SHA-256 fingerprint under our own key."""
    fields: dict[str, object] = {
        "token": secret.text,
        "connectorURL": links.connector,
        "used": token.spent_at is not None,
        "expiresAt": _precise(token.expires_at),
        "createdAt": _precise(token.minted_at),
        "usedAt": _precise(token.spent_at) if token.spent_at else None,
        "type": token.type.value,
        "scenario_groups": None,
        "rootFingerprint": links.root_fingerprint.hex(),
    }
    return json.dumps(fields, separators=(",", ":"))


def encode(raw: str) -> str:
    """The pairing string: standard base64 of the JSON."""
    return b64encode(raw.encode()).decode("ascii")


def legacy_url(secret: Secret, links: Links) -> str:
    """The legacy information URL with the token appended unescaped, as clients of that API expect it."""
    separator = "&" if "?" in links.legacy_connector else "?"
    return f"{links.legacy_connector}{separator}token={secret.text}"


def parse(text: str) -> Pairing:
    """Read a pairing string as it came by mail or terminal: white space and surrounding quotes do no harm.

    Raises:
        InvalidData: it is no pairing string, or was cut.
    """
    compact = "".join(text.split()).strip("\"'`")
    try:
        if len(compact) > MAX_CHARACTERS:
            raise InvalidData("The pairing string is too long. Copy it again, whole and alone.")
        fields = read_object(b64decode(compact, validate=True))
        fingerprint = fields.get("rootFingerprint")
        pairing = Pairing(
            token=fields["token"],
            connector_url=fields["connectorURL"],
            root_fingerprint=bytes.fromhex(fingerprint) if fingerprint is not None else None,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidData("The pairing string cannot be read. Copy it again, whole and alone.") from error
    if not isinstance(pairing.token, str) or not isinstance(pairing.connector_url, str):
        raise InvalidData("The pairing string cannot be read. Copy it again, whole and alone.")
    if not pairing.connector_url.startswith("https://"):
        raise InvalidData("The pairing string names an address without TLS. Ask for another; send nothing there.")
    return pairing
