"""Publishing, and what is read at once of what was published."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from tests.support.authority import ADMINISTRATOR
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW, entity, identifier, tenant

from connector.domain.catalogue import MOST_SERVICES, Service, Size, Texts
from connector.domain.quotas import Quotas
from connector.domain.refusals.quotas import QuotaExceeded, RateLimited
from connector.domain.refusals.requests import QueryTooExpensive
from connector.ports.transaction import Transaction
from connector.usecases.catalogue import MOST_OCTETS_OF_A_PAGE, MOST_SERVICES_OF_A_PAGE, offered
from connector.usecases.publications import Publications
from connector.usecases.realms import Installation, Realm

T = TypeVar("T")


def service(number: int, octets: int = 10, text_octets: int = 0) -> Service:
    return Service(identifier(number), tenant().id, entity().id, None, NOW, NOW, octets, text_octets, {"name": "n"})


def read(work: Callable[[Realm], T], *services: Service) -> T:
    """What the work returns in a tenant with these services."""
    store = MemoryStore()

    async def run() -> T:
        def furnish(tx: Transaction) -> None:
            tx.tenants.add(tenant())
            tx.directory(tenant().id).add_entity(entity())
            for each in services:
                tx.catalogue(tenant().id).add(each, Texts())

        await store.transaction(furnish)
        return await store.read(lambda tx: work(Installation(tx, ADMINISTRATOR).enter(tenant().external_id)))

    return asyncio.run(run())


def test_page_reads_no_more_than_can_be_held() -> None:
    """What the services of a page take is added up before they are read; the long texts count where they are asked
    for.
    """
    half = MOST_OCTETS_OF_A_PAGE // 2
    within = [service(1, text_octets=half), service(2, text_octets=half)]

    assert len(read(lambda realm: offered(realm, [entity().id], with_texts=False), *within)[0]) == 2
    for with_texts, services in ((True, within), (False, [service(1, octets=half + 1), service(2, octets=half)])):
        with pytest.raises(QueryTooExpensive, match="leave out bundles"):
            read(lambda realm, wanted=with_texts: offered(realm, [entity().id], with_texts=wanted), *services)


def test_page_reads_no_more_services_than_can_be_held() -> None:
    """A page with more bundles than that is refused, however small they are."""
    many = [service(number) for number in range(MOST_SERVICES_OF_A_PAGE + 1)]

    assert len(read(lambda realm: offered(realm, [entity().id], with_texts=True), *many[1:])[0]) == len(many) - 1
    with pytest.raises(QueryTooExpensive, match="Lower the argument first"):
        read(lambda realm: offered(realm, [entity().id], with_texts=True), *many)


def test_number_of_services_has_a_bound_of_its_own() -> None:
    """Without a quota an application has no more services than the schema of the Director counts with."""
    publications = Publications(Quotas())
    publications.admit(service(1), Size(MOST_SERVICES - 1))
    with pytest.raises(QuotaExceeded):
        publications.admit(service(1), Size(MOST_SERVICES))


def test_catalogue_may_shrink_at_its_limit() -> None:
    """A service that is no larger than what it was may take its place, however much is published."""
    publications = Publications(Quotas(catalogue=100))
    publications.admit(service(1, 50), Size(2, 200, 0), service(1, 50))
    with pytest.raises(QuotaExceeded, match=r"quotas\.catalogue = 100"):
        publications.admit(service(1, 51), Size(2, 200, 0), service(1, 50))
    with pytest.raises(QuotaExceeded):
        publications.admit(service(1, 30, 21), Size(1, 20, 30))
    publications.admit(service(1, 30, 20), Size(1, 20, 30))


def test_changes_come_back_with_time() -> None:
    """After as many changes as an hour has room for, the next has to wait, and an hour later there are as many again;
    each worker has its part.
    """
    publications = Publications(Quotas(service_changes_an_hour=20), workers=2)
    for _ in range(10):
        publications.admit_change("a", now=NOW)
        publications.changed("a", now=NOW)
    with pytest.raises(RateLimited) as caught:
        publications.admit_change("a", now=NOW)
    assert caught.value.retry_after == 360
    publications.admit_change("b", now=NOW)
    publications.admit_change("a", now=NOW + timedelta(seconds=361))
