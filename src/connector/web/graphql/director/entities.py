"""Applications, runtimes and integration systems, which are alike in most."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ariadne import MutationType, QueryType
from graphql import get_named_type

from connector.domain.certificates import Condition, Standing
from connector.domain.directory import (
    DETAILS,
    MOST_SYSTEM_AUTHS,
    OWN_LABELS,
    Entity,
    EntityKind,
    SystemAuth,
    complete_labels,
    events_base,
    events_url,
)
from connector.domain.labels import read_filters
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.requests import QueryTooExpensive
from connector.domain.strict_json import JSON
from connector.usecases import registration
from connector.usecases.realms import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.auths import AuthFields
from connector.web.graphql.director.bundles import BUNDLES, Bundles, bundles
from connector.web.graphql.director.paging import Cursors, Fields, Listing, empty_page, page
from connector.web.graphql.wanted import wanted

MOST_SYSTEM_AUTHS_OF_A_PAGE = 10 * MOST_SYSTEM_AUTHS
"""A page of this size takes some 30 MiB of memory, with all that is read for it."""

_NAMES = {
    "name": "name",
    "description": "description",
    "providerName": "provider_name",
    "integrationSystemID": "integration_system_id",
    "labels": "labels",
    "certificateProfile": "profile",
}

SYNC = "SYNC"

# Selected by every client of Compass, and kept for none.
_NEVER_ANY: Mapping[EntityKind, Fields] = {
    EntityKind.APPLICATION: {
        "webhooks": [],
        "operations": [],
        "integrationDependencies": empty_page(),
    },
    EntityKind.RUNTIME: {"webhooks": [], "runtimeContexts": empty_page()},
    EntityKind.INTEGRATION_SYSTEM: {},
}

# What is not kept: a non-empty value is refused, so that no client waits for a call that never comes.
_NOT_KEPT = ("webhooks", "bundles")


@dataclass(frozen=True, slots=True)
class EntityFields:
    """The fields about one kind."""

    director: Director
    kind: EntityKind

    @property
    def word(self) -> str:
        """The kind as a field: application, runtime, integrationSystem."""
        return self.kind.value[0].lower() + self.kind.value[1:]

    @property
    def auths(self) -> AuthFields:
        """The fields about its system auths."""
        return AuthFields(self.director, self.kind)

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field(self.word, self.one)
        query.set_field(f"{self.word}s", self.many)
        mutation.set_field(f"register{self.kind.value}", self.register)
        mutation.set_field(f"update{self.kind.value}", self.update)
        mutation.set_field(f"unregister{self.kind.value}", self.unregister)
        mutation.set_field(f"set{self.kind.value}Label", self.set_label)
        mutation.set_field(f"delete{self.kind.value}Label", self.delete_label)
        if self.kind is EntityKind.APPLICATION:
            mutation.set_field("unpairApplication", self.unpair)
            mutation.set_field("setDefaultEventingForApplication", self.set_eventing)
            mutation.set_field("deleteDefaultEventingForApplication", self.set_eventing)
        self.auths.bind(mutation)

    async def one(self, _: None, info: Info, id: str) -> Fields | None:
        names = wanted(info)

        def find(realm: Realm) -> Fields | None:
            try:
                return self._tell_one(realm, registration.registered(realm, self.kind, id), names)
            except ObjectNotFound:
                return None

        if self.kind is not EntityKind.INTEGRATION_SYSTEM and await self.director.acts_for_itself(info):
            own = await self.director.own_office(info, self.kind, id)
            return None if own is None else await own.read(find)
        return await (await self.director.office(info)).read(find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        given = [(each["key"], each.get("query")) for each in arguments.get("filter") or ()]
        names = wanted(info)

        def read(realm: Realm) -> Fields:
            directory, filters = realm.directory, read_filters(given)

            def after_name(after: tuple[str] | None, most: int) -> Sequence[Entity]:
                return directory.entities(self.kind, filters, after=after[0] if after else None, most=most)

            return page(
                Listing(
                    Cursors(f"{self.word}s {realm.tenant_id} {given}", (str,)),
                    read=after_name,
                    place=lambda entity: (entity.name,),
                    tell=lambda found: self.tell(realm, found, names),
                    count=lambda: directory.count_entities(self.kind, filters),
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.office(info)).read(read)

    async def register(self, _: None, info: Info, mode: str = SYNC, **arguments: Fields) -> Fields:
        _check_mode(mode)
        particulars, allowances = self._particulars(arguments["in"]), self.director.allowances
        tell, office = self._teller(info), await self.director.office(info)
        with _in_compass_words(info, self.word):
            return await office.run_then(tell, registration.register, self.kind, particulars, allowances=allowances)

    async def update(self, _: None, info: Info, id: str, mode: str = SYNC, **arguments: Fields) -> Fields:
        _check_mode(mode)
        changes = complete_labels(self.kind, self._particulars(arguments["in"]))
        tell, office = self._teller(info), await self.director.office(info)
        with _in_compass_words(info, self.word):
            return await office.run_then(tell, registration.update, self.kind, id, changes)

    async def unregister(self, _: None, info: Info, id: str, mode: str = SYNC) -> Fields:
        _check_mode(mode)
        tell = self._teller(info)

        def remove(realm: Realm) -> Fields:
            fields = tell(realm, registration.registered(realm, self.kind, id))
            registration.unregister(realm, self.kind, id)
            return fields

        return await (await self.director.office(info)).run(remove)

    async def unpair(self, _: None, info: Info, id: str, mode: str = SYNC) -> Fields:
        _check_mode(mode)
        tell, office = self._teller(info), await self.director.office(info)
        return await office.run_then(tell, registration.unpair, self.kind, id)

    async def set_label(self, _: None, info: Info, key: str, value: JSON, **owner: str) -> Fields:
        owner_id = owner[f"{self.word}ID"]
        may_be_own = self.kind is EntityKind.RUNTIME and key in OWN_LABELS and isinstance(value, str)
        if may_be_own and await self.director.acts_for_itself(info):
            office = await self.director.own_changes(info, self.kind, owner_id)
        else:
            office = await self.director.office(info)
        await office.run(registration.set_label, self.kind, owner_id, key=key, value=value)
        return {"key": key, "value": value}

    async def delete_label(self, _: None, info: Info, key: str, **owner: str) -> Fields:
        office = await self.director.office(info)
        value = await office.run(registration.delete_label, self.kind, owner[f"{self.word}ID"], key)
        return {"key": key, "value": value}

    async def set_eventing(
        self,
        _: None,
        info: Info,
        appID: str,  # noqa: N803 - the SDL's
        runtimeID: str | None = None,  # noqa: N803 - the SDL's
    ) -> Fields:
        office = await self.director.office(info)
        return await office.run_then(
            lambda realm, application: _eventing(realm, [application])[application.id],
            registration.set_eventing,
            appID,
            runtimeID,
        )

    def _teller(self, info: Info) -> Callable[[Realm, Entity], Fields]:
        """A function that gives the fields of one entity, as far as the document asks for them."""
        names = wanted(info)
        return lambda realm, entity: self._tell_one(realm, entity, names)

    def _particulars(self, given: Fields) -> Fields:
        """The fields by the domain's names, if the certificate profile among them is set up here.

        Raises:
            InvalidData: it is not, or webhooks or bundles are given.
        """
        particulars = _particulars(given)
        self.director.known_profile(particulars.get("profile"))
        return particulars

    @staticmethod
    def _auths(realm: Realm, ids: Sequence[str]) -> Sequence[SystemAuth]:
        """All their system auths, if there are not too many to be held at once."""
        auths = realm.directory.system_auths(ids, most=MOST_SYSTEM_AUTHS_OF_A_PAGE + 1)
        if len(auths) > MOST_SYSTEM_AUTHS_OF_A_PAGE:
            raise QueryTooExpensive(
                f"The page has more than {MOST_SYSTEM_AUTHS_OF_A_PAGE} system auths. Lower the argument first, or "
                "leave out auths."
            )
        return auths

    def _tell_one(self, realm: Realm, entity: Entity, names: frozenset[str]) -> Fields:
        (fields,) = self.tell(realm, [entity], names)
        return fields

    def tell(self, realm: Realm, entities: Sequence[Entity], names: frozenset[str]) -> list[Fields]:
        """What is asked for of each, in as few statements for all as for one; each runtime of their events once."""
        ids = [entity.id for entity in entities]
        owned: dict[str, list[Fields]] = {each: [] for each in ids}
        if "auths" in names:
            auths = self._auths(realm, ids)
            for auth, fields in zip(auths, self.auths.tell(realm, auths, names), strict=True):
                owned[auth.owner_id].append(fields)
        standings: Mapping[str, Standing] = {}
        if "status" in names:
            standings = realm.certificates.standings(ids)
        eventing: Mapping[str, Fields] = {}
        if "eventingConfiguration" in names:
            eventing = _eventing(realm, entities)
        published: Mapping[str, Bundles] = {}
        if BUNDLES in names and self.kind is EntityKind.APPLICATION:
            published = bundles(realm, ids, names)
        return [
            {
                **_plain(entity, standings.get(entity.id)),
                "auths": owned[entity.id],
                "eventingConfiguration": eventing.get(entity.id),
                BUNDLES: published.get(entity.id),
            }
            for entity in entities
        ]


@contextmanager
def _in_compass_words(info: Info, word: str) -> Iterator[None]:
    """Refuse a field that breaks a rule, and a name that is taken, in the words that tests of Compass's clients read.

    Raises:
        InvalidData, NotUniqueName: as from within, with another message.
    """
    try:
        yield
    except InvalidData as refusal:
        if refusal.broken is None:
            raise
        field, rule, advice = refusal.broken
        input_type = get_named_type(info.parent_type.fields[info.field_name].args["in"].type)
        raise InvalidData(f"Invalid data {input_type} [{field}={rule}]. {advice}") from refusal
    except NotUniqueName as refusal:
        raise NotUniqueName(f"Object name is not unique [object={word}]. Choose another name.") from refusal


def _check_mode(mode: str | None) -> None:
    """Raises InvalidData where the caller wants a change to be made later: each is made before its answer."""
    if mode not in (None, SYNC):
        raise InvalidData("Invalid data mode: changes are made at once. Leave it out, or use SYNC.")


def _particulars(given: Fields) -> Fields:
    """The fields by the domain's names. No labels are an empty set of labels.

    Raises:
        InvalidData: webhooks or bundles are given.
    """
    for name in _NOT_KEPT:
        if given.get(name):
            raise InvalidData(f"Invalid data {name}: Connector does not keep them. Leave them out.")
    named = {_NAMES[name]: value for name, value in given.items() if name in _NAMES}
    details = {name: value for name, value in given.items() if name in DETAILS}
    if details:
        named["details"] = details
    return {**named, "labels": named["labels"] or {}} if "labels" in named else named


def _plain(entity: Entity, standing: Standing | None) -> Fields:
    standing = standing or Standing(Condition.INITIAL, entity.created_at)

    def labels(_: Info, key: str | None = None) -> dict[str, JSON]:
        return {name: value for name, value in entity.labels.items() if key in (None, name)}

    return {
        "id": entity.id,
        "name": entity.name,
        "providerName": entity.provider_name,
        "description": entity.description,
        "integrationSystemID": entity.integration_system_id,
        "labels": labels,
        "status": {"condition": standing.condition.value, "timestamp": standing.since},
        "metadata": {"creationTimestamp": entity.created_at},
        "createdAt": entity.created_at,
        "updatedAt": entity.updated_at,
        "certificateProfile": entity.profile,
        **entity.details,
        **_NEVER_ANY[entity.kind],
    }


def _eventing(realm: Realm, entities: Sequence[Entity]) -> Mapping[str, Fields]:
    """Where events go, by the ids of those whose events they are, or who takes them."""
    directory = realm.directory
    wanted_ids = {entity.eventing_runtime_id for entity in entities if entity.eventing_runtime_id is not None}
    runtimes = {each: directory.entity(EntityKind.RUNTIME, each) for each in wanted_ids}

    def url(entity: Entity) -> str:
        if entity.kind is EntityKind.RUNTIME:
            return events_base(entity)
        runtime = runtimes.get(entity.eventing_runtime_id) if entity.eventing_runtime_id is not None else None
        return events_url(entity, runtime)

    return {entity.id: {"defaultURL": url(entity)} for entity in entities}
