"""Certificates before they are signed: all that one will hold, and the octets that are to be signed."""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from connector.pki import der, extensions
from connector.pki.authority import Authority, Content
from connector.pki.general_names import GeneralName

_VERSION_3 = der.encode(der.CONTEXT_0, der.encode_natural(2))


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject, twice: its DER, written here, and the library's value, from which the check makes its own."""

    encoded: bytes = field(repr=False)
    name: x509.Name


@dataclass(frozen=True, slots=True)
class Plan:
    """One certificate: all that it will hold. ``spki`` is its key's DER; both ends of its validity are inclusive."""

    authority: Authority
    content: Content
    serial: int
    not_before: datetime
    not_after: datetime
    subject: Subject
    spki: bytes = field(repr=False)
    names: tuple[GeneralName, ...] = ()

    @property
    def names_are_critical(self) -> bool:
        """RFC 5280 4.2.1.6: where the subject is empty, the alternative names must be critical, and else should not."""
        return not self.subject.name.rdns

    def to_be_signed(self) -> bytes:
        """The TBSCertificate (RFC 5280 4.1)."""
        held = (
            self.authority.encoded(self.content)
            + extensions.subject_key_identifier(self.spki)
            + extensions.subject_alternative_name(self.names, critical=self.names_are_critical)
        )
        return der.encode(
            der.SEQUENCE,
            _VERSION_3,
            der.encode_natural(self.serial),
            self.authority.algorithm.encoded,
            self.authority.name,
            der.encode(der.SEQUENCE, der.encode_time(self.not_before), der.encode_time(self.not_after)),
            self.subject.encoded,
            self.spki,
            der.encode(der.CONTEXT_3, der.encode(der.SEQUENCE, held)),
        )

    def signed(self, to_be_signed: bytes, signature: bytes) -> bytes:
        """The certificate's DER, from the octets and their signature."""
        return der.encode(
            der.SEQUENCE,
            to_be_signed,
            self.authority.algorithm.encoded,
            der.encode(der.BIT_STRING, b"\0", signature),
        )
