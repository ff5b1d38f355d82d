"""The pairing string, there and back."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import pairing, tokens
from connector.domain.directory import EntityKind, Identity
from connector.domain.origins import Origin
from connector.domain.pairing import Links
from connector.domain.refusals.objects import InvalidData

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
    Origin(UUID(int=1), NOW, "admin:test"),
    Identity("tenant", "owner", EntityKind.APPLICATION, "auth"),
    lifetime=timedelta(minutes=5),
)
CONTROLS = st.characters(max_codepoint=32) | st.just("\x7f")
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


def paired(url: str, token: str = MINTED.secret.text) -> pairing.Pairing:
    """What is read from a pairing string with this address and token."""
    return pairing.parse(pairing.encode(json.dumps({"token": token, "connectorURL": url})))


@given(at=st.integers(0, 40), strange=st.characters(categories=["Cc", "Zs", "Cf", "L"], min_codepoint=128) | CONTROLS)
def test_a_character_that_no_url_holds_is_named(at: int, strange: str) -> None:
    """A tab, another control character, a blank or a letter outside ASCII in the address is named by its number."""
    at = max(at, len("https://"))
    url = f"{LINKS.connector[:at]}{strange}{LINKS.connector[at:]}"

    with pytest.raises(InvalidData, match=f"U\\+{ord(strange):04X}, its {at + 1}th") as caught:
        paired(url)

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@given(rest=st.text(st.characters(max_codepoint=255), max_size=30) | st.text("a0.-_:[]@/?#%\t\u0130", max_size=20))
def test_an_address_that_was_read_can_be_used(rest: str) -> None:
    """Whatever stands in a pairing string, its address is refused, or an HTTP client sends the token there."""
    try:
        found = paired(f"https://{rest}")
    except InvalidData:
        return
    request = httpx2.Request("POST", found.connector_url, headers={"Connector-Token": found.token})

    assert request.url.host
    assert request.url.scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        *("https://", "https:///path", "https://:443/", "https://a b/", "https://user@host/", "https://host:99999/"),
        *("https://host:0/", "https://host:x/", "https://[::1/", "https://a..b/", "https://-a/", "https://host/#part"),
        *("https://ho%73t/", "https://\\host/", "https://h\x00ost/", "https://bücher.example/", "https://h/\u200b"),
    ],
)
def test_an_address_without_a_host_of_its_own_is_refused(url: str) -> None:
    """No host, a wrong port, a user name, a fragment or a character that no URL holds is refused."""
    with pytest.raises(InvalidData, match="connectorURL"):
        paired(url)


@pytest.mark.parametrize(
    "url", ["https://h", "https://127.0.0.1:8443/x?y=z", "https://[::1]:8443/", "https://a_b.c-d.e./"]
)
def test_addresses_of_every_kind_of_host_are_read(url: str) -> None:
    """A name, an IPv4 and an IPv6 address are hosts, with and without a port."""
    assert paired(url).connector_url == url


@pytest.mark.parametrize("token", ["", "a b", "a\tb", "a\r\nX-Header: b", "tokén", "\x00"])
def test_a_token_that_no_header_holds_is_refused(token: str) -> None:
    """A token with a blank, a line end or a letter outside ASCII cannot be sent, and is refused without being shown."""
    with pytest.raises(InvalidData, match="token") as caught:
        paired(LINKS.connector, token)

    assert not token or token not in str(caught.value)


def test_the_secret_is_in_no_repr() -> None:
    """A parsed pairing can be printed without giving the token away."""
    assert MINTED.secret.text not in repr(pairing.parse(pairing.encode(RAW)))


def test_the_legacy_url_ends_in_the_token() -> None:
    """The legacy URL holds ``token=`` and the token unescaped, after ? or &."""
    assert pairing.legacy_url(MINTED.secret, LINKS) == f"{LINKS.legacy_connector}?token={MINTED.secret.text}"
    other = replace(LINKS, legacy_connector="https://a.example/?b=c")
    assert pairing.legacy_url(MINTED.secret, other) == f"https://a.example/?b=c&token={MINTED.secret.text}"


@pytest.mark.parametrize(
    "form",
    [
        "{0}{0}",
        "{0}\n{0}\n",
        '"{0}" "{0}"',
        "  {0}  ",
        "\u201c{0}\u201d",
        "\u00ab{0}\u00bb",
        "'{0}'\r\n",
        "\ufeff{0}",
        "\u200b{0}\u200b",
    ],
)
def test_what_pasting_adds_does_no_harm(form: str) -> None:
    """Quotes of any kind, characters of no width, and a second copy are what programs add, and change nothing."""
    assert pairing.parse(form.format(pairing.encode(RAW))) == pairing.parse(pairing.encode(RAW))


def test_two_different_strings_are_refused() -> None:
    """Only the same string twice is one: of two, none is chosen."""
    other = pairing.encode(RAW.replace("connector.example", "otherwise.example"))
    with pytest.raises(InvalidData, match="Copy it again"):
        pairing.parse(pairing.encode(RAW) + other)
