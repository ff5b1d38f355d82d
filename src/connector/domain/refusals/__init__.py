"""Every refusal: one class, one stable code.

    Refusal
    ├── Unauthenticated           the caller is not known
    │   ├── CredentialMissing     no token, key or certificate where one is needed
    │   ├── TokenUnknown · TokenExpired · TokenSpent · TokenWithdrawn · TokenSourceRefused
    │   ├── KeyUnknown · KeyExpired · KeyRevoked   the API key
    │   ├── ClientUnknown · AccessTokenUnknown · AccessTokenExpired   OAuth 2.0
    │   ├── JWTRefused            the bearer token of an OpenID Connect issuer
    │   ├── AdminCertificateRefused · AdminCertificateAmbiguous · AdminCertificateExpired
    │   ├── SessionEnded · SignInRefused · LinkRefused   in the console
    │   ├── CertificateUnknown · CertificateRevoked · CertificateExpired
    │   └── ProofRefused          not signed with the certificate's key
    ├── InsufficientScopes        the caller is known and may not do this
    ├── GrantTypeUnsupported · ScopeRefused · AudienceRefused · OAuthRequestInvalid · AccessTokenOfAnother
    ├── FormRefused               a form of the console that did not come from its own page
    ├── BadCSR                    the request for a certificate cannot be granted
    │   ├── CSRTooLarge · CSRNotBase64 · CSRNotPEM · CSRMalformed
    │   ├── CSRSignatureInvalid · CSRSubjectMismatch · CSRKeyRefused · CSRKeyNotBound
    │   └── CSRExtensionRefused
    ├── InvalidData               an argument breaks a rule
    ├── CRLUnknown                no CA here has this name
    ├── OCSPRequestMalformed · OCSPIssuerUnknown
    ├── ObjectNotFound · NotUniqueName · ObjectInUse
    ├── TenantRequired · TenantNotFound · TenantForbidden
    ├── BadRequest                the HTTP request or the GraphQL document cannot be read
    │   ├── TokenAmbiguous · AuthorizationAmbiguous · TenantAmbiguous   what a gateway passed on
    │   ├── PathNotFound · BodyTooLarge · UnsupportedMediaType · MethodNotAllowed · RequestTimeout
    │   └── DocumentInvalid · DocumentTooComplex · QueryTooExpensive · AnswerTooLarge
    ├── ProxyUnknown              a gateway that the settings do not name
    ├── ForwardedCertificateMissing · ForwardedCertificateAmbiguous
    ├── TenantMismatch · KindMismatch · ApplicationMismatch   not who may pass a gateway
    ├── StepTaken                 an Idempotency-Key was used for another CSR
    ├── Overloaded                too many requests at once
    ├── LimitReached              a limit of the settings
    │   ├── RateLimited           too many requests in a short time
    │   └── QuotaExceeded         there are as many objects as the settings allow
    ├── TooManyAttempts           too many wrong credentials from one address
    └── Unavailable               nothing was done, and the same may succeed later
        ├── SignerUnavailable · IssuerUnknown · ProfileUnknown · CRLUnavailable
        └── StorageUnavailable    nothing was recorded
            └── StorageFull · StorageReadOnly · TokenNotSpent

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
        super().__init__(message or " ".join(cleandoc(type(self).__doc__ or self.code).split("\n\n", 1)[0].split()))


class Unavailable(Refusal):
    """Nothing was done, and the same request may succeed later."""
