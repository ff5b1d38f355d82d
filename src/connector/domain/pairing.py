"""The pairing string: what an administrator hands over, and the addresses in it."""

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from connector.domain.refusals.objects import InvalidData
from connector.domain.secrets import Secret
from connector.domain.strict_json import read_object
from connector.domain.tokens import OneTimeToken

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""The original's answer for a time that is not yet known."""

MAX_CHARACTERS = 8192

CONNECTOR_PATH = "/connector/graphql"
DIRECTOR_PATH = "/director/graphql"
LEGACY_PATH = "/v1/applications/signingRequests/info"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
REVOCATION_PATH = "/oauth2/revoke"
METADATA_PATH = "/.well-known/oauth-authorization-server"
DISCOVERY_PATH = "/.well-known/openid-configuration"
JWKS_PATH = "/oauth2/jwks"
INTROSPECTION_PATH = "/oauth2/introspect"


@dataclass(frozen=True, slots=True)
class Links:
    """Where an external system finds us: absolute https URLs as it must use them, and what to pin.

    ``issuer`` is the base URL of the authorization server of OAuth 2.0 clients, ``identity_tokens`` where holders of
    certificates get tokens for others.
    """

    connector: str
    legacy_connector: str
    certificate_secured_connector: str
    director: str
    root_fingerprint: bytes
    issuer: str = ""
    identity_tokens: str = ""

    @classmethod
    def of(cls, public: str, mtls: str, root: bytes) -> "Links":
        """The links below the base URLs of the two listeners; ``root`` is the SHA-256 of the trust anchor."""
        return cls(
            connector=f"{public}{CONNECTOR_PATH}",
            legacy_connector=f"{public}{LEGACY_PATH}",
            certificate_secured_connector=f"{mtls}{CONNECTOR_PATH}",
            director=f"{mtls}{DIRECTOR_PATH}",
            root_fingerprint=root,
            issuer=public,
            identity_tokens=f"{mtls}{TOKEN_PATH}",
        )

    @property
    def token_endpoint(self) -> str:
        """Where OAuth 2.0 clients get access tokens."""
        return f"{self.issuer}{TOKEN_PATH}"


@dataclass(frozen=True, slots=True)
class Pairing:
    """The content of a pairing string."""

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


_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def compact(text: str) -> str:
    """The pairing string without what mail programs, chats and terminals add to it.

    That is white space, characters of no width, quotes around it, and a second copy when it was pasted twice.
    """
    bare = "".join(text.translate(_INVISIBLE).split()).strip(_QUOTES)
    first, second = bare[: len(bare) // 2].strip(_QUOTES), bare[len(bare) // 2 :].strip(_QUOTES)
    return first if first == second else bare


def parse(text: str) -> Pairing:
    """Read a pairing string as it came by mail or terminal: see :func:`compact`.

    Raises:
        InvalidData: it is no pairing string, or was cut.
    """
    pasted = compact(text)
    try:
        if len(pasted) > MAX_CHARACTERS:
            raise InvalidData("The pairing string is too long. Copy it again, whole and alone.")
        fields = read_object(b64decode(pasted, validate=True))
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
    _check_token(pairing.token)
    _check_url(pairing.connector_url)
    return pairing


_VISIBLE = re.compile(r"[!-~]+")


def _check_token(token: str) -> None:
    """It is sent in a header, whose value holds visible ASCII (RFC 9110 5.5)."""
    if not _VISIBLE.fullmatch(token):
        raise InvalidData("The pairing string's token holds what no token holds. Copy it again, whole and alone.")


def _check_url(url: str) -> None:
    """Return if the text is an absolute https URL (RFC 3986), with nothing in it that two readers read differently."""
    if not url.startswith("https://"):
        raise InvalidData("The pairing string names an address without TLS. Ask for another; send nothing there.")
    strange = next(
        (at for at, letter in enumerate(url, 1) if not _VISIBLE.fullmatch(letter) or letter in '\\"<>^`{|}'), 0
    )
    if strange:
        code = ord(url[strange - 1])
        raise InvalidData(
            f"The pairing string's connectorURL holds a character that no URL holds: U+{code:04X}, its {strange}th. "
            "Ask for another pairing string, and have the server's urls.public corrected."
        )
    try:
        parts = urlsplit(url)
        is_one = bool(_NAME.fullmatch(parts.hostname or "")) and parts.port != 0 and not {"@", "#"} & {*url}
    except ValueError:
        is_one = False
    if not is_one:
        raise InvalidData(
            "The pairing string's connectorURL is no https URL with a host. Ask for another pairing string, and have "
            "the server's urls.public corrected."
        )


# A host name or an IPv4 address (RFC 1123 2.1; underscores occur), or an IPv6 address.
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?|[0-9a-f:.]*:[0-9a-f:.]*"
)
