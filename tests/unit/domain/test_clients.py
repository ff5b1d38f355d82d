"""Clients by OAuth 2.0 client credentials: secrets, scopes, access tokens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import LATER, NOW, system_auth, tenant

from connector.domain.clients import (
    ACCESS_PREFIX,
    SCOPES,
    SECRET_OCTETS,
    SECRET_PREFIX,
    Access,
    check_access,
    check_client,
    digest,
    granted,
    make_access_token,
    make_client,
)
from connector.domain.directory import EntityKind
from connector.domain.principals import Scope
from connector.domain.refusals.callers import InsufficientScopes
from connector.domain.refusals.clients import AccessTokenExpired, AccessTokenUnknown, ClientUnknown, ScopeRefused

KINDS = st.sampled_from(list(EntityKind))
RANDOM = st.binary(min_size=SECRET_OCTETS, max_size=SECRET_OCTETS)
LIFETIME = timedelta(hours=1)


@given(RANDOM, st.text())
def test_a_secret_is_right_or_the_client_is_unknown(random: bytes, other: str) -> None:
    """The secret that was shown is the only right one; without a client every secret is wrong. No repr holds it."""
    auth = system_auth()
    secret, client = make_client(random, auth, created_by="admin:test", now=NOW)

    assert secret.text.startswith(SECRET_PREFIX)
    assert secret.text not in repr((secret, client))
    assert check_client((client, auth), digest(secret.text)) == (client, auth)
    for found, presented in (
        ((client, auth), other),
        ((client, auth), secret.text + " "),
        (None, secret.text),
        (None, ""),
    ):
        with pytest.raises(ClientUnknown):
            check_client(found, digest(presented))


@given(RANDOM)
def test_an_access_token_is_good_until_it_expires(random: bytes) -> None:
    """A token is good before the end of its lifetime, expired from then on, and unknown under another digest."""
    _, client = make_client(random, system_auth(), created_by="admin:test", now=NOW)
    secret, token = make_access_token(random, client, scopes=None, lifetime=LIFETIME, now=NOW)
    access, end, presented = Access(token, system_auth(), tenant()), NOW + LIFETIME, digest(secret.text)

    assert secret.text.startswith(ACCESS_PREFIX)
    assert secret.text not in repr((secret, token))
    assert check_access(access, presented, now=end - timedelta(microseconds=1)) == access
    with pytest.raises(AccessTokenExpired):
        check_access(access, presented, now=end)
    for found, other in ((access, digest("x")), (None, presented)):
        with pytest.raises(AccessTokenUnknown):
            check_access(found, other, now=LATER)


@given(KINDS, st.lists(st.sampled_from([*Scope, "application_template:read", "", "APPLICATION:READ"])))
def test_no_scope_is_granted_beyond_the_kind(kind: EntityKind, wanted: list[str]) -> None:
    """What is granted was asked for, and is the kind's; where nothing is left, nothing is granted."""
    allowed = {scope.value for scope in SCOPES[kind]}
    expected = allowed & set(wanted)
    if expected:
        assert granted(kind, " ".join(wanted)) == expected
    else:
        with pytest.raises(ScopeRefused):
            granted(kind, " ".join(wanted))
    assert granted(kind, None) == allowed


@given(KINDS, st.none() | st.frozensets(st.sampled_from([*(scope.value for scope in Scope), "unknown"])))
def test_a_recorded_scope_gives_no_more_than_the_kind_has(kind: EntityKind, kept: frozenset[str] | None) -> None:
    """Whatever scopes a row holds, the bearer has those of the kind alone."""
    _, client = make_client(bytes(SECRET_OCTETS), system_auth(), created_by="admin:test", now=NOW)
    _, token = make_access_token(bytes(SECRET_OCTETS), client, scopes=kept, lifetime=LIFETIME, now=NOW)
    access = Access(token, replace(system_auth(), owner_kind=kind), tenant())

    for scope in Scope:
        if scope in SCOPES[kind] and (kept is None or scope.value in kept):
            access.require(scope)
            access.caller.require(scope)
        else:
            for holds in (access, access.caller):
                with pytest.raises(InsufficientScopes, match=scope.value):
                    holds.require(scope)
