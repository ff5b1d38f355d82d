"""Certificates: looked for, and revoked. An extension of our own to the Director API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import MutationType, QueryType
from cryptography import x509

from connector.domain.certificates import Certificate, CertificateState, RevocationReason, normalized_serial
from connector.domain.directory import EntityKind
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.ports.certificates import CertificateFilter
from connector.usecases import registration
from connector.usecases.realms import Realm
from connector.usecases.revocation import revoke
from connector.web import chains
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
from connector.web.graphql.wanted import wanted

MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """The fields about certificates."""

    director: Director

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("certificate", self.one)
        query.set_field("certificates", self.many)
        mutation.set_field("revokeCertificate", self.revoke)
        mutation.set_field("revokeCertificatesOfSystemAuth", self.revoke_of_system_auth)
        mutation.set_field("revokeCertificatesOfTenant", self.revoke_of_tenant)
        for kind in (EntityKind.APPLICATION, EntityKind.RUNTIME):
            mutation.set_field(f"revokeCertificatesOf{kind.value}", self._revoke_of(kind))

    async def one(self, _: None, info: Info, serial: str) -> Fields | None:
        names, which = wanted(info), CertificateFilter(serial=normalized_serial(serial))

        def find(realm: Realm) -> Fields | None:
            found = realm.certificates.list(which, most=1)
            return _tell(realm, found, names)[0] if found else None

        return await (await self.director.office(info)).read(find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        given = arguments.get("filter") or {}
        names, text = wanted(info), given.get("text")
        if text is not None and not 0 < len(text) <= MAX_TEXT:
            raise InvalidData(f"Invalid data filter.text: use 1 to {MAX_TEXT} characters.")
        which = CertificateFilter(
            owner_id=given.get("ownerID"),
            system_auth_id=given.get("systemAuthID"),
            state=CertificateState(given["state"]) if given.get("state") else None,
            expires_from=given.get("expiresFrom"),
            expires_to=given.get("expiresTo"),
            text=text,
        )

        def read(realm: Realm) -> Fields:
            return page(
                Listing(
                    Cursors(f"certificates {realm.tenant_id} {sorted(given.items())}", (datetime, bytes)),
                    read=lambda after, most: realm.certificates.list(which, after=after, most=most),
                    place=lambda certificate: (certificate.issued_at, certificate.fingerprint),
                    tell=lambda found: _tell(realm, found, names),
                    count=lambda: realm.certificates.count(which),
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.office(info, given.get("tenant"))).read(read)

    async def revoke(self, _: None, info: Info, serial: str, reason: str) -> Fields:
        names, which = wanted(info), CertificateFilter(serial=normalized_serial(serial))

        def change(realm: Realm) -> Fields:
            revoke(realm, which, RevocationReason(reason))
            found = realm.certificates.list(which, most=1)
            if not found:
                raise ObjectNotFound
            return _tell(realm, found, names)[0]

        return await (await self.director.office(info)).run(change)

    async def revoke_of_system_auth(
        self,
        _: None,
        info: Info,
        authID: str,  # noqa: N803 - the SDL's
        reason: str,
    ) -> int:
        def select(realm: Realm) -> CertificateFilter:
            if realm.directory.system_auth(authID) is None:
                raise ObjectNotFound
            return CertificateFilter(system_auth_id=authID)

        return await self._revoke(info, select, reason)

    async def revoke_of_tenant(
        self,
        _: None,
        info: Info,
        externalID: str,  # noqa: N803 - the SDL's
        reason: str,
    ) -> int:
        def select(realm: Realm) -> CertificateFilter:
            if externalID != realm.tenant.external_id:
                raise InvalidData("Invalid data externalID: it must repeat the Tenant header.")
            return CertificateFilter()

        return await self._revoke(info, select, reason)

    def _revoke_of(self, kind: EntityKind) -> Callable[..., Any]:
        async def revoke_of_entity(_: None, info: Info, id: str, reason: str) -> int:
            def select(realm: Realm) -> CertificateFilter:
                return CertificateFilter(owner_id=registration.registered(realm, kind, id).id)

            return await self._revoke(info, select, reason)

        return revoke_of_entity

    async def _revoke(self, info: Info, select: Callable[[Realm], CertificateFilter], reason: str) -> int:
        def change(realm: Realm) -> int:
            return len(revoke(realm, select(realm), RevocationReason(reason)))

        return await (await self.director.office(info)).run(change)


def _tell(realm: Realm, found: Sequence[Certificate], names: frozenset[str]) -> list[Fields]:
    owners = realm.directory.names({each.owner_id for each in found}) if "ownerName" in names else {}
    seen = realm.certificates.last_seen(found) if "lastSeenAt" in names else {}
    return [
        {
            **certificate_fields(realm, each),
            "ownerName": owners.get(each.owner_id),
            "lastSeenAt": seen.get(each.fingerprint),
        }
        for each in found
    ]


def certificate_fields(realm: Realm, certificate: Certificate) -> Fields:
    """All that is kept of a certificate. The subject and the PEM are made only where they are asked for."""
    reason = certificate.revocation_reason
    return {
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint.hex(),
        "state": certificate.state(now=realm.now).value,
        "subject": lambda _: x509.load_der_x509_certificate(certificate.der).subject.rfc4514_string(),
        "notBefore": certificate.not_before,
        "notAfter": certificate.not_after,
        "issuedAt": certificate.issued_at,
        "supersededAt": certificate.superseded_at,
        "revokedAt": certificate.revoked_at,
        "revocationReason": reason.value if reason is not None else None,
        "systemAuthID": certificate.system_auth_id,
        "ownerID": certificate.owner_id,
        "ownerType": certificate.owner_kind.name,
        "tenantID": certificate.tenant_id,
        "pem": lambda _: chains.pem(certificate.der),
    }
