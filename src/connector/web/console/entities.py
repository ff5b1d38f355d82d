"""Applications and runtimes: looked for, registered, and each with its story."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec

from starlette.responses import Response

from connector.domain import labels
from connector.domain.audit import Recorded
from connector.domain.catalogue import Service, Size
from connector.domain.certificates import Certificate, Condition, RevocationReason, Standing
from connector.domain.directory import (
    INTEGRATION_LABEL,
    MAX_NAME,
    MAX_RUNTIME_NAME,
    NORMALIZED_LABEL,
    Entity,
    EntityKind,
    Tenant,
)
from connector.domain.formations import Formation
from connector.domain.labels import LabelFilter
from connector.domain.principals import Scope
from connector.domain.quotas import Used
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectInUse
from connector.domain.refusals.quotas import QuotaExceeded
from connector.domain.strict_json import JSON, GrammarError, JSONError, read_text
from connector.domain.tokens import OneTimeToken, TokenState, TokenType
from connector.ports.audit import EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.directory import EntityFilter
from connector.ports.tokens import TokenFilter
from connector.usecases import registration
from connector.usecases.realms import Realm
from connector.usecases.revocation import revoke, withdraw
from connector.web.console import profiles, services, stories
from connector.web.console.forms import given
from connector.web.console.lists import Listed, Rows, rows, text_of
from connector.web.console.visits import Visit, chosen

P = ParamSpec("P")

WORDS = {EntityKind.APPLICATION: "application", EntityKind.RUNTIME: "runtime"}
CONDITIONS = {"connected": Condition.CONNECTED, "waiting": Condition.INITIAL, "disconnected": Condition.FAILED}
KEPT_LABELS = {
    EntityKind.APPLICATION: frozenset({"name", "managed", INTEGRATION_LABEL}),
    EntityKind.RUNTIME: frozenset({NORMALIZED_LABEL}),
}
"""The labels that the server sets by itself, and by which clients of Compass go."""
LAST_EVENTS = 100
LAST_RECORDS = 20
FIRST_SERVICES = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """The pages of one kind."""

    kind: EntityKind
    plural: str
    longest_name: int

    @property
    def token_type(self) -> TokenType:
        """The type of its tokens."""
        return TokenType(self.kind.value)

    @property
    def words(self) -> dict[str, Any]:
        """The words for it in the templates."""
        return {"plural": self.plural, "word": WORDS[self.kind], "longest_name": self.longest_name}

    async def list(self, visit: Visit) -> Response:
        """Search, filter, page by page."""
        return await self._listed(visit)

    async def register(self, visit: Visit) -> Response:
        """Register one, and go to its page."""
        form = visit.form
        particulars = {"name": given(form, "name"), "description": given(form, "description") or None}
        try:
            made = await visit.office.run(
                registration.register, self.kind, particulars, allowances=visit.desk.allowances
            )
        except (InvalidData, NotUniqueName, QuotaExceeded) as error:
            return await self._listed(visit, error=error)
        return visit.done(visit.path(self.plural, made.id), "registered")

    async def one(self, visit: Visit) -> Response:
        """Everything about one."""
        return await self.shown(visit)

    async def update(self, visit: Visit) -> Response:
        """Change name and description."""
        form = visit.form
        changes = {"name": given(form, "name"), "description": given(form, "description") or None}
        return await self._changed(visit, "updated", registration.update, self.kind, self.id(visit), changes)

    async def choose_profile(self, visit: Visit) -> Response:
        """Choose its certificate profile, or leave the choice to the tenant's default."""
        try:
            chosen = profiles.chosen_profile(visit.form, visit.desk.profiles)
        except InvalidData as error:
            return await self.shown(visit, error=error)
        return await self._changed(
            visit, "profile-chosen", registration.update, self.kind, self.id(visit), {"profile": chosen}
        )

    async def set_label(self, visit: Visit) -> Response:
        """Set a label."""
        key = given(visit.form, "key")
        try:
            value = _value(given(visit.form, "value"))
        except InvalidData as error:
            return await self.shown(visit, error=error)
        return await self._changed(
            visit, "labeled", registration.set_label, self.kind, self.id(visit), key=key, value=value
        )

    async def delete_label(self, visit: Visit) -> Response:
        """Delete a label."""
        key = given(visit.form, "key")
        if key in KEPT_LABELS[self.kind]:
            error = InvalidData(f"The server keeps the label {key}. Only the API can delete it.")
            return await self.shown(visit, error=error)
        return await self._changed(visit, "unlabeled", registration.delete_label, self.kind, self.id(visit), key)

    async def revoke(self, visit: Visit) -> Response:
        """Revoke all its certificates."""
        reason = chosen(given(visit.form, "reason"), RevocationReason, "reason")
        with_tokens = withdraws_tokens(visit)

        def change(realm: Realm) -> None:
            found = registration.registered(realm, self.kind, self.id(visit))
            revoke(realm, CertificateFilter(owner_id=found.id), reason)
            if with_tokens:
                withdraw(realm, TokenFilter(owner_id=found.id))

        return await self._changed(visit, "revoked-all" if with_tokens else "revoked", change)

    async def end_page(self, visit: Visit) -> Response:
        """Ask before it is unregistered, and say what will stop."""
        found = await visit.office.read(_Ending.read, self.kind, self.id(visit))
        return visit.show("entity_end.html", **self.words, entity=found.entity, good=found.good, open=found.open)

    async def unregister(self, visit: Visit) -> Response:
        """Unregister it."""
        try:
            await visit.office.run(registration.unregister, self.kind, self.id(visit))
        except ObjectInUse as error:
            return await self.shown(visit, error=error)
        return visit.done(visit.path(self.plural), "unregistered")

    def id(self, visit: Visit) -> str:
        """The id in the path."""
        return str(visit.request.path_params["id"])

    async def shown(self, visit: Visit, *, error: Refusal | None = None) -> Response:
        """The page of one, perhaps with what went wrong."""

        def read(realm: Realm) -> tuple[EntityPage, Mapping[str, Sequence[Used]]]:
            page = EntityPage.read(realm, self.kind, self.id(visit))
            return page, visit.desk.allowances.met_by_owner(realm, page.entity.id)

        page, met = await visit.office.read(read)
        return visit.show(
            "entity.html",
            error=error,
            met=met,
            **self.words,
            page=page,
            choice=profiles.choice_of(page.entity, page.tenant, visit.desk.profiles),
            default=profiles.default_of(page.tenant, visit.desk.profiles),
            parts_of=services.parts_of,
            lines=stories.lines(page.events),
            reasons=list(RevocationReason),
            lifetime=visit.desk.tokens.lifetimes[self.token_type],
            most_minutes=visit.desk.tokens.longest[self.token_type] // timedelta(minutes=1),
            kept_labels=KEPT_LABELS[self.kind],
            label_texts={key: _text(value) for key, value in sorted(page.entity.labels.items())},
        )

    async def _changed(
        self,
        visit: Visit,
        what: str,
        use_case: Callable[Concatenate[Realm, P], object],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Response:
        try:
            await visit.office.run(use_case, *args, **kwargs)
        except (InvalidData, NotUniqueName) as error:
            return await self.shown(visit, error=error)
        return visit.done(visit.path(self.plural, self.id(visit)), what)

    async def _listed(self, visit: Visit, *, error: Refusal | None = None) -> Response:
        query = visit.query if error is None else {}

        def read(realm: Realm) -> tuple[Rows[Entity], Mapping[str, Standing]]:
            found = self._page(realm, visit, query)
            return found, realm.certificates.standings([each.id for each in found.rows])

        found, standings = await visit.office.read(read)
        return visit.show(
            "entities.html",
            error=error,
            **self.words,
            found=found,
            standings=standings,
            conditions=CONDITIONS,
            query=query,
        )

    def _page(self, realm: Realm, visit: Visit, query: Mapping[str, str]) -> Rows[Entity]:
        """The page of the list that the query is for."""
        directory, newest_first = realm.directory, query.get("sort") == "newest"
        which = EntityFilter(
            self.kind,
            labels=_label_filters(text_of(query, "label")),
            **_named(text_of(query, "q"), anywhere=query.get("anywhere") == "1"),
            condition=CONDITIONS.get(query.get("state", "")),
            now=realm.now,
        )

        def search(after: Any, most: int) -> Sequence[Entity]:
            place = after if after is None or newest_first else after[0]
            return directory.search(which, newest_first=newest_first, after=place, most=most)

        return rows(
            query,
            Listed(
                visit.path(self.plural),
                (self.plural, realm.tenant_id),
                (datetime, str) if newest_first else (str,),
                kept=("q", "anywhere", "state", "label", "sort"),
            ),
            read=search,
            place=lambda each: (each.created_at, each.id) if newest_first else (each.name,),
        )


APPLICATIONS = Kind(EntityKind.APPLICATION, "applications", MAX_NAME)
RUNTIMES = Kind(EntityKind.RUNTIME, "runtimes", MAX_RUNTIME_NAME)
PLURALS = {each.kind: each.plural for each in (APPLICATIONS, RUNTIMES)}


@dataclass(frozen=True, slots=True)
class EntityPage:
    """The contents of an entity's page."""

    entity: Entity
    standing: Standing | None
    certificates: Sequence[Certificate]
    seen: Mapping[bytes, datetime]
    tokens: Sequence[OneTimeToken]
    events: Sequence[Recorded]
    formations: Sequence[Formation]
    tenant: Tenant
    services: Sequence[Service]
    published: Size
    outstanding: int

    @classmethod
    def read(cls, realm: Realm, kind: EntityKind, id: str) -> "EntityPage":
        """It, as it is now. Of what can be long, the newest; of services, the oldest, as on their own page."""
        publishes = kind is EntityKind.APPLICATION
        held = realm.certificates.list(CertificateFilter(owner_id=id), most=LAST_RECORDS)
        return cls(
            registration.registered(realm, kind, id),
            realm.certificates.standings([id]).get(id),
            held,
            realm.certificates.last_seen(held),
            realm.tokens.list(TokenFilter(owner_id=id), most=LAST_RECORDS),
            realm.events.page(EventFilter(about=id), most=LAST_EVENTS),
            realm.formations.of_object(id),
            realm.tenant,
            realm.catalogue.page(id, after=None, most=FIRST_SERVICES) if publishes else (),
            realm.catalogue.size([id]) if publishes else Size(),
            outstanding_tokens(realm, id),
        )


@dataclass(frozen=True, slots=True)
class _Ending:
    """The tokens and certificates that end with an entity."""

    entity: Entity
    good: int
    open: int

    @classmethod
    def read(cls, realm: Realm, kind: EntityKind, id: str) -> "_Ending":
        entity = registration.registered(realm, kind, id)
        certificates = realm.certificates.list(CertificateFilter(owner_id=id))
        good = sum(each.revoked_at is None and each.not_after >= realm.now for each in certificates)
        return cls(entity, good, outstanding_tokens(realm, id))


def outstanding_tokens(realm: Realm, owner_id: str) -> int:
    """The number of its tokens that can still be redeemed."""
    return realm.tokens.count(TokenFilter(owner_id=owner_id, state=TokenState.MINTED))


def withdraws_tokens(visit: Visit) -> bool:
    """Whether the form that revokes certificates asks to withdraw the outstanding tokens of their owner too.

    Raises:
        InsufficientScopes: it does, and the caller may not.
    """
    wants = given(visit.form, "tokens") == "withdraw"
    if wants:
        visit.caller.require(Scope.TOKEN_WRITE)
    return wants


def _named(text: str | None, *, anywhere: bool) -> dict[str, str | None]:
    """What is looked for: the beginning of a name, which an index has, or anything in it, for which all are read."""
    return {"text": text} if anywhere else {"begins": text}


def _label_filters(text: str | None) -> Sequence[LabelFilter]:
    """``key`` or ``key=value``; the value is JSON, or else a text."""
    if text is None:
        return ()
    key, is_there, value = text.partition("=")
    query = json.dumps(_value(value.strip())) if is_there else None
    return labels.read_filters([(key.strip(), query)])


def _value(text: str) -> JSON:
    """A label's value as typed: JSON if it follows the grammar of JSON, else the text itself.

    Raises:
        InvalidData: it follows the grammar, but may not be kept.
    """
    try:
        return read_text(text)
    except GrammarError:
        return text
    except JSONError as error:
        raise InvalidData(f"Invalid data value: {error}. Correct it, or put a text in double quotes.") from error


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
