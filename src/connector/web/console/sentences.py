"""Refusals as the console says them: to somebody in front of a form, not to a program that sent headers and fields."""

import re
from collections.abc import Mapping

from connector.domain.principals import Role
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import InsufficientScopes, JWTRefused
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.requests import PathNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound

_OWN: Mapping[type[Refusal], str] = {
    PathNotFound: "There is no page at this address.",
    ObjectNotFound: "It does not exist, or not any more. Look for it in the list.",
    NotUniqueName: "This name is taken. Choose another one.",
    TenantNotFound: "There is no tenant of this id. Choose one of the list of tenants.",
    TenantForbidden: "You may not enter this tenant. Choose one of the list of tenants.",
}
"""What is said instead of the sentence that a refusal has by itself, in the words of the API."""

# What the API calls a field, or a form: in the words of the labels.
_FIELDS: Mapping[str, str] = {"externalID": "Id", "lifetimeSeconds": "Good for", "key": "Key", "value": "Value"}

_ABOUT = re.compile(r"(?:Invalid data ([\w.]+)|Object not found|Object is in use|Unauthorized): (.+)", re.DOTALL)


def sentence(refusal: Refusal) -> str:
    """What the console says of the refusal."""
    kind, text = type(refusal), str(refusal)
    if isinstance(refusal, InsufficientScopes):
        return f"Your role does not allow this. Ask an {Role.ADMINISTRATOR.value}."
    if kind in _OWN and text == str(kind()):
        return _OWN[kind]
    if isinstance(refusal, JWTRefused):
        return text.replace("The bearer token", "Your sign-in at the issuer")
    found = _ABOUT.fullmatch(text)
    if found is None:
        return text
    field, rest = found.groups()
    if field in (None, "id") or not isinstance(refusal, InvalidData):
        return _capitalized(rest)
    return f"{_FIELDS.get(field, _capitalized(field))}: {rest}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
