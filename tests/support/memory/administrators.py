"""Administrators, sign-in links and sessions in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from tests.support.memory.directory import Tables

from connector.domain.administrators import Administrator, Session, SignInLink, check_link
from connector.domain.principals import Role
from connector.domain.refusals.objects import NotUniqueName


class MemoryAdministrators:
    """Those who sign in with a password."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._administrators = tables.administrators

    def add(self, administrator: Administrator) -> None:
        if self.find(administrator.name) is not None:
            raise NotUniqueName
        self._administrators[administrator.id] = administrator

    def find(self, name: str) -> Administrator | None:
        return next((each for each in self._administrators.values() if each.name == name), None)

    def of_id(self, id: str) -> Administrator | None:
        return self._administrators.get(id)

    def list(
        self, *, within: frozenset[str] | None = None, after: str | None = None, most: int | None = None
    ) -> Sequence[Administrator]:
        found = [each for each in self._administrators.values() if within is None or each.tenant in within]
        return sorted((each for each in found if after is None or each.name > after), key=attrgetter("name"))[:most]

    def set_password(self, id: str, password: str) -> None:
        self._administrators[id] = replace(self._administrators[id], password=password)

    def set_disabled(self, id: str, at: datetime | None) -> None:
        self._administrators[id] = replace(self._administrators[id], disabled_at=at)

    def set_rights(self, id: str, role: Role, tenant: str | None) -> None:
        self._administrators[id] = replace(self._administrators[id], role=role, tenant=tenant)

    def signed_in(self, id: str, at: datetime) -> None:
        self._administrators[id] = replace(self._administrators[id], signed_in_at=at)

    def remove(self, id: str) -> None:
        del self._administrators[id]
        for kept in (self._tables.links, self._tables.sessions):
            for key in [key for key, each in kept.items() if each.administrator_id == id]:
                del kept[key]


class MemorySignInLinks:
    """The links by which passwords are set."""

    def __init__(self, tables: Tables) -> None:
        self._links = tables.links

    def add(self, link: SignInLink) -> None:
        for each in list(self._links.values()):
            if each.administrator_id == link.administrator_id and each.expires_at > link.made_at:
                self._links[each.digest] = replace(each, expires_at=link.made_at)
        self._links[link.digest] = link

    def find(self, digest: bytes) -> SignInLink | None:
        return self._links.get(digest)

    def use(self, link: SignInLink, *, now: datetime) -> None:
        current = check_link(self._links.get(link.digest), link.digest, now=now)
        self._links[link.digest] = replace(current, used_at=now)

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = [each.digest for each in self._links.values() if each.expires_at < before][:most]
        for digest in ended:
            del self._links[digest]
        return len(ended)


class MemorySessions:
    """The sessions of the console."""

    def __init__(self, tables: Tables) -> None:
        self._sessions = tables.sessions

    def add(self, session: Session) -> None:
        self._sessions[session.id] = session

    def find(self, digest: bytes) -> Session | None:
        return next((each for each in self._sessions.values() if each.digest == digest), None)

    def list(self, *, actor: str | None = None, now: datetime, most: int) -> Sequence[Session]:
        found = [
            each
            for each in self._sessions.values()
            if each.ended_at is None and each.expires_at > now and actor in (None, each.actor)
        ]
        return sorted(found, key=attrgetter("began_at", "id"), reverse=True)[:most]

    def touch(self, session: Session, *, now: datetime) -> None:
        self._sessions[session.id] = replace(self._sessions[session.id], seen_at=now)

    def end(self, id: str, *, actor: str | None = None, now: datetime) -> Session | None:
        session = self._sessions.get(id)
        if session is None or session.ended_at is not None or actor not in (None, session.actor):
            return None
        self._sessions[id] = ended = replace(session, ended_at=now)
        return ended

    def end_all(self, actor: str, *, now: datetime) -> int:
        ids = [each.id for each in self._sessions.values() if each.actor == actor and each.ended_at is None]
        return sum(self.end(each, now=now) is not None for each in ids)

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = [each.id for each in self._sessions.values() if each.expires_at < before][:most]
        for each in ended:
            del self._sessions[each]
        return len(ended)
