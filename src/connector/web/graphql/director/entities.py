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
from connector.domain.principals import Holder
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.requests import QueryTooExpensive
from connector.domain.strict_json import JSON
from connector.ports.transaction import Transaction
from connector.usecases import registration
from connector.usecases.access import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.auths import AuthFields
from connector.web.graphql.director.paging import Cursors, Fields, empty_page, page
from connector.web.graphql.wanted import wanted

MOST_SYSTEM_AUTHS_OF_A_PAGE = 10 * MOST_SYSTEM_AUTHS
"""With what is read of each, a page of so many takes some 30 MiB of memory."""

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
        "bundles": empty_page(),
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

        def find(tx: Transaction, realm: Realm) -> Fields | None:
            try:
                return self._tell_one(tx, realm, registration.registered(tx, realm, self.kind, id), names)
            except ObjectNotFound:
                return None

        if isinstance(info.context.principal, Holder) and self.kind is not EntityKind.INTEGRATION_SYSTEM:
            return await self.director.read_own(info, self.kind, id, find)
        return await self.director.read(info, find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        given = [(each["key"], each.get("query")) for each in arguments.get("filter") or ()]
        names = wanted(info)

        def read(tx: Transaction, realm: Realm) -> Fields:
            directory, filters = tx.directory(realm.tenant.id), read_filters(given)

            def after_name(after: tuple[str] | None, most: int) -> Sequence[Entity]:
                return directory.entities(self.kind, filters, after=after[0] if after else None, most=most)

            return page(
                Cursors(f"{self.word}s {realm.tenant.id} {given}", (str,)),
                arguments,
                read=after_name,
                place=lambda entity: (entity.name,),
                tell=lambda found: self.tell(tx, realm, found, names),
                count=lambda: directory.count_entities(self.kind, filters),
                wanted=names,
            )

        return await self.director.read(info, read)

    async def register(self, _: None, info: Info, mode: str = SYNC, **arguments: Fields) -> Fields:
        enrollment = self.director.enrollment
        _check_mode(mode)
        particulars = self._known_profile(_particulars(arguments["in"]))
        with _in_compass_words(info, self.word):
            return await self._write(
                info,
                lambda tx, realm: registration.register(
                    tx,
                    realm,
                    self.kind,
                    particulars,
                    allowances=enrollment.allowances,
                    make_id=enrollment.make_id,
                    now=enrollment.clock(),
                ),
                alone=False,
            )

    async def update(self, _: None, info: Info, id: str, mode: str = SYNC, **arguments: Fields) -> Fields:
        now = self.director.enrollment.clock()
        _check_mode(mode)
        changes = complete_labels(self.kind, self._known_profile(_particulars(arguments["in"])))
        with _in_compass_words(info, self.word):
            return await self._write(
                info, lambda tx, realm: registration.update(tx, realm, self.kind, id, changes, now=now)
            )

    async def unregister(self, _: None, info: Info, id: str, mode: str = SYNC) -> Fields:
        now = self.director.enrollment.clock()
        _check_mode(mode)
        names = wanted(info)

        def remove(tx: Transaction, realm: Realm) -> Fields:
            fields = self._tell_one(tx, realm, registration.registered(tx, realm, self.kind, id), names)
            registration.unregister(tx, realm, self.kind, id, now=now)
            return fields

        return await self.director.write(info, remove)

    async def unpair(self, _: None, info: Info, id: str, mode: str = SYNC) -> Fields:
        now = self.director.enrollment.clock()
        _check_mode(mode)
        return await self._write(info, lambda tx, realm: registration.unpair(tx, realm, self.kind, id, now=now))

    async def set_label(self, _: None, info: Info, key: str, value: JSON, **owner: str) -> Fields:
        now, owner_id = self.director.enrollment.clock(), owner[f"{self.word}ID"]

        def change(tx: Transaction, realm: Realm) -> Entity:
            return registration.set_label(tx, realm, self.kind, owner_id, key=key, value=value, now=now)

        is_own = isinstance(info.context.principal, Holder) and self.kind is EntityKind.RUNTIME
        if is_own and key in OWN_LABELS and isinstance(value, str):
            await self.director.write_own(info, self.kind, owner_id, change)
        else:
            await self.director.write(info, change)
        return {"key": key, "value": value}

    async def delete_label(self, _: None, info: Info, key: str, **owner: str) -> Fields:
        now, owner_id = self.director.enrollment.clock(), owner[f"{self.word}ID"]
        value = await self.director.write(
            info, lambda tx, realm: registration.delete_label(tx, realm, self.kind, owner_id, key, now=now)
        )
        return {"key": key, "value": value}

    async def set_eventing(
        self,
        _: None,
        info: Info,
        appID: str,  # noqa: N803 - the SDL's
        runtimeID: str | None = None,  # noqa: N803 - the SDL's
    ) -> Fields:
        now = self.director.enrollment.clock()

        def change(tx: Transaction, realm: Realm) -> Fields:
            application = registration.set_eventing(tx, realm, appID, runtimeID, now=now)
            return _eventing(tx, realm, [application])[application.id]

        return await self.director.write(info, change)

    async def _write(
        self, info: Info, function: Callable[[Transaction, Realm], Entity], *, alone: bool = True
    ) -> Fields:
        names = wanted(info)

        def write(tx: Transaction, realm: Realm) -> Fields:
            return self._tell_one(tx, realm, function(tx, realm), names)

        return await self.director.write(info, write, alone=alone)

    def _known_profile(self, particulars: Fields) -> Fields:
        """The particulars, if the certificate profile among them is set up here.

        Raises:
            InvalidData: it is not.
        """
        profiles = self.director.enrollment.policy.profiles
        if profiles.named(particulars.get("profile")) is None:
            raise InvalidData(f"Invalid data certificateProfile: use {' or '.join(profiles.names)}, or null.")
        return particulars

    @staticmethod
    def _auths(tx: Transaction, realm: Realm, ids: Sequence[str]) -> Sequence[SystemAuth]:
        """All their system auths, if there are not too many to be held at once."""
        auths = tx.directory(realm.tenant.id).system_auths(ids, most=MOST_SYSTEM_AUTHS_OF_A_PAGE + 1)
        if len(auths) > MOST_SYSTEM_AUTHS_OF_A_PAGE:
            raise QueryTooExpensive(
                f"The page has more than {MOST_SYSTEM_AUTHS_OF_A_PAGE} system auths. Lower the argument first, or "
                "leave out auths."
            )
        return auths

    def _tell_one(self, tx: Transaction, realm: Realm, entity: Entity, names: frozenset[str]) -> Fields:
        (fields,) = self.tell(tx, realm, [entity], names)
        return fields

    def tell(self, tx: Transaction, realm: Realm, entities: Sequence[Entity], names: frozenset[str]) -> list[Fields]:
        """What is asked for of each, in as few statements for all as for one; each runtime of their events once."""
        ids = [entity.id for entity in entities]
        owned: dict[str, list[Fields]] = {each: [] for each in ids}
        if "auths" in names:
            auths = self._auths(tx, realm, ids)
            for auth, fields in zip(auths, self.auths.tell(tx, realm, auths, names), strict=True):
                owned[auth.owner_id].append(fields)
        standings: Mapping[str, Standing] = {}
        if "status" in names:
            standings = tx.inventory.standings(realm.tenant.id, ids, now=self.director.enrollment.clock())
        eventing: Mapping[str, Fields] = {}
        if "eventingConfiguration" in names:
            eventing = _eventing(tx, realm, entities)
        return [
            {
                **_plain(entity, standings.get(entity.id)),
                "auths": owned[entity.id],
                "eventingConfiguration": eventing.get(entity.id),
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


def _eventing(tx: Transaction, realm: Realm, entities: Sequence[Entity]) -> Mapping[str, Fields]:
    """Where events go, by the ids of those whose events they are, or who takes them."""
    directory = tx.directory(realm.tenant.id)
    wanted_ids = {entity.eventing_runtime_id for entity in entities if entity.eventing_runtime_id is not None}
    runtimes = {each: directory.entity(EntityKind.RUNTIME, each) for each in wanted_ids}

    def url(entity: Entity) -> str:
        if entity.kind is EntityKind.RUNTIME:
            return events_base(entity)
        runtime = runtimes.get(entity.eventing_runtime_id) if entity.eventing_runtime_id is not None else None
        return events_url(entity, runtime)

    return {entity.id: {"defaultURL": url(entity)} for entity in entities}
