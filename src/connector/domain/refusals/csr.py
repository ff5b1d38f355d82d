"""A certificate signing request cannot be granted."""

from typing import Self

from connector.domain.refusals import Refusal


class BadCSR(Refusal):
    """The certificate signing request cannot be granted.

    ``advice`` says what to do, ``fault`` what is wrong; the message is both. A door whose clients look for other words
    says it in those.
    """

    code = "csr_refused"

    def __init__(self, advice: str, fault: str) -> None:
        super().__init__(f"{advice} Refused: {fault}.")
        self.advice, self.fault = advice, fault

    def in_words(self, message: str) -> Self:
        """The same refusal with another message."""
        other = type(self).__new__(type(self))
        other.advice, other.fault, other.args = self.advice, self.fault, (message,)
        return other


class CSRTooLarge(BadCSR):
    """The CSR exceeds 32 768 characters."""

    code = "csr_too_large"

    def __init__(self) -> None:
        super().__init__("Send at most 32768 characters.", "too large")


class CSRNotBase64(BadCSR):
    """The CSR argument is not standard base64."""

    code = "csr_not_base64"

    def __init__(self) -> None:
        super().__init__("Send the CSR's PEM as one standard base64 string (openssl base64 -A).", "not base64")


class CSRNotPEM(BadCSR):
    """The decoded argument does not contain exactly one PEM block with a CSR (RFC 7468 sections 2 and 7)."""

    code = "csr_not_pem"

    def __init__(self, advice: str) -> None:
        super().__init__(advice, "not one PEM block of a CSR")


class CSRMalformed(BadCSR):
    """The PEM block does not contain a well-formed PKCS #10 request (RFC 2986)."""

    code = "csr_malformed"

    def __init__(self, fault: str) -> None:
        super().__init__("Make the CSR anew (openssl req -new).", fault)


class CSRSignatureInvalid(BadCSR):
    """The CSR is not signed by its own key with an accepted algorithm, so it does not prove possession of the key."""

    code = "csr_signature_invalid"

    def __init__(self, fault: str) -> None:
        super().__init__("Sign the CSR with the key that is in it.", fault)


class CSRSubjectMismatch(BadCSR):
    """The CSR's subject is not the expected one."""

    code = "csr_subject_mismatch"


class CSRKeyRefused(BadCSR):
    """The CSR's key is of a kind or size that is not accepted."""

    code = "csr_key_refused"

    def __init__(self, fault: str) -> None:
        super().__init__(
            "Make a new key: RSA of 2048 to 8192 bits with exponent 65537, P-256, P-384, P-521 or Ed25519.", fault
        )


class CSRKeyNotBound(BadCSR):
    """The one-time token is bound to another key than the CSR's."""

    code = "csr_key_not_bound"

    def __init__(self) -> None:
        super().__init__("Make the CSR with the key to which the token is bound.", "the CSR has another key")


class CSRExtensionRefused(BadCSR):
    """The CSR requests an extension that client certificates must not contain, and the settings refuse that."""

    code = "csr_extension_refused"

    def __init__(self, fault: str) -> None:
        super().__init__("Make the CSR without requested extensions.", fault)
