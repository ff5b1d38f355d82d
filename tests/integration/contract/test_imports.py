"""What was taken over from another installation, over every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support import records
from tests.support.records import NOW

from connector.domain.directory import EntityKind
from connector.domain.imports import AdoptedIssuer, HolderState, Kind, Progress, Taken
from connector.domain.refusals.objects import NotUniqueName
from connector.ports.transaction import Transaction

ISSUER = AdoptedIssuer(b"\2" * 32, b"an old CA", NOW + timedelta(days=900), NOW)
NOTES = [Taken(Kind.APPLICATION, f"application-{number}", "tenant", NOW) for number in range(5)]


def test_what_was_taken_is_known_by_kind_and_id(stored: Stored) -> None:
    """A note is found under its own kind alone, stays as it was first made, and others are made in the same call."""
    stored.write(lambda tx: tx.imports.note(*NOTES[:3]))
    stored.write(lambda tx: tx.imports.note(*[replace(each, tenant_id="another") for each in NOTES]))

    ids = [each.id for each in NOTES]
    assert stored.read(lambda tx: tx.imports.taken(Kind.APPLICATION, [*ids, "never"])) == frozenset(ids)
    assert stored.read(lambda tx: tx.imports.taken(Kind.RUNTIME, ids)) == frozenset()
    first = stored.read(lambda tx: tx.imports.all_taken(Kind.APPLICATION, after="", most=3))
    rest = stored.read(lambda tx: tx.imports.all_taken(Kind.APPLICATION, after=first[-1].id, most=3))
    assert [*first, *rest] == [*NOTES[:3], *[replace(each, tenant_id="another") for each in NOTES[3:]]]


def test_an_adopted_issuer_ends_once(stored: Stored) -> None:
    """An adopted CA is recorded once, and the time of its end stays the first."""
    stored.write(lambda tx: tx.imports.adopt(ISSUER))
    with pytest.raises(NotUniqueName):
        stored.write(lambda tx: tx.imports.adopt(replace(ISSUER, der=b"another")))
    assert list(stored.read(lambda tx: tx.imports.issuers())) == [ISSUER]

    for later in (1, 2):
        stored.write(lambda tx, later=later: tx.imports.end(ISSUER.fingerprint, now=NOW + timedelta(hours=later)))
    stored.write(lambda tx: tx.imports.end(bytes(32), now=NOW))
    assert list(stored.read(lambda tx: tx.imports.issuers())) == [replace(ISSUER, ended_at=NOW + timedelta(hours=1))]


def test_an_imported_revocation_is_recorded_once(stored: Stored) -> None:
    """Recording revocations returns those that are new; the first time stays."""
    some = [bytes([number]) * 32 for number in range(4)]
    assert list(stored.write(lambda tx: tx.imports.revoke(some[:3], now=NOW))) == some[:3]
    assert list(stored.write(lambda tx: tx.imports.revoke([*some, some[3]], now=NOW + timedelta(1)))) == some[3:]

    assert stored.read(lambda tx: tx.imports.revoked_at(some[0])) == NOW
    assert stored.read(lambda tx: tx.imports.revoked_at(some[3])) == NOW + timedelta(1)
    assert stored.read(lambda tx: tx.imports.revoked_at(bytes([9]) * 32)) is None


def test_progress_goes_by_each_system_auth_that_was_taken_and_is_there(stored: Stored) -> None:
    """A system auth counts once: as unseen, on the old CA, renewed, or ended; one that was not taken, or that is gone,
    does not count. The old CA is needed until the last certificate of a holder who has no other ends; one that was
    superseded is good as well, where what came in its place was revoked.
    """
    old = {"issuer": ISSUER.fingerprint}
    auths = [records.system_auth(number) for number in range(1, 7)]
    certificates = [
        records.certificate(12, system_auth_id=auths[1].id, **old, not_after=NOW + timedelta(5)),
        records.certificate(32, system_auth_id=auths[1].id, revoked_at=NOW),
        records.certificate(22, system_auth_id=auths[1].id, **old, not_after=NOW + timedelta(9), superseded_at=NOW),
        records.certificate(13, system_auth_id=auths[2].id, **old, not_after=NOW + timedelta(7)),
        records.certificate(23, system_auth_id=auths[2].id),
        records.certificate(14, system_auth_id=auths[3].id, **old, revoked_at=NOW),
        records.certificate(15, system_auth_id=auths[4].id, **old, not_after=NOW - timedelta(1)),
        records.certificate(16, system_auth_id=auths[5].id, **old),
    ]

    def fill(tx: Transaction) -> None:
        tx.tenants.add(records.tenant())
        tx.directory(records.tenant().id).add_entity(records.entity())
        for auth in auths:
            tx.directory(auth.tenant_id).add_system_auth(auth)
        for certificate in certificates:
            tx.inventory.add(certificate)
        tx.imports.adopt(ISSUER)
        gone = Taken(Kind.SYSTEM_AUTH, records.identifier(99), "tenant", NOW)
        tx.imports.note(gone, *(Taken(Kind.SYSTEM_AUTH, each.id, "tenant", NOW) for each in auths[:5]))

    stored.write(fill)

    found = stored.read(lambda tx: tx.imports.progress(now=NOW))
    assert found == Progress(unseen=1, on_the_old_ca=1, renewed=1, ended=2, needed_until=NOW + timedelta(9))
    first = stored.read(lambda tx: tx.imports.holders(after="", most=3))
    rest = stored.read(lambda tx: tx.imports.holders(after=first[-1].id, most=3))
    assert [(each.id, each.state(now=NOW)) for each in (*first, *rest)] == [
        (auths[0].id, HolderState.UNSEEN),
        (auths[1].id, HolderState.ON_THE_OLD_CA),
        (auths[3].id, HolderState.ENDED),
        (auths[4].id, HolderState.ENDED),
    ]
    assert (first[0].owner, first[0].kind, first[0].tenant) == ("entity-1", EntityKind.APPLICATION, "tenant-1")
