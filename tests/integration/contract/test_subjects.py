from dataclasses import replace

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, certificate, digest, entity, identifier, system_auth, tenant

from connector.domain.certificates import RevocationReason
from connector.domain.subjects import Owner, Subject
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction

MANY = 40
OWNER = Owner(system_auth().id, entity().id, entity().kind, entity().name, tenant().id, tenant().external_id)


def fill(tx: Transaction) -> None:
    for number in range(1, MANY + 1):
        tx.inventory.add(certificate(number))


@pytest.mark.parametrize("numbers", [[1], list(range(1, MANY + 1)), []])
def test_subjects_are_found_with_their_owners(furnished: Stored, numbers: list[int]) -> None:
    """One or many are found in one call, each with its owner; those that are not recorded are left out."""
    furnished.write(fill)
    wanted = [digest(number) for number in numbers]

    found = furnished.look_up(lambda tx: tx.subjects.find([*wanted, digest(-77)]))

    made = certificate()
    assert found == {each: Subject(each, made.issuer, made.not_after, None, OWNER) for each in wanted}


def test_a_revocation_is_seen_when_the_owner_is_gone(furnished: Stored) -> None:
    """A revoked certificate is found with its revocation, also once its application is unregistered."""
    furnished.write(fill)
    mine = CertificateFilter(tenant().id)
    furnished.write(lambda tx: tx.inventory.revoke(mine, RevocationReason.UNSPECIFIED, now=LATER))
    furnished.write(lambda tx: tx.directory(tenant().id).remove_entity(entity()))

    (found,) = furnished.look_up(lambda tx: tx.subjects.find([digest(1)])).values()

    assert (found.revoked_at, found.owner) == (LATER, None)


def test_the_owner_of_a_system_auth_is_found_until_it_is_deleted(furnished: Stored) -> None:
    """A system auth leads to its owner in whatever tenant, and to nobody once it is deleted."""
    assert furnished.look_up(lambda tx: tx.subjects.owner(system_auth().id)) == OWNER
    assert furnished.look_up(lambda tx: tx.subjects.owner(identifier(99))) is None

    furnished.write(lambda tx: tx.directory(tenant().id).remove_system_auth(system_auth()))

    assert furnished.look_up(lambda tx: tx.subjects.owner(system_auth().id)) is None


def test_a_renamed_owner_is_found_by_its_new_name(furnished: Stored) -> None:
    """What is said of an owner is what its record says now."""
    furnished.write(fill)
    furnished.write(lambda tx: tx.directory(tenant().id).update_entity(replace(entity(), name="Kühlhaus")))

    (found,) = furnished.look_up(lambda tx: tx.subjects.find([digest(1)])).values()

    assert found.owner is not None
    assert found.owner.name == "Kühlhaus"


def test_an_owner_is_found_for_unknown_certificates_alone(furnished: Stored) -> None:
    """A system auth leads to its owner with a fingerprint that is unknown, and no longer once the certificate is
    recorded, revoked there, or its revocation taken over; nor does a system auth that is not there.
    """
    auth, mine = system_auth().id, CertificateFilter(tenant().id)
    known, taken, unknown = digest(1), digest(-1), digest(-2)

    def owners() -> list[Owner | None]:
        each = (known, taken, unknown)
        return [furnished.look_up(lambda tx, of=of: tx.subjects.owner_of_unknown(of, auth)) for of in each]

    assert owners() == [OWNER, OWNER, OWNER]
    furnished.write(fill)
    furnished.write(lambda tx: tx.imports.revoke([taken], now=LATER))
    assert owners() == [None, None, OWNER]
    furnished.write(lambda tx: tx.inventory.revoke(mine, RevocationReason.UNSPECIFIED, now=LATER))
    assert owners() == [None, None, OWNER]
    assert furnished.look_up(lambda tx: tx.subjects.owner_of_unknown(unknown, identifier(99))) is None
    furnished.write(lambda tx: tx.directory(tenant().id).remove_system_auth(system_auth()))
    assert owners() == [None, None, None]
