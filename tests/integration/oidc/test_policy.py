"""Which issuers and algorithms can be configured at all."""

from datetime import timedelta
from typing import Any

import pytest

from connector.domain.principals import Role
from connector.oidc import OIDCPolicy


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com",
        "https://login.example.com:8443/realms/one",
        "http://127.0.0.1:8080",
        "http://localhost/realms/one",
        "http://[::1]:8080/",
    ],
)
def test_issuers_that_can_be(issuer: str) -> None:
    """An issuer is an https URL, or an http URL on this host."""
    assert OIDCPolicy(issuer=issuer, audience="connector").is_plain is issuer.startswith("http:")


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "login.example.com",
        "http://login.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://login.example.com",
        "https://",
        "https://login.example.com?a=b",
        "https://login.example.com?",
        "https://login.example.com#a",
        "https://ann@login.example.com",
        "https://:secret@login.example.com",
        "https://login.example.com:port",
        "https://login.example.com/a b",
        "https://login.example.com/\n",
        "https://[::1",
    ],
)
def test_issuers_that_cannot_be(issuer: str) -> None:
    """Anything else is refused when the settings are read."""
    with pytest.raises(ValueError, match="https URL"):
        OIDCPolicy(issuer=issuer, audience="connector")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS384", "HS512", "RS1", "ES256K", "dir", ""])
def test_algorithms_that_cannot_be(algorithm: str) -> None:
    """No setting lets a token be unsigned, or signed by a key that whoever verifies has too."""
    with pytest.raises(ValueError, match="algorithms"):
        OIDCPolicy(issuer="https://login.example.com", audience="connector", algorithms=("RS256", algorithm))


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": ()},
        {"audience": ""},
        {"roles_claim": ""},
        {"tenants_claim": ""},
        {"name_claim": ""},
        {"all_tenants": ""},
        {"leeway": timedelta(seconds=-1)},
        {"leeway": timedelta(minutes=6)},
        {"refresh": timedelta(0)},
        {"refresh": timedelta(days=1)},
        {"timeout": timedelta(0)},
        {"timeout": timedelta(minutes=1)},
        {"role_values": {}},
        {"role_values": {Role.VIEWER: frozenset()}},
    ],
    ids=str,
)
def test_what_else_cannot_be(changes: dict[str, Any]) -> None:
    """A policy that would take nothing, or too much, is refused."""
    with pytest.raises(ValueError, match="must"):
        OIDCPolicy(**{"issuer": "https://login.example.com", "audience": "connector"} | changes)


def test_a_role_is_its_own_name() -> None:
    """Where the settings say nothing, a role's name means the role."""
    policy = OIDCPolicy(issuer="https://login.example.com", audience="connector")

    assert policy.role_values == {role: frozenset({role.value}) for role in Role}
