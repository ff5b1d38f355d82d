"""Certificates: looked for, read in words, downloaded, revoked."""

import re
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from connector.domain.audit import Action
from connector.domain.certificates import Certificate, CertificateState, RevocationReason, normalized_serial
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.audit import EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.usecases import renewal
from connector.usecases.crl_standing import standing
from connector.usecases.realms import Realm
from connector.usecases.revocation import revoke as revoke_those
from connector.usecases.revocation import withdraw
from connector.web import chains
from connector.web.console.describe import described
from connector.web.console.entities import PLURALS, outstanding_tokens, withdraws_tokens
from connector.web.console.forms import given
from connector.web.console.layout import download, redirect
from connector.web.console.lists import Listed, Rows, days_of, rows, text_of
from connector.web.console.visits import Visit, chosen

DIGEST_OCTETS = 32
# Ours have 40 digits until 2106; those of the first versions 38, and one in 4096 of them fewer than this: that one is
# found as a beginning.
WHOLE_SERIAL = 36
STATES = ("issued", "overdue", "superseded", "expired", "revoked")


@dataclass(frozen=True, slots=True)
class Owner:
    """The name of a certificate's owner, and whether there still is one of that id."""

    name: str
    is_registered: bool = True


async def list_certificates(visit: Visit) -> Response:
    """Search by serial number, fingerprint, owner, state and expiry; page by page."""
    query = visit.query
    state, text = query.get("state", ""), text_of(query, "q")
    since, until = days_of(query, visit.zone)

    def read(realm: Realm) -> tuple[Rows[Certificate], Mapping[str, Owner]]:
        which = CertificateFilter(
            state=CertificateState.ISSUED if state == "overdue" else _state(state),
            expires_from=since,
            expires_to=_last(until) if state != "overdue" else realm.now + visit.desk.overdue,
            **looked_for(text),
        )
        found = rows(
            query,
            Listed(
                visit.path("certificates"),
                ("certificates", realm.tenant_id),
                (datetime, bytes),
                kept=("q", "state", "from", "until"),
            ),
            read=lambda after, most: realm.certificates.list(which, after=after, most=most),
            place=lambda each: (each.issued_at, each.fingerprint),
        )
        return found, _owners(realm, found.rows)

    found, owners = await visit.office.read(read)
    return visit.show("certificates.html", found=found, owners=owners, query=query, states=STATES, plurals=PLURALS)


async def one(visit: Visit) -> Response:
    """Every field and extension of one, in words."""

    def read(realm: Realm) -> tuple[Certificate, Mapping[str, Owner], datetime | None]:
        certificate, owners = _found(realm, visit)
        return certificate, owners, realm.certificates.last_seen([certificate]).get(certificate.fingerprint)

    certificate, owners, seen_at = await visit.office.read(read)
    crl = None if visit.desk.crls is None else visit.desk.crls.of_issuer(certificate.issuer)
    # In a thread: a CRL may have a million entries.
    said = None if crl is None else await to_thread(standing, certificate, crl.record, crl.octets)
    return visit.show(
        "certificate.html",
        crl=said,
        crl_word=None if said is None else said.word(now=visit.desk.clock()),
        certificate=certificate,
        seen_at=seen_at,
        owner=owners.get(certificate.owner_id),
        plural=PLURALS.get(certificate.owner_kind),
        fields=described(certificate.der),
        pem=chains.pem(certificate.der),
        state=certificate.state(now=visit.desk.clock()).value,
        reasons=list(RevocationReason),
    )


async def pem(visit: Visit) -> Response:
    """The PEM, to keep."""
    certificate, _ = await visit.office.read(_found, visit)
    return download(chains.pem(certificate.der).encode(), f"{certificate.serial}.pem", "application/x-pem-file")


async def revoke_page(visit: Visit) -> Response:
    """Ask before it is revoked, and name what will stop working."""

    def read(realm: Realm) -> dict[str, Any]:
        certificate, owners = _found(realm, visit)
        of_owner = realm.certificates.list(CertificateFilter(owner_id=certificate.owner_id), most=50)
        good = [each for each in of_owner if each.revoked_at is None and each.not_after >= realm.now]
        return {
            "certificate": certificate,
            "state": certificate.state(now=realm.now).value,
            "owner": owners.get(certificate.owner_id),
            "plural": PLURALS.get(certificate.owner_kind),
            "others": sum(each.fingerprint != certificate.fingerprint for each in good),
            "outstanding": outstanding_tokens(realm, certificate.owner_id),
        }

    return visit.show("revoke.html", reasons=list(RevocationReason), **await visit.office.read(read))


async def revoke(visit: Visit) -> Response:
    """Revoke it."""
    reason = chosen(given(visit.form, "reason"), RevocationReason, "reason")
    with_tokens = withdraws_tokens(visit)

    def change(realm: Realm) -> Certificate:
        certificate, _ = _found(realm, visit)
        revoke_those(realm, CertificateFilter(fingerprint=certificate.fingerprint), reason)
        if with_tokens:
            withdraw(realm, TokenFilter(owner_id=certificate.owner_id))
        return certificate

    certificate = await visit.office.run(change)
    done = "revoked-all" if with_tokens else "revoked"
    return visit.done(visit.path("certificates", certificate.fingerprint.hex()), done)


async def ask_renewal(visit: Visit) -> Response:
    """Ask its holder to renew it at once."""

    def change(realm: Realm) -> tuple[Certificate, bool]:
        certificate, _ = _found(realm, visit)
        return certificate, bool(renewal.ask(realm, CertificateFilter(fingerprint=certificate.fingerprint)))

    certificate, is_asked = await visit.office.run(change)
    path = visit.path("certificates", certificate.fingerprint.hex())
    return visit.done(path, "asked") if is_asked else redirect(path)


_HEXADECIMAL = re.compile("[0-9a-f]+")


def _last(end: datetime | None) -> datetime | None:
    """The last moment before the end, if there is one."""
    return None if end is None else end - timedelta(microseconds=1)


def _state(text: str) -> CertificateState | None:
    return CertificateState(text) if text in set(CertificateState) else None


def looked_for(text: str | None) -> dict[str, Any]:
    """What is in an index where that is whole, else whatever begins so."""
    if text is None:
        return {}
    text = _normalized(text)
    if _HEXADECIMAL.fullmatch(text) and len(text) >= WHOLE_SERIAL:
        return _by_number(text)
    return {"text": text}


def _by_number(text: str) -> dict[str, Any]:
    """The fingerprint or the serial number that this is, as a filter has it."""
    if _HEXADECIMAL.fullmatch(text) and len(text) == 2 * DIGEST_OCTETS:
        return {"fingerprint": bytes.fromhex(text)}
    return {"serial": normalized_serial(text)}


def _normalized(text: str) -> str:
    """As it is kept, where it is a serial number or a fingerprint as openssl or a browser shows it."""
    compact = text.replace(":", "").replace(" ", "").lower()
    is_hexadecimal = _HEXADECIMAL.fullmatch(compact)
    if is_hexadecimal and ":" in text:
        return compact if len(compact) == 2 * DIGEST_OCTETS else normalized_serial(text)
    return compact if is_hexadecimal and text == text.upper() else text


def _found(realm: Realm, visit: Visit) -> tuple[Certificate, Mapping[str, Owner]]:
    """The tenant's certificate of the fingerprint or the serial number in the path."""
    text = str(visit.request.path_params["certificate"])
    found = realm.certificates.list(CertificateFilter(**_by_number(text)), most=1)
    if not found:
        raise ObjectNotFound("Object not found: the tenant has no such certificate. Search for it in the list.")
    return found[0], _owners(realm, found)


def _owners(realm: Realm, found: Sequence[Certificate]) -> Mapping[str, Owner]:
    """The owners of the certificates by id. Of one that was unregistered, the audit has the name."""
    ids = {each.owner_id for each in found}
    owners = {id_: Owner(name) for id_, name in realm.directory.names(ids).items()}
    for gone in ids - owners.keys():
        which = EventFilter(actions=(Action.ENTITY_UNREGISTERED,), about=gone)
        name = next((each.event.reason for each in realm.events.page(which, most=1)), None)
        if name:
            owners[gone] = Owner(name, is_registered=False)
    return owners
