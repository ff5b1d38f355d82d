"""Forms as they come in: of our own page alone, within limits; and the two cookies."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from connector.domain.refusals.administrators import FormRefused
from connector.domain.refusals.requests import BadRequest
from connector.web.requests import BodyLimits, header, read_body

# RFC 6265bis 4.1.3.2: with this prefix a cookie is of this host alone, and came over TLS.
SESSION = "__Host-connector-session"
VISIT = "__Host-connector-visit"
THEME = "connector-theme"
THEMES = ("light", "dark")
TENANT = "connector-tenant"
ZONE = "connector-zone"
"""The cookie with the reader's time zone, which the script of the pages sets."""

MOST_FIELDS = 40
MOST_PATH = 500
_SECRET = re.compile(r"[A-Za-z0-9_\-]{43}")
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,32}(?:/[A-Za-z0-9_+\-]{1,32}){0,2}")
_TENANT = re.compile(r"[A-Za-z0-9._\-]{1,128}")

Form = Mapping[str, str]


def cookie(request: Request, name: str) -> str:
    """The cookie's value, if it looks like a secret of ours; else an empty text."""
    value = request.cookies.get(name, "")
    return value if _SECRET.fullmatch(value) else ""


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None, lax: bool = False) -> None:
    """Set a cookie that only this host gets back, over TLS, and no script sees."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax" if lax else "strict"
    )


def delete_cookie(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")


def remember_tenant(response: Response, external_id: str) -> None:
    """Remember which tenant was looked at last, for the links of pages that are about none."""
    response.set_cookie(TENANT, external_id, path="/console", secure=True, httponly=True, samesite="strict")


def remembered_tenant(request: Request) -> str | None:
    """The tenant that was looked at last. It is shown in links, and proves nothing."""
    value = request.cookies.get(TENANT, "")
    return value if _TENANT.fullmatch(value) else None


def zone_of(request: Request) -> tzinfo:
    """The reader's time zone; UTC if the browser does not say, or this machine does not know it."""
    return _zone(request.cookies.get(ZONE, ""))


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    if not _ZONE.fullmatch(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no zone's file, or a directory
        return UTC


def derived(secret: str, purpose: str) -> str:
    """A text that only the holder of the secret has, and from which nobody finds the secret."""
    return urlsafe_b64encode(hmac(secret.encode(), purpose.encode(), sha256)).decode("ascii").rstrip("=")


def csrf(secret: str) -> str:
    """The value in every form of a session, bound to its cookie."""
    return derived(secret, "form")


def check_origin(request: Request) -> None:
    """Return if the browser says that the request comes from our own page.

    Raises:
        FormRefused: it comes from elsewhere, or the client does not say.
    """
    site = header(request.scope, b"sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise FormRefused
        return
    origin, host = header(request.scope, b"origin"), header(request.scope, b"host")
    # RFC 6454 4: an origin is scheme, host and port. The console is served over TLS alone.
    if origin is None or host is None or origin.lower() != f"https://{host.lower()}":
        raise FormRefused


async def read_form(request: Request, limits: BodyLimits, secret: str) -> Form:
    """The fields of a form that our own page sent in this session.

    Raises:
        FormRefused: it did not come from there.
        BodyTooLarge, RequestTimeout, BadRequest: it cannot be read.
    """
    check_origin(request)
    media_type = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise BadRequest("The form cannot be read. Send it as application/x-www-form-urlencoded.")
    body = await read_body(request.scope, request.receive, limits, anonymous=not cookie(request, SESSION))
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
            strict_parsing=True,
        )
    except ValueError as error:
        raise BadRequest("The form cannot be read. Load the page again, and send it from there.") from error
    if any("\0" in value for pair in pairs for value in pair):  # which no name holds, and not every database takes
        raise BadRequest("The form holds a NUL. Load the page again, and send it from there.")
    form = dict(pairs)
    if len(form) != len(pairs):
        raise BadRequest("A field of the form was sent twice. Load the page again, and send it from there.")
    if not secret or not compare_digest(form.get("csrf", "").encode(), csrf(secret).encode()):
        raise FormRefused
    return form


def given(form: Form, name: str) -> str:
    """A field, without the white space around it; line ends as browsers do not send them."""
    return form.get(name, "").replace("\r\n", "\n").strip()


def whole_number(text: str, *, most: int, least: int = 1) -> int | None:
    """The number, if the text is a whole one between these; else None."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if least <= number <= most else None


def local_path(text: str) -> str:
    """The text, if it is a path of the console; else its start. Nobody is sent elsewhere after signing in."""
    is_ours = re.fullmatch(r"/console(?:/[A-Za-z0-9._~\-]+)*/?(?:\?[A-Za-z0-9._~%&=+\-]*)?", text)
    return text if is_ours and "/." not in text and len(text) <= MOST_PATH else "/console"
