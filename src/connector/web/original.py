"""The original Connector's words for a CSR that it refuses: its clients look for them in the message."""

from collections.abc import Mapping

from connector.domain.refusals import csr
from connector.domain.refusals.csr import BadCSR

_SIGNING = "Error while signing Certificate Signing Request: "
_DECODING = "Error while decoding Certificate Signing Request: "

# Word for word but for the fault, which stands for what the original says there, or would.
_WORDS: Mapping[type[BadCSR], str] = {
    csr.CSRTooLarge: f"{_SIGNING}Error while parsing CSR: {{fault}}.",
    csr.CSRNotBase64: f"{_DECODING}Error while parsing base64 content. Incorrect value provided.",
    csr.CSRNotPEM: f"{_SIGNING}Error while decoding pem block.",
    csr.CSRMalformed: f"{_SIGNING}Error while parsing CSR: {{fault}}.",
    csr.CSRSignatureInvalid: f"{_SIGNING}CSR signature invalid: {{fault}}.",
    csr.CSRSubjectMismatch: f"{_SIGNING}CSR: {{fault}} provided.",
    csr.CSRKeyRefused: f"{_SIGNING}CSR: key refused: {{fault}}",
    csr.CSRKeyNotBound: f"{_SIGNING}CSR: key refused: {{fault}}.",
    csr.CSRExtensionRefused: f"{_SIGNING}CSR: extension refused: {{fault}}",
}
"""Every kind of refused CSR; a test holds it to :mod:`connector.domain.refusals.csr`."""


def in_original_words(refusal: BadCSR) -> BadCSR:
    """The refusal with our advice, and then the original's text."""
    words = _WORDS[type(refusal)].format(fault=refusal.fault)
    return refusal.in_words(f"{refusal.advice} {words}")
