from datetime import UTC, datetime, timedelta

import pytest
from tests.support.issuing import make_issuer
from tests.support.records import certificate

from connector.domain.certificates import RevocationReason
from connector.domain.crls import CRLRecord, Revocation
from connector.pki.crl import CRLPlan, entries, scope_of
from connector.pki.crl_entries import CRLEntry
from connector.usecases.crl_standing import standing

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ISSUER = make_issuer(now=NOW)
ENDS = NOW + timedelta(days=7)
RECORD = CRLRecord(scope_of(ISSUER.authority), 7, NOW, ENDS, NOW, NOW, 2)


def crl(*listed: Revocation) -> bytes:
    return CRLPlan(ISSUER.authority, 7, NOW, ENDS).sign([entries(listed, until=NOW)], ISSUER.signer)


@pytest.mark.parametrize(
    ("reason", "told"),
    [(RevocationReason.SUPERSEDED, "superseded"), (RevocationReason.UNSPECIFIED, None), (None, None)],
)
def test_crl_says_when_and_why(reason: RevocationReason | None, told: str | None) -> None:
    """The standing is read out of the CRL's octets: its entry with date and reason, nothing of other certificates."""
    octets = crl(Revocation(ENDS, "ff", NOW, None), Revocation(ENDS, "2", NOW - timedelta(hours=1), reason))

    said = standing(certificate(2), RECORD, octets)
    assert (said.entry, said.word(now=NOW)) == (CRLEntry(NOW - timedelta(hours=1), told), "listed")
    other = standing(certificate(3), RECORD, octets)
    assert (other.entry, other.word(now=NOW)) == (None, "not listed")


def test_crl_that_has_ended_says_nothing() -> None:
    """After its end nobody accepts a CRL, whatever it lists."""
    said = standing(certificate(2), RECORD, crl(Revocation(ENDS, "2", NOW, None)))

    assert (said.word(now=ENDS), said.word(now=ENDS + timedelta(seconds=1))) == ("listed", "ended")
