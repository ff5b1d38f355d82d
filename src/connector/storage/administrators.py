# ruff: noqa: D102 - what the methods promise stands in connector.ports.console
"""Administrators, sign-in links and sessions over SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from connector.domain.administrators import Administrator, Session, SignInLink
from connector.domain.principals import Role
from connector.domain.refusals.administrators import LinkRefused
from connector.domain.refusals.objects import NotUniqueName
from connector.storage.columns import Moment
from connector.storage.schema import administrators, sessions, sign_in_links
from connector.storage.statements import Insert, Prepared, page

_FIND_ADMINISTRATOR = select(administrators).where(administrators.c.name == bindparam("name"))
_READ_ADMINISTRATOR = Prepared(select(administrators).where(administrators.c.id == bindparam("id")))
_THIS_ADMINISTRATOR = update(administrators).where(administrators.c.id == bindparam("this"))
_SET_PASSWORD = _THIS_ADMINISTRATOR.values(password=bindparam("new"))
_SET_DISABLED = _THIS_ADMINISTRATOR.values(disabled_at=bindparam("new"))
_SET_RIGHTS = _THIS_ADMINISTRATOR.values(role=bindparam("new_role"), tenant=bindparam("new_tenant"))
_SIGNED_IN = _THIS_ADMINISTRATOR.values(signed_in_at=bindparam("new"))
_REMOVE = (
    delete(sign_in_links).where(sign_in_links.c.administrator_id == bindparam("this")),
    delete(sessions).where(sessions.c.administrator_id == bindparam("this")),
    delete(administrators).where(administrators.c.id == bindparam("this")),
)

_IS_USABLE = sign_in_links.c.used_at.is_(None) & (sign_in_links.c.expires_at > bindparam("now", type_=Moment))
_FIND_LINK = select(sign_in_links).where(sign_in_links.c.digest == bindparam("digest"))
_END_LINKS = (
    update(sign_in_links)
    .where(sign_in_links.c.administrator_id == bindparam("owner"), sign_in_links.c.expires_at > bindparam("now"))
    .values(expires_at=bindparam("now"))
)
_USE_LINK = (
    update(sign_in_links)
    .where(sign_in_links.c.digest == bindparam("this"), _IS_USABLE)
    .values(used_at=bindparam("now"))
)

_IS_OPEN = sessions.c.ended_at.is_(None)
_FIND_SESSION = Prepared(select(sessions).where(sessions.c.digest == bindparam("digest")))
_TOUCH = update(sessions).where(sessions.c.id == bindparam("this")).values(seen_at=bindparam("now"))
_END = update(sessions).where(_IS_OPEN).values(ended_at=bindparam("now")).returning(sessions)

_ADD_ADMINISTRATOR = Insert(administrators, Administrator)
_ADD_LINK = Insert(sign_in_links, SignInLink)
_ADD_SESSION = Insert(sessions, Session)


class SqlAdministrators:
    """Those who sign in with a password."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, administrator: Administrator) -> None:
        _ADD_ADMINISTRATOR(self._connection, administrator, taken=NotUniqueName())

    def find(self, name: str) -> Administrator | None:
        row = self._connection.execute(_FIND_ADMINISTRATOR, {"name": name}).one_or_none()
        return None if row is None else Administrator(*row)

    def of_id(self, id: str) -> Administrator | None:
        row = _READ_ADMINISTRATOR.first(self._connection, id=id)
        return None if row is None else Administrator(*row)

    def list(
        self, *, within: frozenset[str] | None = None, after: str | None = None, most: int | None = None
    ) -> Sequence[Administrator]:
        statement = select(administrators)
        if within is not None:
            statement = statement.where(administrators.c.tenant.in_(sorted(within)))
        place = None if after is None else (after,)
        statement = page(statement, [administrators.c.name], newest_first=False, after=place, most=most)
        return [Administrator(*row) for row in self._connection.execute(statement)]

    def set_password(self, id: str, password: str) -> None:
        self._connection.execute(_SET_PASSWORD, {"this": id, "new": password})

    def set_disabled(self, id: str, at: datetime | None) -> None:
        self._connection.execute(_SET_DISABLED, {"this": id, "new": at})

    def set_rights(self, id: str, role: Role, tenant: str | None) -> None:
        self._connection.execute(_SET_RIGHTS, {"this": id, "new_role": role, "new_tenant": tenant})

    def signed_in(self, id: str, at: datetime) -> None:
        self._connection.execute(_SIGNED_IN, {"this": id, "new": at})

    def remove(self, id: str) -> None:
        for statement in _REMOVE:
            self._connection.execute(statement, {"this": id})


class SqlSignInLinks:
    """The links by which passwords are set."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, link: SignInLink) -> None:
        self._connection.execute(_END_LINKS, {"owner": link.administrator_id, "now": link.made_at})
        _ADD_LINK(self._connection, link, taken=ValueError("the link is recorded already"))

    def find(self, digest: bytes) -> SignInLink | None:
        row = self._connection.execute(_FIND_LINK, {"digest": digest}).one_or_none()
        return None if row is None else SignInLink(*row)

    def use(self, link: SignInLink, *, now: datetime) -> None:
        if self._connection.execute(_USE_LINK, {"this": link.digest, "now": now}).rowcount != 1:
            raise LinkRefused

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = select(sign_in_links.c.digest).where(sign_in_links.c.expires_at < before).limit(most)
        return self._connection.execute(delete(sign_in_links).where(sign_in_links.c.digest.in_(ended))).rowcount


class SqlSessions:
    """The sessions of the console."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        _ADD_SESSION(self._connection, session, taken=ValueError("the session is recorded already"))

    def find(self, digest: bytes) -> Session | None:
        row = _FIND_SESSION.first(self._connection, digest=digest)
        return None if row is None else Session(*row)

    def list(self, *, actor: str | None = None, now: datetime, most: int) -> Sequence[Session]:
        statement = select(sessions).where(_IS_OPEN, sessions.c.expires_at > now)
        if actor is not None:
            statement = statement.where(sessions.c.actor == actor)
        statement = statement.order_by(sessions.c.began_at.desc(), sessions.c.id.desc()).limit(most)
        return [Session(*row) for row in self._connection.execute(statement)]

    def touch(self, session: Session, *, now: datetime) -> None:
        self._connection.execute(_TOUCH, {"this": session.id, "now": now})

    def end(self, id: str, *, actor: str | None = None, now: datetime) -> Session | None:
        statement = _END.where(sessions.c.id == id)
        if actor is not None:
            statement = statement.where(sessions.c.actor == actor)
        row = self._connection.execute(statement, {"now": now}).one_or_none()
        return None if row is None else Session(*row)

    def end_all(self, actor: str, *, now: datetime) -> int:
        return len(self._connection.execute(_END.where(sessions.c.actor == actor), {"now": now}).all())

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = select(sessions.c.id).where(sessions.c.expires_at < before).limit(most)
        return self._connection.execute(delete(sessions).where(sessions.c.id.in_(ended))).rowcount
