"""The end of a move: nothing that the old CA issued opens anything afterwards."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
from tests.support import records
from tests.support.authority import Timed
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW

from connector.domain.audit import Action
from connector.domain.certificates import CertificateState
from connector.domain.imports import AdoptedIssuer, Kind, Taken
from connector.domain.refusals.objects import ObjectInUse, ObjectNotFound
from connector.domain.tokens import TokenState
from connector.ports.transaction import Transaction
from connector.usecases.moving import end
from connector.usecases.realms import COMMAND, Installation

T = TypeVar("T")
OLD = AdoptedIssuer(b"\2" * 32, b"an old CA", NOW + timedelta(days=900), NOW)
GOOD = records.certificate(1, issuer=OLD.fingerprint)
SUPERSEDED = records.certificate(2, issuer=OLD.fingerprint, superseded_at=NOW)
EXPIRED = records.certificate(3, issuer=OLD.fingerprint, not_after=NOW)
OURS = records.certificate(4, system_auth_id=records.identifier(77))
FETCHED = records.token(1, certificate=GOOD.fingerprint)


@dataclass(frozen=True, slots=True)
class Place:
    """A store to which a move has led."""

    store: Timed
    runner: Runner

    def write(self, function: Callable[[Transaction], T]) -> T:
        return self.runner.run(self.store.transaction(function))


@pytest.fixture
def place() -> Iterator[Place]:
    with Runner() as runner:
        made = Place(Timed(MemoryStore(), lambda: NOW), runner)
        made.write(_fill)
        yield made


def _fill(tx: Transaction) -> None:
    tx.tenants.add(records.tenant())
    directory = tx.directory(records.tenant().id)
    directory.add_entity(records.entity())
    directory.add_system_auth(records.system_auth())
    for each in (GOOD, SUPERSEDED, EXPIRED, OURS):
        tx.inventory.add(each)
    tx.tokens.add(FETCHED)
    tx.imports.adopt(OLD)
    tx.imports.note(Taken(Kind.SYSTEM_AUTH, records.system_auth().id, records.tenant().id, NOW))


def test_the_end_revokes_every_certificate_of_the_old_ca(place: Place) -> None:
    """Good, superseded and expired ones are revoked, with the token that was fetched with one; ours stay as they are.

    So neither a connection that is open nor a renewal after expiry leads back in.
    """
    place.write(lambda tx: end(Installation(tx, COMMAND), anyway=True))

    def states(tx: Transaction) -> list[CertificateState]:
        found = [tx.inventory.find(each.fingerprint) for each in (GOOD, SUPERSEDED, EXPIRED, OURS)]
        return [each.state(now=NOW) for each in found if each is not None]

    revoked = CertificateState.REVOKED
    assert place.write(states) == [revoked, revoked, revoked, CertificateState.ISSUED]
    token = place.write(lambda tx: tx.tokens.find(FETCHED.digest))
    assert token is not None
    assert token.state(now=NOW) is TokenState.WITHDRAWN
    assert len(place.write(lambda tx: records.audited(tx, Action.CERTIFICATE_REVOKED))) == 3
    assert len(place.write(lambda tx: records.audited(tx, Action.ISSUER_ENDED))) == 1
    with pytest.raises(ObjectNotFound):
        place.write(lambda tx: end(Installation(tx, COMMAND), anyway=True))


def test_a_refused_end_revokes_nothing(place: Place) -> None:
    """While a holder has not renewed, the end is refused and everything stays."""
    with pytest.raises(ObjectInUse):
        place.write(lambda tx: end(Installation(tx, COMMAND), anyway=False))
    found = place.write(lambda tx: tx.inventory.find(GOOD.fingerprint))
    assert found is not None
    assert found.revoked_at is None
