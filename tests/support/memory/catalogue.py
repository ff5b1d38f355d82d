"""The services of applications in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.catalogue import Service, Size, Texts
from connector.domain.refusals.objects import NotUniqueName, ObjectNotFound


@dataclass(slots=True)
class MemoryCatalogue:
    """One tenant's services."""

    tables: Tables
    tenant: str

    def add(self, service: Service, texts: Texts) -> None:
        if service.tenant_id != self.tenant:
            raise ValueError("the record is another tenant's")
        if service.application_id not in self.tables.entities:
            raise NotUniqueName
        self._keep(service, texts)

    def find(self, application_id: str, id: str) -> Service | None:
        return next((each for each in self.of([application_id]) if each.id == id), None)

    def replace(self, service: Service, texts: Texts) -> None:
        if self.find(service.application_id, service.id) is None:
            raise ObjectNotFound
        self._keep(service, texts)

    def remove(self, service: Service) -> bool:
        found = self.find(service.application_id, service.id)
        if found is not None:
            del self.tables.services[found.id]
        return found is not None

    def of(self, application_ids: Collection[str]) -> Sequence[Service]:
        found = [service for service, _ in self.tables.services.values() if service.tenant_id == self.tenant]
        found = [service for service in found if service.application_id in application_ids]
        return sorted(found, key=lambda service: (service.created_at, service.id))

    def page(self, application_id: str, *, after: tuple[datetime, str] | None, most: int) -> Sequence[Service]:
        found = self.of([application_id])
        return [each for each in found if after is None or (each.created_at, each.id) > after][:most]

    def texts(self, application_ids: Collection[str]) -> Mapping[str, Texts]:
        return {service.id: self.tables.services[service.id][1] for service in self.of(application_ids)}

    def texts_of(self, service: Service) -> Texts:
        if self.find(service.application_id, service.id) is None:
            raise ObjectNotFound
        return self.tables.services[service.id][1]

    def size(self, application_ids: Collection[str]) -> Size:
        found = self.of(application_ids)
        return Size(len(found), sum(each.octets for each in found), sum(each.text_octets for each in found))

    def _keep(self, service: Service, texts: Texts) -> None:
        others = [each for each in self.of([service.application_id]) if each.id != service.id]
        if service.identifier is not None and service.identifier in {each.identifier for each in others}:
            raise NotUniqueName
        self.tables.services[service.id] = (service, texts)
