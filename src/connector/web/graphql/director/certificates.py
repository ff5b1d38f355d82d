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
from connector.ports.transaction import Transaction
from connector.usecases import registration
from connector.usecases.access import Realm
from connector.usecases.revocation import revoke
from connector.web import chains
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, page
from connector.web.graphql.wanted import wanted

MAX_TEXT = 200

Select = Callable[[Transaction, Realm], CertificateFilter]


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
        names, which = wanted(info), normalized_serial(serial)

        def find(tx: Transaction, realm: Realm) -> Fields | None:
            found = tx.inventory.list(CertificateFilter(realm.tenant.id, serial=which), most=1)
            return self._tell(tx, realm, found, names)[0] if found else None

        return await self.director.read(info, find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        given = arguments.get("filter") or {}
        names, now = wanted(info), self.director.enrollment.clock()
        text = given.get("text")
        if text is not None and not 0 < len(text) <= MAX_TEXT:
            raise InvalidData(f"Invalid data filter.text: use 1 to {MAX_TEXT} characters.")

        def read(tx: Transaction, realm: Realm) -> Fields:
            which = CertificateFilter(
                realm.tenant.id,
                owner_id=given.get("ownerID"),
                system_auth_id=given.get("systemAuthID"),
                state=CertificateState(given["state"]) if given.get("state") else None,
                now=now,
                expires_from=given.get("expiresFrom"),
                expires_to=given.get("expiresTo"),
                text=text,
            )
            return page(
                Cursors(f"certificates {realm.tenant.id} {sorted(given.items())}", (datetime, bytes)),
                arguments,
                read=lambda after, most: tx.inventory.list(which, after=after, most=most),
                place=lambda certificate: (certificate.issued_at, certificate.fingerprint),
                tell=lambda found: self._tell(tx, realm, found, names),
                count=lambda: tx.inventory.count(which),
                wanted=names,
            )

        return await self.director.read(info, read, tenant=given.get("tenant"))

    async def revoke(self, _: None, info: Info, serial: str, reason: str) -> Fields:
        names, now = wanted(info), self.director.enrollment.clock()

        def change(tx: Transaction, realm: Realm) -> Fields:
            which = CertificateFilter(realm.tenant.id, serial=normalized_serial(serial))
            revoke(tx, which, RevocationReason(reason), actor=realm.actor, now=now)
            found = tx.inventory.list(which, most=1)
            if not found:
                raise ObjectNotFound
            return self._tell(tx, realm, found, names)[0]

        return await self.director.write(info, change)

    async def revoke_of_system_auth(
        self,
        _: None,
        info: Info,
        authID: str,  # noqa: N803 - the SDL's
        reason: str,
    ) -> int:
        def select(tx: Transaction, realm: Realm) -> CertificateFilter:
            if tx.directory(realm.tenant.id).system_auth(authID) is None:
                raise ObjectNotFound
            return CertificateFilter(realm.tenant.id, system_auth_id=authID)

        return await self._revoke(info, select, reason)

    async def revoke_of_tenant(
        self,
        _: None,
        info: Info,
        externalID: str,  # noqa: N803 - the SDL's
        reason: str,
    ) -> int:
        def select(_: Transaction, realm: Realm) -> CertificateFilter:
            if externalID != realm.tenant.external_id:
                raise InvalidData("Invalid data externalID: it must repeat the Tenant header.")
            return CertificateFilter(realm.tenant.id)

        return await self._revoke(info, select, reason)

    def _revoke_of(self, kind: EntityKind) -> Callable[..., Any]:
        async def revoke_of_entity(_: None, info: Info, id: str, reason: str) -> int:
            def select(tx: Transaction, realm: Realm) -> CertificateFilter:
                return CertificateFilter(realm.tenant.id, owner_id=registration.registered(tx, realm, kind, id).id)

            return await self._revoke(info, select, reason)

        return revoke_of_entity

    async def _revoke(self, info: Info, select: Select, reason: str) -> int:
        now = self.director.enrollment.clock()

        def change(tx: Transaction, realm: Realm) -> int:
            return len(revoke(tx, select(tx, realm), RevocationReason(reason), actor=realm.actor, now=now))

        return await self.director.write(info, change)

    def _tell(self, tx: Transaction, realm: Realm, found: Sequence[Certificate], names: frozenset[str]) -> list[Fields]:
        owners = tx.directory(realm.tenant.id).names({each.owner_id for each in found}) if "ownerName" in names else {}
        now = self.director.enrollment.clock()
        return [{**certificate_fields(each, now=now), "ownerName": owners.get(each.owner_id)} for each in found]


def certificate_fields(certificate: Certificate, *, now: datetime) -> Fields:
    """All that is kept of a certificate. The subject and the PEM are made only where they are asked for."""
    reason = certificate.revocation_reason
    return {
        "serial": certificate.serial,
        "fingerprint": certificate.fingerprint.hex(),
        "state": certificate.state(now=now).value,
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
