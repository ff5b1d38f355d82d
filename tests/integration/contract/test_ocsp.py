"""The statuses of certificates, over every store."""

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, certificate, digest, tenant

from connector.domain.certificates import RevocationReason
from connector.domain.ocsp import CertificateStatus
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction

MANY = 40


def fill(tx: Transaction) -> None:
    for number in range(1, MANY + 1):
        tx.inventory.add(certificate(number))


@pytest.mark.parametrize("numbers", [[1], list(range(1, MANY + 1)), []])
def test_statuses_are_found_by_serial_number(furnished: Stored, numbers: list[int]) -> None:
    """One or many are found in one call; those that are not recorded are left out."""
    furnished.write(fill)

    found = furnished.read(lambda tx: tx.statuses.find([*(f"{each:x}" for each in numbers), "ffff"]))

    assert found == {f"{each:x}": [CertificateStatus(certificate().issuer, None, None)] for each in numbers}


def test_revocation_is_found_with_its_time_and_reason(furnished: Stored) -> None:
    """Of two certificates with one serial number, each issuer's has its own status."""
    furnished.write(fill)
    other = certificate(77, serial="1", issuer=digest(5))
    furnished.write(lambda tx: tx.inventory.add(other))
    which = CertificateFilter(tenant().id, fingerprint=digest(1))
    furnished.write(lambda tx: tx.inventory.revoke(which, RevocationReason.KEY_COMPROMISE, now=LATER))

    (found,) = furnished.read(lambda tx: tx.statuses.find(["1"])).values()

    revoked = CertificateStatus(certificate().issuer, LATER, RevocationReason.KEY_COMPROMISE)
    assert sorted(found, key=lambda each: each.revoked_at is None) == [
        revoked,
        CertificateStatus(other.issuer, None, None),
    ]
