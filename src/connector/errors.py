"""Every refusal: one class, one stable code.

    Refusal
    ├── Unauthenticated           nobody we know is calling
    │   ├── CredentialMissing     no token, key or certificate where one is needed
    │   ├── TokenUnknown · TokenExpired · TokenSpent · TokenWithdrawn · TokenSourceRefused
    │   ├── KeyUnknown · KeyExpired · KeyRevoked   the API key
    │   ├── JWTRefused            the bearer token of an OpenID Connect issuer
    │   ├── SessionEnded · SignInRefused · LinkRefused   in the console
    │   ├── CertificateUnknown · CertificateRevoked · CertificateExpired
    │   └── ProofRefused          not signed with the certificate's key
    ├── InsufficientScopes        somebody we know may not do this
    ├── FormRefused               a form of the console that did not come from its own page
    ├── BadCSR                    the request for a certificate cannot be granted
    │   ├── CSRTooLarge · CSRNotBase64 · CSRNotPEM · CSRMalformed
    │   ├── CSRSignatureInvalid · CSRSubjectMismatch · CSRKeyRefused · CSRKeyNotBound
    │   └── CSRExtensionRefused
    ├── InvalidData               an argument breaks a rule
    ├── ObjectNotFound · NotUniqueName · ObjectInUse
    ├── TenantRequired · TenantNotFound · TenantForbidden
    ├── BadRequest                the HTTP request or the GraphQL document cannot be read
    │   ├── PathNotFound · BodyTooLarge · UnsupportedMediaType · MethodNotAllowed · RequestTimeout
    │   └── DocumentInvalid · DocumentTooComplex
    ├── StepTaken                 an Idempotency-Key says the same of something else
    ├── Overloaded                too many at once
    ├── TooManyAttempts           too many wrong credentials from one address
    └── StorageUnavailable        nothing was recorded, so nothing was done
        └── StorageFull · StorageReadOnly

A class's docstring is its default message; ``code`` is API and never changes; the text is safe to show.
"""

from inspect import cleandoc
from typing import ClassVar


class Refusal(Exception):
    """The request was refused. The code says why."""

    code: ClassVar[str]

    def __init__(self, message: str = "") -> None:
        super().__init__(message or cleandoc(type(self).__doc__ or self.code).split("\n\n", 1)[0])


class Unauthenticated(Refusal):
    """Failed to authenticate the request. Present a credential."""

    code = "unauthenticated"


class CredentialMissing(Unauthenticated):
    """No credential was presented. Send the one-time token in the Connector-Token header, or an API key as
    Authorization: Bearer.
    """

    code = "credential_missing"


class TokenUnknown(Unauthenticated):
    """The one-time token is not known here. Check that it was copied whole, or ask the administrator for a new one."""

    code = "token_unknown"


class TokenExpired(Unauthenticated):
    """The one-time token has expired. Ask the administrator for a new one."""

    code = "token_expired"


class TokenSpent(Unauthenticated):
    """The one-time token has already been redeemed. Ask the administrator for a new one."""

    code = "token_spent"


class TokenWithdrawn(Unauthenticated):
    """The one-time token has been withdrawn. Ask the administrator for a new one."""

    code = "token_withdrawn"


class TokenSourceRefused(Unauthenticated):
    """The one-time token may not be redeemed from this address. Use it where it was meant for, or ask the
    administrator for a new one.
    """

    code = "token_source_refused"


class KeyUnknown(Unauthenticated):
    """The API key is not known here. Check that it was copied whole; the first one is in the file admin.key."""

    code = "key_unknown"


class KeyExpired(Unauthenticated):
    """The API key has expired. Ask an administrator for a new one."""

    code = "key_expired"


class KeyRevoked(Unauthenticated):
    """The API key has been revoked. Ask an administrator for a new one."""

    code = "key_revoked"


class JWTRefused(Unauthenticated):
    """The bearer token was refused. Sign in anew at the OpenID Connect issuer that the settings name."""

    code = "jwt_refused"


class SessionEnded(Unauthenticated):
    """There is no such session of the console, or it has ended. Sign in again."""

    code = "session_ended"


class SignInRefused(Unauthenticated):
    """The name or the password is wrong. Try again, or ask an administrator for a new sign-in link."""

    code = "sign_in_refused"


class LinkRefused(Unauthenticated):
    """The sign-in link is unknown, was used, or has expired. Ask for a new one: connector admin password NAME."""

    code = "link_refused"


class CertificateUnknown(Unauthenticated):
    """The client certificate was not issued here, or its record is gone. Enroll again with a new one-time token."""

    code = "certificate_unknown"


class CertificateRevoked(Unauthenticated):
    """The client certificate has been revoked. Enroll again with a new one-time token."""

    code = "certificate_revoked"


class CertificateExpired(Unauthenticated):
    """The client certificate has expired. Enroll again with a new one-time token."""

    code = "certificate_expired"


class ProofRefused(Unauthenticated):
    """The proof was not made with the key of the certificate that it names. Sign with that key, or enroll again with a
    new one-time token.
    """

    code = "proof_refused"


class InsufficientScopes(Refusal):
    """Insufficient scopes provided. Call with the credential of somebody who may do this."""

    code = "insufficient_scopes"


class FormRefused(Refusal):
    """The form did not come from this console's own page, so nothing was done. Load the page again, and send it from
    there.
    """

    code = "form_refused"


class BadCSR(Refusal):
    """The certificate signing request cannot be granted.

    Its message is the advice, then the original Connector's text word for word: clients look for that text.
    """

    code = "csr_refused"

    def __init__(self, advice: str, text: str) -> None:
        super().__init__(f"{advice} Error while signing Certificate Signing Request: {text}")


class CSRTooLarge(BadCSR):
    """The CSR is larger than any honest one."""

    code = "csr_too_large"


class CSRNotBase64(BadCSR):
    """The CSR argument is not standard base64."""

    code = "csr_not_base64"

    def __init__(self) -> None:
        Refusal.__init__(
            self,
            "Send the CSR's PEM as one standard base64 string (openssl base64 -A). Error while decoding Certificate "
            "Signing Request: Error while parsing base64 content. Incorrect value provided.",
        )


class CSRNotPEM(BadCSR):
    """The decoded argument does not hold exactly one PEM block, of a CSR (RFC 7468 sections 2 and 7)."""

    code = "csr_not_pem"

    def __init__(self, advice: str) -> None:
        super().__init__(advice, "Error while decoding pem block.")


class CSRMalformed(BadCSR):
    """The PEM block does not hold a well-formed PKCS #10 request (RFC 2986)."""

    code = "csr_malformed"

    def __init__(self, reason: str) -> None:
        super().__init__("Make the CSR anew (openssl req -new).", f"Error while parsing CSR: {reason}")


class CSRSignatureInvalid(BadCSR):
    """The CSR gives no proof of possession: it is not signed by its own key with an accepted algorithm."""

    code = "csr_signature_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__("Sign the CSR with the key that is in it.", f"CSR signature invalid: {reason}")


class CSRSubjectMismatch(BadCSR):
    """The CSR's subject is not the expected one."""

    code = "csr_subject_mismatch"


class CSRKeyRefused(BadCSR):
    """The CSR's key is not one that we certify."""

    code = "csr_key_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "Make a new key: RSA of 2048 to 8192 bits with exponent 65537, P-256, P-384, P-521 or Ed25519.",
            f"CSR: key refused: {reason}",
        )


class CSRKeyNotBound(BadCSR):
    """The one-time token is bound to another key than the CSR's."""

    code = "csr_key_not_bound"

    def __init__(self) -> None:
        super().__init__(
            "Make the CSR with the key to which the token is bound.", "CSR: key refused: the token is bound to another."
        )


class CSRExtensionRefused(BadCSR):
    """The CSR asks for something that no client certificate may hold, and the settings say to refuse that."""

    code = "csr_extension_refused"

    def __init__(self, reason: str) -> None:
        super().__init__("Make the CSR without requested extensions.", f"CSR: extension refused: {reason}")


class InvalidData(Refusal):
    """Invalid data. Correct the field that the message names."""

    code = "invalid_data"


class ObjectNotFound(Refusal):
    """Object not found. Check its id, and that the Tenant header names its tenant."""

    code = "not_found"


class NotUniqueName(Refusal):
    """Object name is not unique. Choose another name."""

    code = "not_unique_name"


class ObjectInUse(Refusal):
    """Object is in use: applications name this integration system. Update or unregister them first."""

    code = "object_in_use"


class TenantRequired(Refusal):
    """Tenant is required. Name the tenant's external id in the Tenant header."""

    code = "tenant_required"


class TenantForbidden(Refusal):
    """Unauthorized: the caller has no right to the tenant that was named. Name one of the caller's own."""

    code = "tenant_forbidden"


class TenantNotFound(Refusal):
    """Tenant not found. Create it with connector tenant create, or correct the Tenant header."""

    code = "tenant_not_found"


class BadRequest(Refusal):
    """The request cannot be read. Send it again as HTTP/1.1, well-formed."""

    code = "bad_request"


class PathNotFound(BadRequest):
    """Nothing is served at this path. The APIs are at /connector/graphql and /director/graphql."""

    code = "path_not_found"


class BodyTooLarge(BadRequest):
    """The request is too large. Send less at once; the limits are in the settings."""

    code = "body_too_large"


class UnsupportedMediaType(BadRequest):
    """The request body must be JSON. Send Content-Type: application/json."""

    code = "unsupported_media_type"


class MethodNotAllowed(BadRequest):
    """This method is not allowed here. Send queries by GET or POST, mutations by POST."""

    code = "method_not_allowed"


class RequestTimeout(BadRequest):
    """The request took too long to arrive. Send it again, whole."""

    code = "request_timeout"


class DocumentInvalid(BadRequest):
    """The GraphQL document does not fit the schema. Correct what the message names."""

    code = "document_invalid"


class DocumentTooComplex(BadRequest):
    """The GraphQL document is too complex. Ask for less at once."""

    code = "document_too_complex"


class StepTaken(Refusal):
    """This Idempotency-Key was sent before, with another CSR. Make a new key for each new CSR."""

    code = "idempotency_key_reused"


class Overloaded(Refusal):
    """Too many large requests are coming in at the same time, so this one was not read. Send it again in a moment."""

    code = "overloaded"


class TooManyAttempts(Refusal):
    """Too many wrong credentials came from this address. Wait a minute, and check the credential before the next try.

    ``retry_after`` is in seconds.
    """

    code = "too_many_attempts"

    def __init__(self, retry_after: int = 60) -> None:
        super().__init__()
        self.retry_after = retry_after


class StorageUnavailable(Refusal):
    """The database does not answer, so nothing was changed. Try again in a moment; if it lasts, look at /readyz."""

    code = "storage_unavailable"


class StorageFull(StorageUnavailable):
    """The disk under the database is full, so nothing was changed. Free some space; no restart is needed."""

    code = "storage_full"


class StorageReadOnly(StorageUnavailable):
    """The database cannot be written, so nothing was changed. Make it writable; no restart is needed."""

    code = "storage_read_only"
