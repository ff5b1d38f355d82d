"""Every refusal: one class, one stable code.

    Refusal
    ├── Unauthenticated           nobody we know is calling
    │   ├── CredentialMissing     no token, key or certificate where one is needed
    │   ├── TokenUnknown · TokenExpired · TokenSpent · TokenWithdrawn · TokenSourceRefused
    │   ├── KeyUnknown · KeyExpired · KeyRevoked   the API key
    │   ├── ClientUnknown · AccessTokenUnknown · AccessTokenExpired   OAuth 2.0
    │   ├── JWTRefused            the bearer token of an OpenID Connect issuer
    │   ├── SessionEnded · SignInRefused · LinkRefused   in the console
    │   ├── CertificateUnknown · CertificateRevoked · CertificateExpired
    │   └── ProofRefused          not signed with the certificate's key
    ├── InsufficientScopes        somebody we know may not do this
    ├── GrantTypeUnsupported · ScopeRefused · OAuthRequestInvalid · AccessTokenOfAnother
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
    │   └── DocumentInvalid · DocumentTooComplex · QueryTooExpensive · AnswerTooLarge
    ├── StepTaken                 an Idempotency-Key says the same of something else
    ├── Overloaded                too many at once
    ├── LimitReached              a limit of the settings
    │   ├── RateLimited           too much in a short time
    │   └── QuotaExceeded         as much as the settings allow is there
    ├── TooManyAttempts           too many wrong credentials from one address
    └── Unavailable               nothing was done, and the same may succeed later
        ├── SignerUnavailable · IssuerUnknown · ProfileUnknown
        └── StorageUnavailable    nothing was recorded
            └── StorageFull · StorageReadOnly

A class's docstring is its default message; ``code`` is API and never changes; the text is safe to show.
"""

from inspect import cleandoc
from typing import ClassVar


class Refusal(Exception):
    """The request was refused. The code says why."""

    code: ClassVar[str]
    retry_after: int | None = None
    """In how many seconds to try again, where that is known."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or cleandoc(type(self).__doc__ or self.code).split("\n\n", 1)[0])


class Unavailable(Refusal):
    """Nothing was done, and the same request may succeed later."""
