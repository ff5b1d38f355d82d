"""A form that came after its session had ended: the browser keeps it until its sender has signed in again."""

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from connector.domain.strict_json import read_object
from connector.web.console.forms import Form, delete_cookie, local_path, set_cookie

PATH = "/console/unsent"
COOKIE = "__Host-connector-unsent"
KEPT_SECONDS = 3600

MOST_COOKIE = 3800
"""Browsers keep at most 4096 octets of a cookie (RFC 6265bis 5.6)."""
MOST_OCTETS = 64 * 1024
NOT_KEPT = {"password"}
"""A form with one of these fields is not kept."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A form: the address to which it was sent, the page that it was on, and its fields without the token."""

    path: str
    page: str
    fields: Form

    def encode(self) -> str | None:
        """The text for a cookie; None if it is too long, or holds what no cookie should."""
        if not NOT_KEPT.isdisjoint(self.fields):
            return None
        content = json.dumps({"path": self.path, "page": self.page, "fields": self.fields})
        text = urlsafe_b64encode(zlib.compress(content.encode())).decode("ascii")
        return text if len(text) <= MOST_COOKIE else None

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """The form of such a text; None if it is none."""
        try:
            inflating = zlib.decompressobj()
            octets = inflating.decompress(urlsafe_b64decode(text), MOST_OCTETS)
            members = read_object(octets) if inflating.eof else {}
        except (ValueError, zlib.error):
            return None
        match members:
            case {"path": str(path), "page": str(page), "fields": dict(given)} if local_path(path) == path:
                fields = {name: value for name, value in given.items() if isinstance(value, str) and name != "csrf"}
                return cls(path, local_path(page), fields)
        return None


def page_of(request: Request) -> str:
    """The page that the form was on, as the browser says; else the console's start."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return local_path("")
    return local_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def keep(request: Request, form: Form, response: Response) -> bool:
    """Have the browser keep the form; False if that cannot be."""
    fields = {name: value for name, value in form.items() if name != "csrf"}
    text = Unsent(request.url.path, page_of(request), fields).encode()
    if text is not None:
        set_cookie(response, COOKIE, text, seconds=KEPT_SECONDS)
    return text is not None


def kept(request: Request) -> Unsent | None:
    """The form that the browser keeps."""
    return Unsent.decode(request.cookies.get(COOKIE, ""))


def forget(response: Response) -> None:
    """Have the browser forget the form."""
    delete_cookie(response, COOKIE)
