"""Who calls: roles and their scopes, keys and when they are good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import principals
from connector.domain.origins import Origin
from connector.domain.principals import MAX_KEY_LIFETIME, SCOPES, ApiKey, Caller, Role, Scope
from connector.domain.refusals.callers import InsufficientScopes
from connector.domain.refusals.keys import KeyExpired, KeyRevoked, KeyUnknown
from connector.domain.refusals.objects import InvalidData

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
ADMINISTRATORS_ALONE = {
    Scope.TENANT_WRITE,
    Scope.API_KEY_READ,
    Scope.API_KEY_WRITE,
    Scope.SETTINGS_READ,
    Scope.ADMINISTRATOR_READ,
    Scope.ADMINISTRATOR_WRITE,
}


def make(random: bytes = bytes(32), **changes: Any) -> tuple[str, ApiKey]:
    arguments: dict[str, Any] = {
        "origin": Origin(UUID(int=1), NOW, "admin:first"),
        "name": "robot",
        "role": Role.OPERATOR,
        "tenant": None,
        "lifetime": None,
    }
    return principals.make_key(random, **{**arguments, **changes})


def test_roles_are_nested() -> None:
    """Viewers may less than operators, operators less than administrators, and those everything."""
    assert SCOPES[Role.VIEWER] < SCOPES[Role.OPERATOR] < SCOPES[Role.ADMINISTRATOR] == frozenset(Scope)


def test_what_each_role_may() -> None:
    """Viewers read, but no credentials; operators write too; tenants, keys, administrators and settings are for
    administrators alone.
    """
    reads = {scope for scope in Scope if scope.endswith(":read")}

    assert SCOPES[Role.VIEWER] == reads - ADMINISTRATORS_ALONE - {Scope.BUNDLE_INSTANCE_AUTHS_READ}
    assert frozenset(Scope) - SCOPES[Role.OPERATOR] == ADMINISTRATORS_ALONE


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("scope", Scope)
def test_a_missing_scope_is_named(role: Role, scope: Scope) -> None:
    """Whoever lacks a scope is told which, and the least role that holds it; whoever has it goes on."""
    caller = Caller("x", "admin:x", role, None)
    if scope in SCOPES[role]:
        caller.require(scope)
        assert caller.may(scope)
        return

    least = "administrator" if scope in ADMINISTRATORS_ALONE else "operator"
    with pytest.raises(InsufficientScopes, match=f"{scope.value} is required.*{role.value}.*of an {least}"):
        caller.require(scope)
    assert not caller.may(scope)


@given(st.binary(min_size=32, max_size=32))
def test_a_keys_text(random: bytes) -> None:
    """A key's text says what it is, fits a header as it is, and of it the SHA-256 alone is kept."""
    text, key = make(random)

    assert text.startswith("connector-key-")
    assert len(text) == len("connector-key-") + 43
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert key.digest == sha256(text.encode()).digest()
    assert repr(key.digest) not in repr(key)
    assert text not in repr(key)


@given(st.binary(max_size=64).filter(lambda octets: len(octets) != 32))
def test_a_key_takes_exactly_32_octets(random: bytes) -> None:
    """Too little randomness makes no key."""
    with pytest.raises(ValueError, match="32 random octets"):
        make(random)


def test_a_key_is_what_was_asked_for() -> None:
    """A key has the role, tenant and end that were asked for, and tells who made it."""
    _, key = make(tenant="acme", role=Role.VIEWER, lifetime=timedelta(seconds=1))

    assert key == replace(
        make()[1], tenant="acme", role=Role.VIEWER, expires_at=NOW + timedelta(seconds=1), created_by="admin:first"
    )


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a\n", "x" * 101, " a", "a\x00", "<b>"])
def test_key_names_refused(name: str) -> None:
    """A key's name follows the rule of names: the audit and the logs show it."""
    with pytest.raises(InvalidData, match="name"):
        make(name=name)


@pytest.mark.parametrize("lifetime", [timedelta(0), -INSTANT, MAX_KEY_LIFETIME + INSTANT])
def test_key_lifetimes_refused(lifetime: timedelta) -> None:
    """A key that is given an end has it in the future, and within ten years or so."""
    with pytest.raises(InvalidData, match="lifetimeSeconds"):
        make(lifetime=lifetime)
    assert make(lifetime=MAX_KEY_LIFETIME)[1].expires_at == NOW + MAX_KEY_LIFETIME


def test_who_calls_with_a_key() -> None:
    """A key's bearer has its role in its tenant or everywhere; keys of two tenants go by two names."""
    everywhere, acme, other = (make(tenant=tenant)[1] for tenant in (None, "acme", "other"))

    callers = [principals.check(key, key.digest, now=NOW) for key in (everywhere, acme, other)]

    assert callers == [
        Caller("robot", "admin:robot", Role.OPERATOR, None),
        Caller("robot", "admin:acme/robot", Role.OPERATOR, frozenset({"acme"})),
        Caller("robot", "admin:other/robot", Role.OPERATOR, frozenset({"other"})),
    ]


def test_when_a_key_is_good() -> None:
    """A key is good up to, and not at, its expiry; never once it is revoked, which is what is said of it then."""
    _, key = make(lifetime=timedelta(seconds=1))
    end = NOW + timedelta(seconds=1)

    assert principals.check(key, key.digest, now=end - INSTANT).name == "robot"
    with pytest.raises(KeyExpired):
        principals.check(key, key.digest, now=end)
    for now in (NOW, end):
        with pytest.raises(KeyRevoked):
            principals.check(replace(key, revoked_at=NOW), key.digest, now=now)


def test_an_unknown_key() -> None:
    """No key, and a key of another digest, are unknown alike, whatever state the other is in."""
    _, key = make()
    for found in (None, key, replace(key, revoked_at=NOW), replace(key, expires_at=NOW)):
        with pytest.raises(KeyUnknown):
            principals.check(found, principals.digest("connector-key-other"), now=NOW)


@given(st.text(st.characters()))
def test_any_text_has_a_digest(text: str) -> None:
    """Whatever a header holds can be looked up: it is read as octets, those that are no UTF-8 among them."""
    octets = text.encode("utf-8", "surrogatepass")

    assert principals.digest(octets.decode("utf-8", "surrogateescape")) == sha256(octets).digest()
