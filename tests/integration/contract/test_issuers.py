"""The records of issuers, over every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import NOW

from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.objects import NotUniqueName

FIRST = IssuerRecord(b"\2" * 32, b"first", b"\7" * 32, IssuerState.SIGNING, NOW, NOW)
SECOND = IssuerRecord(b"\1" * 32, b"second", b"\7" * 32, IssuerState.PREPARED, NOW + timedelta(seconds=1), NOW)


def test_issuers_are_listed_in_the_order_of_their_recording(stored: Stored) -> None:
    """Each issuer is found as it was recorded, the oldest first."""
    for each in (SECOND, FIRST):
        stored.write(lambda tx, each=each: tx.issuers.add(each))

    assert list(stored.read(lambda tx: tx.issuers.list())) == [FIRST, SECOND]


def test_issuer_is_recorded_once(stored: Stored) -> None:
    """A second record of one certificate is refused, and changes nothing."""
    stored.write(lambda tx: tx.issuers.add(FIRST))
    with pytest.raises(NotUniqueName):
        stored.write(lambda tx: tx.issuers.add(replace(FIRST, state=IssuerState.ENDED)))

    assert list(stored.read(lambda tx: tx.issuers.list())) == [FIRST]


def test_state_of_one_issuer_changes(stored: Stored) -> None:
    """Another state and its time are given to the issuer that is named, and to no other."""
    later = NOW + timedelta(hours=1)
    for each in (FIRST, SECOND):
        stored.write(lambda tx, each=each: tx.issuers.add(each))
    stored.write(lambda tx: tx.issuers.change(FIRST.fingerprint, IssuerState.FORMER, now=later))
    stored.write(lambda tx: tx.issuers.change(bytes(32), IssuerState.ENDED, now=later))

    changed = replace(FIRST, state=IssuerState.FORMER, changed_at=later)
    assert list(stored.read(lambda tx: tx.issuers.list())) == [changed, SECOND]
