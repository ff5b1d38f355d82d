"""How a page becomes an answer: templates, headers, and the two files that every page needs."""

import json
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connector.web.console import charts
from connector.web.console.formats import ago, exact, grouped, size, spoken

NOTHING = "-"

ASSETS = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}
ASSET_SECONDS = 31_536_000

HEADERS = {
    # Content Security Policy Level 3. Nothing is loaded but from here, nothing inline runs, nobody frames us.
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer browsers send a form with "Origin: null", which nobody could tell from another site's.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}


def rendered(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page."""
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def compile_templates() -> None:
    """Compile all that are not compiled yet: some take ten milliseconds, for which whoever else asks would wait."""
    for each in (files(__package__) / "templates").iterdir():
        _environment().get_template(each.name)


def redirect(path: str) -> Response:
    """Send the browser on, by GET (RFC 9110 15.4.4), to a path of our own."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file to keep."""
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=media_type, headers={**HEADERS, "content-disposition": disposition})


def asset(path: str) -> Response | None:
    """One of the files under its name with the digest of what is in it; None where there is no such."""
    for name, media_type in ASSETS.items():
        if path == _hashed(name):
            headers = {**HEADERS, "cache-control": f"public, max-age={ASSET_SECONDS}, immutable"}
            return Response(_content(name), media_type=media_type, headers=headers)
    return None


@cache
def _content(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()


@cache
def _hashed(name: str) -> str:
    stem, _, ending = name.partition(".")
    return f"{stem}.{sha256(_content(name)).hexdigest()[:16]}.{ending}"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        time=_time,
        day=_day,
        ago=ago,
        when=_when,
        exact=exact,
        grouped=grouped,
        size=size,
        spoken=spoken,
        colons=_colons,
        isolated=_isolated,
        json=_json,
        short=_short,
        actor=_actor,
    )
    environment.globals.update(asset=lambda name: f"/console/assets/{_hashed(name)}", charts=charts)
    return environment


def _template(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text("utf-8")


def _time(at: datetime | None, now: datetime) -> Markup | str:
    return NOTHING if at is None else _marked(at, exact(at, now), exact(at, now.astimezone(UTC)))


def _day(at: datetime | None, now: datetime) -> Markup | str:
    if at is None:
        return NOTHING
    return _marked(at, at.astimezone(now.tzinfo).strftime("%Y-%m-%d"), exact(at, now.astimezone(UTC)))


def _when(at: datetime | None, now: datetime) -> Markup | str:
    """How long ago or ahead, with the exact time for whoever points at it."""
    if at is None:
        return NOTHING
    zones = dict.fromkeys((exact(at, now), exact(at, now.astimezone(UTC))))
    return _marked(at, ago(at, now), ", ".join(zones))


def _marked(at: datetime, text: str, hint: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), hint, text
    )


def _colons(octets: bytes) -> str:
    return octets.hex(":").upper()


def _isolated(text: object) -> Markup:
    """A text of somebody else's, which cannot turn the writing around it (Unicode TR 9, isolates)."""
    return Markup("<bdi>{}</bdi>").format(str(text))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _actor(actor: str) -> str:
    """The actor, with an id cut to the part that differs."""
    kind, _, name = actor.partition(":")
    if kind == "token":
        return f"token …{name[-8:]}"  # an id begins with the time, and ends with what is its own
    if kind == "integration_system":
        return f"integration system {name.partition('/')[0]}"
    if kind == "admin_certificate":
        return f"{kind}:{name.partition(' ')[0]}"
    return f"certificate {name[:16]}…" if kind == "certificate" else _short(actor, 80)
