"""What a client may send instead of the base64 of one PEM block."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator

from tests.vectors import der
from tests.vectors.drafts import MARKER, Applicant, Vector, pem, send

from connector.domain.refusals.csr import CSRMalformed, CSRNotBase64, CSRNotPEM, CSRTooLarge
from connector.pki.csr import MAX_CSR_OCTETS

_MIB = 2**20
_BEGIN = b"-----BEGIN CERTIFICATE REQUEST-----\n"
_END = b"-----END CERTIFICATE REQUEST-----\n"


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each differs from a good text in one thing."""
    encoded = applicant.draft().encoded()
    yield from _accepted(encoded)
    yield from _not_base64(encoded)
    yield from _not_pem(encoded)
    yield from _too_large(pem(encoded))


def _wrapped(text: str, end: str) -> str:
    return end.join(text[start : start + 76] for start in range(0, len(text), 76)) + end


def _accepted(encoded: bytes) -> Iterator[Vector]:
    block, text = pem(encoded), send(pem(encoded))
    one_line = _BEGIN.strip() + b64encode(encoded) + _END.strip()
    yield Vector("text-good", text, "the plain case")
    yield Vector("text-wrapped-lf", _wrapped(text, "\n"), "base64 in lines: the original ignores LF")
    yield Vector("text-wrapped-crlf", _wrapped(text, "\r\n"), "base64 in lines: the original ignores CR LF")
    yield Vector("text-line-ends-only-at-end", text + "\r\n\r\n", "what a shell adds")
    yield Vector("pem-crlf", send(block.replace(b"\n", b"\r\n")), "RFC 7468 2: any line end")
    yield Vector("pem-one-line", send(one_line), "no line ends at all")
    yield Vector("pem-one-body-line", send(_BEGIN + b64encode(encoded) + b"\n" + _END), "base64 that is not wrapped")
    yield Vector("pem-no-last-line-end", send(block.rstrip()), "RFC 7468 2: the last line end may be missing")
    yield Vector("pem-white-space-around", send(b"\r\n \t" + block + b"\n\n"), "RFC 7468 2: white space around")
    yield Vector("pem-new-label", send(pem(encoded, "NEW CERTIFICATE REQUEST")), "keytool's label, RFC 7468 7")
    ignored = "RFC 7468 2: what stands outside the boundaries is ignored"
    text_form = f"Certificate Request:\n    Data:\n        Subject: CN = {MARKER}\n".encode()
    yield Vector("pem-text-before", send(text_form + block), ignored)
    yield Vector("pem-text-after", send(block + MARKER.encode()), ignored)
    yield Vector("pem-text-around-crlf", send((text_form + block + text_form).replace(b"\n", b"\r\n")), ignored)
    yield Vector("pem-zero-after", send(block + b"\0"), ignored)
    yield Vector("pem-byte-order-mark", send(b"\xef\xbb\xbf" + block), ignored)
    padding = "\n" * (MAX_CSR_OCTETS - len(text))
    yield Vector("text-as-long-as-allowed", text + padding, "the limit itself is allowed")


def _not_base64(encoded: bytes) -> Iterator[Vector]:
    block = pem(encoded)
    text = send(block)
    # With padding, and without: the length of a CSR is another each time.
    padded, unpadded = (send(block + b"\n" * ((rest - len(block)) % 3)) for rest in (1, 0))
    middle = len(text) // 2
    for name, wrong, why in (
        ("space-inside", text[:middle] + " " + text[middle:], "the original refuses any space"),
        ("space-before", " " + text, "the original refuses any space"),
        ("tab-inside", text[:middle] + "\t" + text[middle:], "white space other than line ends"),
        ("form-feed-inside", text[:middle] + "\f" + text[middle:], "white space other than line ends"),
        ("no-break-space-inside", text[:middle] + "\u00a0" + text[middle:], "white space outside ASCII"),
        ("line-separator-inside", text[:middle] + "\u2028" + text[middle:], "a line end outside ASCII"),
        ("only-spaces", "   ", "nothing but spaces"),
        ("words", f"this is no CSR: {MARKER}!", "not base64 at all"),
        ("suffix", text + "$$" + MARKER, "a lenient decoder skips what it does not know"),
        ("nul-suffix", text + "\0", "a NUL ends the text for a reader in C"),
        ("padding-missing", padded.rstrip("="), "standard base64 is padded"),
        ("padding-in-excess", padded + "=", "more padding than these octets need"),
        ("padding-of-nothing", unpadded + "====", "padding where none is needed"),
        ("bits-in-excess", padded.rstrip("=")[:-1] + "h==", "bits that belong to no octet"),
        ("padding-inside", padded + padded, "two texts joined"),
        ("one-character", "A", "no whole octet"),
        ("only-padding", "====", "padding of nothing"),
        ("url-safe", urlsafe_b64encode(block + b"\xff\xfe\xff\xfe\xff\xfe").decode(), "the other alphabet"),
        ("pem-itself", block.decode(), "PEM that was not base64-encoded again"),
        ("data-url", "data:application/pkcs10;base64," + text, "a URL around it"),
        ("percent-encoded", text + "%3D", "percent-encoded padding"),
        ("full-width", text[:8].translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}), "look-alike letters"),
        ("surrogate", "\ud800" + text, "half a UTF-16 character, which JSON can carry"),
    ):
        yield Vector(f"base64-{name}", wrong, why, CSRNotBase64, "Error while parsing base64 content.")


def _not_pem(encoded: bytes) -> Iterator[Vector]:
    block = pem(encoded)
    body = b64encode(encoded)
    lines = block.splitlines(keepends=True)
    half = len(lines) // 2
    certificate = pem(der.sequence(der.sequence(), der.sequence(), der.bits(b"")), "CERTIFICATE")
    for name, data, why, says in (
        ("empty", b"", "nothing", "Send a PEM block"),
        ("not-even-pem", f"wrong csr {MARKER}".encode(), "base64 of words", "Send a PEM block"),
        ("bare-der", encoded, "DER without its PEM", "bare DER"),
        ("bare-base64", body, "base64 twice, without the lines", "Send a PEM block"),
        ("twice-base64", b64encode(block), "base64 twice", "Send a PEM block"),
        ("two-blocks", block + block, "which of them is signed?", "exactly one"),
        ("certificate-after", block + certificate, "a second block of another kind", "exactly one"),
        ("certificate-before", certificate + block, "a second block of another kind", "exactly one"),
        ("private-key", pem(encoded, "PRIVATE KEY"), "a private key instead", "label"),
        ("encrypted-key", pem(encoded, "ENCRYPTED PRIVATE KEY"), "a private key instead", "label"),
        ("label-certificate", pem(encoded, "CERTIFICATE"), "a CSR under another label", "label"),
        ("label-lower-case", pem(encoded, "certificate request"), "labels are case-sensitive", "label"),
        ("label-longer", pem(encoded, "X509 CERTIFICATE REQUEST"), "no known label", "label"),
        ("label-hostile", pem(encoded, MARKER), "a label that must not be echoed", "label"),
        ("labels-differ", block.replace(b"END ", b"END NEW "), "the two lines disagree", "as it is"),
        ("four-dashes", block.replace(b"-----", b"----"), "not RFC 7468", "Send a PEM block"),
        ("begin-lower-case", block.replace(b"BEGIN", b"begin"), "not RFC 7468", "Send a PEM block"),
        ("en-dashes", block.replace(b"-----", "\u2013\u2013".encode()), "what a word processor makes", "PEM block"),
        ("no-end", b"".join(lines[:-1]), "cut off", "as it is"),
        ("no-begin", b"".join(lines[1:]), "cut off", "Send a PEM block"),
        ("no-body", _BEGIN + b"=" + _END, "base64 of nothing", "base64"),
        (
            "header",
            _BEGIN + b"Comment: x\n\n" + body + b"\n" + _END,
            "RFC 1421 headers, which RFC 7468 ended",
            "as it is",
        ),
        ("nul-inside", b"".join([*lines[:half], b"\0", *lines[half:]]), "a NUL in the body", "as it is"),
        ("url-safe-body", _BEGIN + b"-_-_" + body + b"\n" + _END, "the other alphabet", "as it is"),
        ("foreign-character", _BEGIN + b"*" + body + b"\n" + _END, "a lenient decoder skips it", "as it is"),
        ("body-cut", _BEGIN + body[:41] + b"\n" + _END, "no whole octets", "base64"),
        ("body-padded-inside", _BEGIN + b"AA==" + body + b"\n" + _END, "padding in the middle", "base64"),
        (
            "body-padding-in-excess",
            _BEGIN + body.rstrip(b"=") + b"====\n" + _END,
            "more than any octets need",
            "base64",
        ),
        ("utf-16", block.decode().encode("utf-16"), "what Windows calls Unicode", "Send a PEM block"),
        (
            "begin-lines",
            _BEGIN * 600,
            "as many as are let in: a quadratic search shows (CVE-2024-12401)",
            "exactly one",
        ),
        ("dashes", b"-" * 24_000, "as many as are let in", "Send a PEM block"),
        ("half-lines", b"-----BEGIN " * 2_000, "as many as are let in", "exactly one"),
        ("end-lines", _BEGIN + b"*" + _END * 600, "as many as are let in", "as it is"),
        ("white-space", b" " * 24_000, "as much as is let in", "Send a PEM block"),
        (
            "white-space-in-front",
            b" " * 20_000 + b"x" + block[:-2],
            "a search that goes back and forth",
            "as it is",
        ),
        (
            "private-key-after-text",
            f"Subject: {MARKER}\n".encode() + pem(encoded, "PRIVATE KEY") + block,
            "a key sent with its CSR: the text around a block holds no block",
            "exactly one",
        ),
        ("text-in-the-body", b"".join([*lines[:half], b"Subject: x\n", *lines[half:]]), "text inside", "as it is"),
    ):
        yield Vector(f"pem-{name}", send(data), why, CSRNotPEM, says)
    yield Vector("pem-empty-body", send(_BEGIN + _END), "a block of nothing", CSRMalformed)
    yield Vector("text-empty", "", "nothing at all", CSRNotPEM)
    yield Vector("text-only-line-ends", "\r\n" * 100, "nothing but what is ignored", CSRNotPEM)


def _too_large(block: bytes) -> Iterator[Vector]:
    text = send(block)
    for name, large, why in (
        ("by-one", text + "\n" * (MAX_CSR_OCTETS + 1 - len(text)), "one more than the limit, though it is ignored"),
        ("garbage", (MARKER + "!") * (_MIB // 9), "1 MiB of garbage"),
        ("base64-garbage", send(bytes(_MIB)), "1 MiB of zeros in base64"),
        ("begin-lines", send(_BEGIN * 30_000), "30 000 BEGIN lines (CVE-2024-12401)"),
        ("newlines", "\n" * _MIB, "1 MiB of line ends, which are ignored"),
        ("padding", text + "=" * _MIB, "1 MiB of padding"),
        ("characters", "\U0001f511" * _MIB, "1 MiB of characters of four octets each"),
    ):
        yield Vector(f"too-large-{name}", large, why, CSRTooLarge, "too large")
