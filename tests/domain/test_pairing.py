"""The pairing string, there and back."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import pairing, tokens
from connector.domain.pairing import Links
from connector.domain.refusals.objects import InvalidData
from connector.domain.tokens import TokenType

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LINKS = Links(
    connector="https://connector.example/connector/graphql",
    legacy_connector="https://connector.example/v1/applications/signingRequests/info",
    certificate_secured_connector="https://mtls.example/connector/graphql",
    director="https://mtls.example/director/graphql",
    root_fingerprint=bytes(range(32)),
)
MINTED = tokens.mint(
    bytes(64),
    id=UUID(int=1),
    type=TokenType.APPLICATION,
    system_auth_id="auth",
    owner_id="owner",
    tenant_id="tenant",
    minted_by="admin:test",
    now=NOW,
    lifetime=timedelta(minutes=5),
)
RAW = pairing.raw(MINTED.secret, MINTED.token, LINKS)


def test_raw_has_the_originals_keys_and_ours() -> None:
    """The JSON is compact, in the original's keys and order, with the root's fingerprint under its own key."""
    fields = json.loads(RAW)

    assert list(fields) == [
        "token",
        "connectorURL",
        "used",
        "expiresAt",
        "createdAt",
        "usedAt",
        "type",
        "scenario_groups",
        "rootFingerprint",
    ]
    assert fields["expiresAt"] == "2026-01-01T12:05:00.123456Z"
    assert fields["usedAt"] is None
    assert fields["rootFingerprint"] == bytes(range(32)).hex()
    assert " " not in RAW


def test_the_string_is_base64_of_raw() -> None:
    """What is handed over is standard base64 of the JSON, byte for byte."""
    assert b64decode(pairing.encode(RAW), validate=True).decode() == RAW


@pytest.mark.parametrize("form", ["{}", " {}\n", '"{}"', "'{}'"])
def test_a_string_from_mail_or_terminal_is_read(form: str) -> None:
    """White space and quotes around the string do no harm."""
    found = pairing.parse(form.format(pairing.encode(RAW)))

    assert found.token == MINTED.secret.text
    assert found.connector_url == LINKS.connector
    assert found.root_fingerprint == LINKS.root_fingerprint


def test_a_wrapped_string_is_read() -> None:
    """Line ends within the string do no harm."""
    text = pairing.encode(RAW)
    wrapped = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))

    assert pairing.parse(wrapped) == pairing.parse(text)


@given(st.integers(min_value=0, max_value=len(pairing.encode(RAW)) - 1))
def test_a_cut_string_is_refused(length: int) -> None:
    """A string that was cut anywhere is refused as a whole."""
    with pytest.raises(InvalidData):
        pairing.parse(pairing.encode(RAW)[:length])


@given(st.text() | st.binary().map(lambda octets: pairing.encode(octets.decode("latin-1"))))
def test_anything_else_is_refused(text: str) -> None:
    """No other text raises anything but a refusal."""
    with pytest.raises(InvalidData):
        pairing.parse(text)


def test_an_address_without_tls_is_refused() -> None:
    """A pairing string that would have the token sent in the clear is refused."""
    plain = RAW.replace("https://", "http://")
    with pytest.raises(InvalidData, match="TLS"):
        pairing.parse(pairing.encode(plain))


def test_the_secret_is_in_no_repr() -> None:
    """A parsed pairing can be printed without giving the token away."""
    assert MINTED.secret.text not in repr(pairing.parse(pairing.encode(RAW)))


def test_the_legacy_url_ends_in_the_token() -> None:
    """The legacy URL holds ``token=`` and the token unescaped, after ? or &."""
    assert pairing.legacy_url(MINTED.secret, LINKS) == f"{LINKS.legacy_connector}?token={MINTED.secret.text}"
    other = replace(LINKS, legacy_connector="https://a.example/?b=c")
    assert pairing.legacy_url(MINTED.secret, other) == f"https://a.example/?b=c&token={MINTED.secret.text}"
