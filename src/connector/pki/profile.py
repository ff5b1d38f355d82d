"""Profiles: what a certificate holds, as a value. The plan is made from it, and so is the check of what was signed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import NameOID

from connector.domain.directory import Identity
from connector.pki import der, spiffe
from connector.pki.authority import Authority, Content
from connector.pki.csr import CSRPolicy, VerifiedRequest
from connector.pki.extensions import NO_POINTERS, KeyUsage, Pointers, Purpose
from connector.pki.general_names import NamePattern, host
from connector.pki.names import common_name_rdn
from connector.pki.plan import Plan, Subject
from connector.pki.signatures import IssuerPublicKey, encoded_key

# A machine whose clock is a little behind must not refuse a new CA; nothing was signed under it before.
CA_BACKDATE = timedelta(hours=1)
SERVER_BACKDATE = timedelta(minutes=1)

CLIENT = "client"
"""The name of the original's client profile."""
SPIFFE = "spiffe"
"""The name of the same with a SPIFFE id."""

_COMMON_NAME_BOUND = 64
_SIGNS = frozenset((KeyUsage.DIGITAL_SIGNATURE,))
_CA_USAGES = frozenset((KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN))


# No slots: its content is made once.
@dataclass(frozen=True)
class Profile:
    """The content of client certificates, and the CSRs for which they are issued.

    ``csr`` says which keys are certified, which subject a CSR must have, and what it must not ask for. ``backdate`` is
    for clients whose clocks are behind. ``names`` are the alternative names, ``pointers`` where the certificate's
    reader finds the CRL, the OCSP responder and the issuer's certificate, for whichever CA signs.
    """

    name: str
    csr: CSRPolicy
    validity: timedelta = timedelta(days=90)
    backdate: timedelta = timedelta(minutes=1)
    usages: frozenset[KeyUsage] = _SIGNS
    purposes: tuple[Purpose, ...] = (Purpose.CLIENT_AUTH,)
    names: tuple[NamePattern, ...] = ()
    pointers: Pointers = NO_POINTERS

    def plan(
        self, request: VerifiedRequest, whom: Identity, *, authority: Authority, serial: int, now: datetime
    ) -> Plan:
        """The certificate for a request. It begins and ends within the issuer's validity.

        Raises:
            ProfileViolation: the issuer is not valid at ``now``.
            ValueError: the identity's ids make no name of the kind that the profile wants.
        """
        not_before, not_after = authority.window(now=now, backdate=self.backdate, validity=self.validity)
        return Plan(
            authority=authority,
            content=self.content,
            serial=serial,
            not_before=not_before,
            not_after=not_after,
            subject=Subject(self.csr.subject.encoded(whom.system_auth_id), request.subject),
            spki=request.spki,
            names=tuple([pattern.fill(whom) for pattern in self.names]),
        )

    @cached_property
    def content(self) -> Content:
        """The common content of all certificates of the profile."""
        return Content(self.usages, self.purposes, self.pointers)


class Profiles:
    """The profiles that are set up, of which one is the default."""

    def __init__(self, default: Profile, *others: Profile) -> None:
        """No two have one name."""
        self.default = default
        self._named = {profile.name: profile for profile in (default, *others)}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all, in order."""
        return tuple(sorted(self._named))

    def named(self, name: str | None) -> Profile | None:
        """The profile of that name, the default where there is no name; None where it is not set up."""
        return self.default if name is None else self._named.get(name)


def with_spiffe_id(profile: Profile, trust_domain: str) -> Profile:
    """The profile with a SPIFFE id as its one alternative name (X509-SVID 2: exactly one URI).

    Raises:
        ValueError: it is no trust domain.
    """
    return replace(profile, name=SPIFFE, names=(*profile.names, spiffe.id_pattern(trust_domain)))


def plan_server(
    spki: bytes, names: Sequence[str], *, authority: Authority, validity: timedelta, serial: int, now: datetime
) -> Plan:
    """A certificate for our own TLS server, under DNS names and IP addresses.

    The first name is also the common name, for old clients and for people; if it is too long for one, the subject is
    empty and the alternative names are critical (RFC 5280 4.1.2.6).

    Raises:
        ValueError: there is no name, or one is neither a DNS name nor an IP address.
        ProfileViolation: the issuer is not valid at ``now``.
    """
    if not names:
        raise ValueError("a server certificate needs a name")
    alternatives = tuple(host(name) for name in names)
    not_before, not_after = authority.window(now=now, backdate=SERVER_BACKDATE, validity=validity)
    return Plan(
        authority=authority,
        content=Content(_SIGNS, (Purpose.SERVER_AUTH,)),
        serial=serial,
        not_before=not_before,
        not_after=not_after,
        subject=_common_name(names[0]) if len(names[0]) <= _COMMON_NAME_BOUND else _NO_SUBJECT,
        spki=spki,
        names=alternatives,
    )


def plan_responder(spki: bytes, *, authority: Authority, validity: timedelta, serial: int, now: datetime) -> Plan:
    """A certificate for a key that signs OCSP answers on the authority's behalf (RFC 6960 4.2.2.2).

    Raises:
        ProfileViolation: the issuer is not valid at ``now``.
    """
    not_before, not_after = authority.window(now=now, backdate=SERVER_BACKDATE, validity=validity)
    return Plan(
        authority=authority,
        content=Content(_SIGNS, (Purpose.OCSP_SIGNING,), no_check=True),
        serial=serial,
        not_before=not_before,
        not_after=not_after,
        subject=_common_name("Connector OCSP responder"),
        spki=spki,
    )


@dataclass(frozen=True, slots=True)
class NewCA:
    """What a new CA's certificate says, besides its key."""

    common_name: str
    validity: timedelta
    serial: int
    now: datetime


def plan_root(public_key: IssuerPublicKey, new: NewCA) -> Plan:
    """A root: a trust anchor that signs nothing but issuing CAs and its CRL."""
    subject, now = _common_name(new.common_name), new.now.astimezone(UTC).replace(microsecond=0)
    first, last = now - CA_BACKDATE, now + new.validity
    return Plan(
        authority=Authority(subject.encoded, public_key, None, first, last),
        content=Content(_CA_USAGES, ca=True),
        serial=new.serial,
        not_before=first,
        not_after=last,
        subject=subject,
        spki=encoded_key(public_key),
    )


def plan_issuing(
    public_key: IssuerPublicKey, new: NewCA, *, authority: Authority, pointers: Pointers = NO_POINTERS
) -> Plan:
    """An issuing CA under a root, with no CA below it. ``pointers`` lead to the root's CRL and certificate.

    Raises:
        ProfileViolation: the root is not valid then.
    """
    not_before, not_after = authority.window(now=new.now, backdate=CA_BACKDATE, validity=new.validity)
    return Plan(
        authority=authority,
        content=Content(_CA_USAGES, pointers=pointers, ca=True, path_length=0),
        serial=new.serial,
        not_before=not_before,
        not_after=not_after,
        subject=_common_name(new.common_name),
        spki=encoded_key(public_key),
    )


_NO_SUBJECT = Subject(der.encode(der.SEQUENCE), x509.Name([]))


def _common_name(text: str) -> Subject:
    return Subject(
        der.encode(der.SEQUENCE, common_name_rdn(text)), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    )
