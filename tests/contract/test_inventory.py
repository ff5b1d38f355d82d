from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.conftest import Stored
from tests.support.records import LATER, NOW, certificate, digest, identifier, tenant

from connector.inventory import Certificate, RevocationReason
from connector.ports import CertificateFilter

INSTANT = timedelta(microseconds=1)
REASON = RevocationReason.KEY_COMPROMISE


def found(stored: Stored, number: int = 1) -> Certificate | None:
    """The certificate with that number, as it is stored now."""
    return stored.read(lambda tx: tx.inventory.find(digest(number)))


def add(stored: Stored, *certificates: Certificate) -> None:
    def function(tx: object) -> None:
        for one in certificates:
            tx.inventory.add(one)  # type: ignore[attr-defined]

    stored.write(function)


@pytest.mark.parametrize(
    "recorded",
    [
        certificate(serial="f" * 40, der=bytes(range(256)) * 8),
        certificate(superseded_at=NOW, revoked_at=LATER, revocation_reason=REASON),
    ],
)
def test_a_certificate_comes_back_as_it_was_recorded(stored: Stored, recorded: Certificate) -> None:
    """A certificate is found by its fingerprint in whatever state, octet by octet as it was recorded."""
    add(stored, recorded)

    assert found(stored) == recorded
    assert found(stored, 2) is None


@pytest.mark.parametrize("second", [certificate(2, fingerprint=digest(1)), certificate(2, serial="1")])
def test_fingerprint_and_serial_are_unique(stored: Stored, second: Certificate) -> None:
    """No two certificates have one fingerprint, or one serial number under one issuer."""
    add(stored, certificate())

    with pytest.raises(ValueError, match="recorded already"):
        add(stored, second)

    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))) == [certificate()]


def test_another_issuer_may_use_a_serial_again(stored: Stored) -> None:
    """A serial number is unique under its issuer only (RFC 5280 4.1.2.2)."""
    add(stored, certificate(), certificate(2, serial="1", issuer=digest(-3)))

    assert len(stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id, serial="1")))) == 2


def test_certificates_are_listed_by_filter_newest_first(stored: Stored) -> None:
    """A list holds the certificates that fit every given field, newest first: of one tenant."""
    kept = [
        certificate(1, issued_at=NOW),
        certificate(2, issued_at=NOW + 2 * INSTANT, system_auth_id=identifier(50)),
        certificate(3, issued_at=NOW + INSTANT, owner_id=identifier(51)),
        certificate(4, issued_at=NOW + 3 * INSTANT, tenant_id=identifier(52)),
    ]
    add(stored, *kept)

    def numbers(which: CertificateFilter) -> list[int]:
        return [kept.index(one) + 1 for one in stored.read(lambda tx: tx.inventory.list(which))]

    assert numbers(CertificateFilter(tenant().id)) == [2, 3, 1]
    assert numbers(CertificateFilter(tenant().id, serial="2")) == [2]
    assert numbers(CertificateFilter(tenant().id, fingerprint=digest(3))) == [3]
    assert numbers(CertificateFilter(tenant().id, system_auth_id=certificate().system_auth_id)) == [3, 1]
    assert numbers(CertificateFilter(tenant().id, owner_id=identifier(51))) == [3]
    assert numbers(CertificateFilter(certificate().tenant_id)) == [2, 3, 1]
    assert numbers(CertificateFilter(certificate().tenant_id, serial="4")) == []


def test_a_certificate_is_superseded_once(stored: Stored) -> None:
    """The first time that a certificate is superseded stays; one that is not recorded stays unknown."""
    add(stored, certificate())

    stored.write(lambda tx: tx.inventory.supersede(certificate(), now=NOW))
    stored.write(lambda tx: tx.inventory.supersede(certificate(), now=LATER))
    stored.write(lambda tx: tx.inventory.supersede(certificate(2), now=LATER))

    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))) == [certificate(superseded_at=NOW)]


def test_the_first_revocation_stays(stored: Stored) -> None:
    """To revoke marks those that fit and are good, and returns them as they are then; time and reason never change."""
    older = certificate(2, issued_at=NOW - INSTANT, superseded_at=NOW)
    other = certificate(3, system_auth_id=identifier(50))
    add(stored, certificate(1), older, other)
    which = CertificateFilter(tenant().id, system_auth_id=certificate().system_auth_id)

    revoked = stored.write(lambda tx: tx.inventory.revoke(which, REASON, now=NOW))
    again = stored.write(lambda tx: tx.inventory.revoke(which, RevocationReason.UNSPECIFIED, now=LATER))

    assert revoked == [replace(one, revoked_at=NOW, revocation_reason=REASON) for one in (certificate(1), older)]
    assert again == []
    assert [found(stored, number) for number in (1, 2, 3)] == [*revoked, other]
