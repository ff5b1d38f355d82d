"""The original's words for a refused CSR, as its clients find them."""

import pytest
from tests.support.refusals import all_refusals

from connector.domain.refusals import csr
from connector.domain.refusals.csr import BadCSR
from connector.web.original import _WORDS, in_original_words


def test_every_refused_csr_has_the_originals_words() -> None:
    """A new kind of refused CSR without the original's words fails the build."""
    assert set(_WORDS) == {kind for kind in all_refusals() if issubclass(kind, BadCSR) and kind is not BadCSR}


SIGNING = "Error while signing Certificate Signing Request: "
DECODING = "Error while decoding Certificate Signing Request: "
NEW_KEY = "Make a new key: RSA of 2048 to 8192 bits with exponent 65537, P-256, P-384, P-521 or Ed25519. "
ONE_STRING = "Send the CSR's PEM as one standard base64 string (openssl base64 -A). "
BOUND = "Make the CSR with the key to which the token is bound. "


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (csr.CSRTooLarge(), f"Send at most 32768 characters. {SIGNING}Error while parsing CSR: too large."),
        (csr.CSRNotBase64(), f"{ONE_STRING}{DECODING}Error while parsing base64 content. Incorrect value provided."),
        (csr.CSRNotPEM("Send one block."), f"Send one block. {SIGNING}Error while decoding pem block."),
        (csr.CSRMalformed("odd"), f"Make the CSR anew (openssl req -new). {SIGNING}Error while parsing CSR: odd."),
        (csr.CSRSubjectMismatch("It must be X.", "No country"), f"It must be X. {SIGNING}CSR: No country provided."),
        (csr.CSRKeyRefused("RSA of 512 bits"), f"{NEW_KEY}{SIGNING}CSR: key refused: RSA of 512 bits"),
        (csr.CSRKeyNotBound(), f"{BOUND}{SIGNING}CSR: key refused: the CSR has another key."),
    ],
)
def test_message_is_what_it_was(refusal: BadCSR, message: str) -> None:
    """Advice and the original's text are the same, word for word, as before they were told apart; the code stays."""
    worded = in_original_words(refusal)

    assert str(worded) == message
    assert type(worded) is type(refusal)
    assert "Certificate Signing Request" not in str(refusal)
