from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.refusals.gateways import ForwardedCertificateAmbiguous, ForwardedCertificateMissing
from connector.web.gateways.forwarded import DIALECTS, Dialect, xfcc, xfcc_element
from connector.web.gateways.sole import MAX_OCTETS

DER = bytes(range(256)) * 4
OTHER = bytes(reversed(DER))
HASH = sha256(DER).digest()
HEX = HASH.hex().encode()
BASE64 = b64encode(DER)


def pem(der: bytes = DER, separator: bytes = b"\n") -> bytes:
    """PEM as OpenSSL writes it, with this in the place of line breaks."""
    body = b64encode(der)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return separator.join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----"])


def escaped(octets: bytes) -> bytes:
    """The octets as nginx escapes them."""
    return quote(octets, safe="").encode()


GOOD: dict[str, Callable[[], bytes]] = {
    "nginx": lambda: escaped(pem() + b"\n"),
    "envoy": lambda: b"By=spiffe://example.org/gateway;Hash=" + HEX,
    "caddy": lambda: HEX,
    "traefik": lambda: BASE64 + b"," + b64encode(OTHER),
    "haproxy": HEX.upper,
    "apache": lambda: pem(separator=b" "),
    "rfc9440": lambda: b":" + BASE64 + b":",
}

AMBIGUOUS: dict[str, list[bytes]] = {
    "nginx": [
        pem(),  # line breaks as they are, which no header has
        escaped(pem() + b"\n" + pem(OTHER) + b"\n"),
        escaped(pem().replace(b"\n", b"\r\n")),
        escaped(b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n" + pem()),
        escaped(b" " + pem()),
        escaped(pem() + b"\n\n"),
        escaped(pem()).replace(b"%2B", b"%252B") + b"%",
        escaped(pem().replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE")),
        escaped(b"-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n"),
        escaped(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        escaped(pem().replace(b"=", b"")),
        b"(null)",
        BASE64,
        HEX,
    ],
    "envoy": [
        HEX,
        b"Hash=" + HEX[:-1],
        b"Hash=" + HEX + b"0",
        b"Hash=" + HEX + b",Hash=" + HEX,
        b"Hash=" + HEX + b",By=x",
        b"Hash=" + HEX + b";Hash=" + sha256(OTHER).hexdigest().encode(),
        b"Hash=" + HEX + b";hash=" + HEX,
        b"By=x",
        b'Subject="CN=a;Hash=' + HEX + b'"',
        b'Subject="CN=a\\";Hash=' + HEX,
        b'Subject="CN=a;Hash=' + HEX,
        b'Hash="' + HEX + b'"',
        b"Hash = " + HEX,
        b"Hash=" + HEX + b";",
        b";Hash=" + HEX,
        b"Hash=" + HEX + b" ",
        b"Hash=" + HEX + b"\x00",
        b"URI=spiffe://a;b;Hash=" + HEX,
    ],
    "caddy": [HEX[:-2], HEX + b"00", HEX[:-1] + b"g", b"sha256:" + HEX, HEX + b"," + HEX, b" " + HEX[1:]],
    "traefik": [
        BASE64 + b",",
        b"," + BASE64,
        BASE64 + b", " + BASE64,
        pem(separator=b" "),
        BASE64[:-1],
        b",".join([BASE64] * 10),
        escaped(BASE64) + b"%",
        HEX[:-1],
    ],
    "haproxy": [HEX[:-2], HEX + b"," + HEX, HEX[:-1] + b"-"],
    "apache": [
        pem(separator=b" ") + b" " + pem(OTHER, b" "),
        pem(separator=b"  "),
        escaped(pem()),
        pem(separator=b"\t"),
        b"(null)",
        BASE64,
    ],
    "rfc9440": [
        BASE64,
        b":" + BASE64,
        BASE64 + b":",
        b":" + BASE64 + b":, :" + BASE64 + b":",
        b":" + BASE64 + b":;a=1",
        b'"' + BASE64 + b'"',
        b":",
        b"::",
        b":" + BASE64.replace(b"+", b"-").replace(b"/", b"_") + b"!:",
    ],
}

CASES = [(each, value) for each in DIALECTS for value in AMBIGUOUS[each.name]]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_dialect_reads_what_its_gateway_makes(dialect: Dialect) -> None:
    """Each reader finds the SHA-256 of the client's own certificate in what its gateway sends."""
    headers = [(b"host", b"localhost"), (dialect.header, GOOD[dialect.name]())]

    assert dialect.fingerprint(headers) == HASH


@pytest.mark.parametrize(("dialect", "value"), CASES, ids=lambda each: getattr(each, "name", None))
def test_what_no_gateway_makes_is_refused(dialect: Dialect, value: bytes) -> None:
    """A value that the gateway would not have made is refused, not repaired: a client may have written it."""
    with pytest.raises(ForwardedCertificateAmbiguous):
        dialect.fingerprint([(dialect.header, value)])


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_no_other_dialects_header_is_read(dialect: Dialect) -> None:
    """The headers of all other gateways together are no certificate here: a client may send them through a proxy."""
    others = [(each.header, GOOD[each.name]()) for each in DIALECTS if each.header != dialect.header]

    with pytest.raises(ForwardedCertificateMissing):
        dialect.fingerprint(others)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_header_that_is_not_alone_is_refused(dialect: Dialect) -> None:
    """Twice, under a name with underscores too, named in Connection, or too long: refused, whichever came first."""
    name, value = dialect.header, GOOD[dialect.name]()
    lists = [
        [(name, value), (name, value)],
        [(name, value), (name, b"")],
        [(name, b""), (name, value)],
        [(name, value), (b"connection", b"close, " + name.title())],
        [(b"connection", name), (name, value)],
        [(name, b"0" * (MAX_OCTETS + 1))],
    ]
    if b"-" in name:
        lists += [
            [(name, value), (name.replace(b"-", b"_"), value)],
            [(name.replace(b"-", b"_"), value), (name, value)],
            [(name.replace(b"-", b"_", 1), value)],
        ]
    for headers in lists:
        with pytest.raises(ForwardedCertificateAmbiguous):
            dialect.fingerprint(headers)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_an_empty_header_is_no_certificate(dialect: Dialect) -> None:
    """A gateway whose client shows no certificate sends the header empty, or not at all: nobody is identified."""
    for headers in ([(dialect.header, b"")], []):
        with pytest.raises(ForwardedCertificateMissing):
            dialect.fingerprint(headers)


@given(st.sampled_from(DIALECTS), st.binary(max_size=400))
def test_octets_are_refused_or_read_without_a_fault(dialect: Dialect, value: bytes) -> None:
    """Whatever the octets are, a reader returns 32 octets or refuses; nothing else is ever raised."""
    with suppress(ForwardedCertificateAmbiguous, ForwardedCertificateMissing):
        assert len(dialect.fingerprint([(dialect.header, value)])) == 32


KEYS = st.sampled_from(["By", "Hash", "hash", "Cert", "Subject", "URI", "DNS"])
VALUES = st.one_of(st.just(HEX.decode()), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
PAIRS = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=6)


def element(pairs: list[tuple[str, str]]) -> str:
    """The pairs as Envoy's documentation says that they are written."""

    def written(value: str) -> str:
        if not any(special in value for special in ',;="\\ '):
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return ";".join(f"{key}={written(value)}" for key, value in pairs)


@given(st.lists(PAIRS, min_size=1, max_size=2))
def test_the_hash_is_found_where_it_alone_can_be_meant(elements: list[list[tuple[str, str]]]) -> None:
    """Of what Envoy could have written, the hash is read if there is one element with one hash; all else is refused."""
    value = ",".join(map(element, elements)).encode()
    hashes = [text for key, text in elements[0] if key.lower() == "hash"]

    if len(elements) == 1 and hashes == [HEX.decode()]:
        assert xfcc(value) == HASH
    else:
        with pytest.raises(ValueError, match=r"."):
            xfcc(value)


@given(st.lists(PAIRS, min_size=1, max_size=2))
def test_a_subject_is_read_where_it_alone_can_be_meant(elements: list[list[tuple[str, str]]]) -> None:
    """The subject is read if there is one, quoted, in printable ASCII without escapes; several are refused."""
    value = ",".join(map(element, elements)).encode()
    subjects = [text for key, text in elements[0] if key == "Subject"]
    try:
        found = xfcc_element(value)
    except ValueError:
        return

    if len(subjects) > 1:
        with pytest.raises(ValueError, match="several subjects"):
            found.subject  # noqa: B018 - the reading is what is tried
    elif subjects and any(special in subjects[0] for special in ",;= ") and not set(subjects[0]) & {'"', "\\"}:
        assert found.subject == subjects[0]
    else:
        assert found.subject is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=30))
def test_an_escaped_subject_is_none(text: str) -> None:
    """A subject with a backslash or with other characters than ASCII's is none, however the gateway wrote it."""
    try:
        found = xfcc_element(b"Hash=" + HEX + b';Subject="' + text.encode() + b'"')
    except ValueError:
        return

    is_plain = text.isascii() and "\\" not in text and text != ""
    assert found.subject == (text if is_plain else None)
