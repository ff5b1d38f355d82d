"""Profiles: which one a certificate is made by."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from tests.support.authority import World
from tests.support.issuing import PROFILE
from tests.support.memory.store import MemoryStore

from connector.client import make_csr, make_key
from connector.domain.audit import Action
from connector.domain.certificates import Certificate
from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.refusals.issuers import ProfileUnknown
from connector.domain.tokens import Minted
from connector.pki.profile import CLIENT, SPIFFE, Profiles, with_spiffe_id
from connector.ports.audit import EventFilter
from connector.usecases import registration
from connector.usecases.tenants import choose_profile

WITH_ID = with_spiffe_id(PROFILE, "example.org")
BOTH = Profiles(PROFILE, WITH_ID)
SPIFFE_FIRST = Profiles(WITH_ID, PROFILE)


def world_of(profiles: Profiles) -> World:
    """A world in which these profiles are set up."""
    world = World(MemoryStore())
    world.enrollment = replace(world.enrollment, policy=replace(world.enrollment.policy, profiles=profiles))
    return world


async def choose_default(world: World, tenant: Tenant, profile: str | None) -> None:
    """Choose the tenant's default profile."""
    await world.office(tenant).run(choose_profile, profile)


async def entity_of(
    world: World, profile: str | None, kind: EntityKind, *, default: str | None = None
) -> tuple[Entity, Minted, str]:
    """An application or runtime of that profile, in a tenant with that default, a token for it, and a CSR."""
    tenant = await world.tenant()
    await choose_default(world, tenant, default)
    registered = await world.register(tenant, kind=kind)
    entity = replace(registered, profile=profile)
    await world.store.transaction(lambda tx: tx.directory(entity.tenant_id).update_entity(entity))
    minted = await world.hand_over(tenant, entity)
    subject = world.enrollment.subject_text(minted.token.system_auth_id)
    return entity, minted, b64encode(make_csr(make_key(), subject)).decode()


def names_in(certificate: Certificate) -> list[Any]:
    """The URIs that it holds."""
    try:
        found = x509.load_der_x509_certificate(certificate.der).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return []
    return list(found.value.get_values_for_type(x509.UniformResourceIdentifier))


@pytest.mark.parametrize("kind", [EntityKind.APPLICATION, EntityKind.RUNTIME])
@pytest.mark.parametrize(
    ("profiles", "chosen", "has_id"),
    [
        (Profiles(PROFILE), None, False),
        (BOTH, None, False),
        (BOTH, CLIENT, False),
        (BOTH, SPIFFE, True),
        (SPIFFE_FIRST, None, True),
        (SPIFFE_FIRST, CLIENT, False),
    ],
)
def test_certificate_is_made_by_the_profile_of_its_owner(
    profiles: Profiles, chosen: str | None, kind: EntityKind, *, has_id: bool
) -> None:
    """The owner's own profile goes before the installation's, at enrollment and at renewal."""

    async def scenario() -> None:
        world = world_of(profiles)
        entity, minted, csr = await entity_of(world, chosen, kind)
        first = await world.enroll(minted.secret.text, None, csr)
        second = await world.renew(first.fingerprint, csr)
        wanted = f"spiffe://example.org/tenant/{entity.tenant_id}/{kind.value.lower()}/{entity.id}"
        assert names_in(first) == names_in(second) == ([wanted] if has_id else [])

    asyncio.run(scenario())


def test_profile_chosen_later_counts_from_the_next_certificate() -> None:
    """Another profile changes no certificate that was issued, and is that of the next one."""

    async def scenario() -> None:
        world = world_of(BOTH)
        entity, minted, csr = await entity_of(world, None, EntityKind.APPLICATION)
        first = await world.enroll(minted.secret.text, None, csr)
        later = replace(entity, profile=SPIFFE)
        await world.store.transaction(lambda tx: tx.directory(entity.tenant_id).update_entity(later))
        second = await world.renew(first.fingerprint, csr)
        assert (names_in(first), len(names_in(second))) == ([], 1)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("default", "own", "has_id"), [(SPIFFE, None, True), (SPIFFE, CLIENT, False), (CLIENT, SPIFFE, True)]
)
def test_tenants_default_stands_between(default: str, own: str | None, *, has_id: bool) -> None:
    """The owner's own profile goes before its tenant's default, and that before the installation's; another tenant's
    does not count.
    """

    async def scenario() -> None:
        world = world_of(BOTH)
        await choose_default(world, await world.tenant("another"), SPIFFE if default == CLIENT else CLIENT)
        entity, minted, csr = await entity_of(world, own, EntityKind.APPLICATION, default=default)
        first = await world.enroll(minted.secret.text, None, csr)
        assert len(names_in(first)) == has_id, entity

    asyncio.run(scenario())


def test_choice_of_a_profile_is_recorded_once() -> None:
    """Whoever chooses a profile, for a tenant or for one of its entities, leaves one event that says from what to what;
    to choose what was chosen already changes nothing and leaves none.
    """

    async def scenario() -> None:
        world = world_of(BOTH)
        entity, _, _ = await entity_of(world, None, EntityKind.RUNTIME, default=CLIENT)
        office = world.office(await world.store.read(lambda tx: tx.tenants.of_id(entity.tenant_id)))
        for _ in range(2):
            await office.run(choose_profile, SPIFFE)
            await office.run(registration.update, EntityKind.RUNTIME, entity.id, {"profile": SPIFFE})
        await office.run(choose_profile, None)
        await world.register(
            await office.read(lambda realm: realm.tenant), "born-with-it", EntityKind.RUNTIME, profile=CLIENT
        )
        events = await office.read(
            lambda realm: realm.events.page(EventFilter(actions=(Action.PROFILE_CHOSEN,)), most=9)
        )
        told = [(each.event.reason, each.event.owner_id is not None) for each in events]
        assert told == [
            ("from the default to client", True),
            ("from spiffe to the default", False),
            ("from the default to spiffe", True),
            ("from client to spiffe", False),
            ("from the default to client", False),
        ]

    asyncio.run(scenario())


def test_profile_that_is_not_set_up_issues_nothing() -> None:
    """No other profile takes the place of the one that was chosen: nothing is issued, and the token stays good."""

    async def scenario() -> None:
        world = world_of(BOTH)
        _, minted, csr = await entity_of(world, "of-yesterday", EntityKind.APPLICATION)
        with pytest.raises(ProfileUnknown):
            await world.enroll(minted.secret.text, None, csr)
        assert await world.store.read(lambda tx: tx.tokens.find(minted.token.digest)) == minted.token

    asyncio.run(scenario())
