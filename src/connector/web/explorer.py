"""A page to try the Director API with: one file, which loads nothing from anywhere else."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_INLINE = re.compile(r"<(?P<kind>style|script)>(?P<text>.*?)</(?P=kind)>", re.DOTALL)


async def explorer(_: Request) -> Response:
    """Answer the page, which may run its own script and style and nothing else (Content Security Policy Level 3)."""
    text = _page()
    hashes = {
        match["kind"]: b64encode(sha256(match["text"].encode()).digest()).decode() for match in _INLINE.finditer(text)
    }
    policy = (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        text,
        headers={
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


@cache
def _page() -> str:
    return (files(__package__) / "explorer.html").read_text("utf-8")
