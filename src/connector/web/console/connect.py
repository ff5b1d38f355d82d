"""Connect: the pairing string, shown once, and its progress as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from starlette.responses import Response, StreamingResponse

from connector.domain import pairing, tokens
from connector.domain.audit import Action, Recorded
from connector.domain.directory import Entity
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.refusals.requests import Overloaded
from connector.domain.refusals.tokens import TokenUnknown
from connector.domain.tokens import OneTimeToken, Terms, TokenState
from connector.ports.audit import EventFilter
from connector.ports.tokens import TokenFilter
from connector.usecases import registration, revocation
from connector.usecases.realms import Realm
from connector.web.console import stories
from connector.web.console.entities import Kind
from connector.web.console.formats import exact
from connector.web.console.forms import given, whole_number
from connector.web.console.layout import HEADERS, redirect
from connector.web.console.sentences import sentence
from connector.web.console.visits import Visit

# RFC 6265bis 4.1.3.1. Unlike __Host-, it goes to the token's page alone.
PAIRING = "__Secure-connector-pairing"
PAIRING_SECONDS = 60
POLL_SECONDS = 0.5
STREAM_SECONDS = 55.0
MOST_STREAMS = 32
MOST_EVENTS = 50
MOST_NUMBER = 2**63 - 1
"""The most that the number of an event can be."""
REFUSED = {Action.TOKEN_REFUSED, Action.CERTIFICATE_REFUSED}


async def connect(kind: Kind, visit: Visit) -> Response:
    """Mint a token, and go to its page, which shows the pairing string this once.

    Until then the browser keeps it: to load the page again mints no other token, and it does not matter which replica
    answers.
    """
    text, longest = given(visit.form, "minutes"), visit.desk.tokens.longest[kind.token_type]
    try:
        minted = await visit.office.run(
            registration.hand_over,
            kind.kind,
            kind.id(visit),
            terms=Terms(seconds=_seconds(text, longest)),
            policy=visit.desk.tokens,
            allowances=visit.desk.allowances,
        )
    except InvalidData as error:
        return await kind.shown(visit, error=error)
    path = visit.path(kind.plural, kind.id(visit), "tokens", minted.token.id)
    answer = redirect(path)
    text = pairing.encode(pairing.raw(minted.secret, minted.token, visit.desk.links))
    answer.set_cookie(PAIRING, text, max_age=PAIRING_SECONDS, path=path, secure=True, httponly=True, samesite="strict")
    return answer


async def token(kind: Kind, visit: Visit) -> Response:
    """How far a token is; and its pairing string, if it was minted just now in this browser."""
    entity, progress, number = await visit.office.read(_token, kind, visit)
    answer = visit.show(
        "connect.html",
        **kind.words,
        entity=entity,
        token=progress.token,
        pairing=_pairing_string(visit, progress),
        public=visit.desk.public_url,
        progress=progress,
        number=number,
    )
    if PAIRING in visit.request.cookies:
        answer.delete_cookie(PAIRING, path=visit.request.url.path, secure=True, httponly=True, samesite="strict")
    return answer


async def withdraw(kind: Kind, visit: Visit) -> Response:
    """Withdraw the token, and those that came after it under the same system auth."""

    def end(realm: Realm) -> None:
        first = _first(realm, kind, visit)
        if not revocation.withdraw(realm, TokenFilter(system_auth_id=first.system_auth_id)):
            raise ObjectNotFound("Object not found: the token cannot be redeemed any more. Look at how far it came.")

    await visit.office.run(end)
    return visit.done(visit.path(kind.plural, kind.id(visit)), "withdrawn")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a token came: the events under its system auth, oldest first."""

    token: OneTimeToken
    events: Sequence[Recorded]
    state: TokenState

    @property
    def configured(self) -> datetime | None:
        """When the configuration was fetched."""
        issued = {each.event.token_id for each in self.events if each.event.action is Action.CERTIFICATE_ISSUED}
        return next(
            (
                each.event.at
                for each in self.events
                if each.event.action is Action.TOKEN_SPENT and each.event.token_id not in issued
            ),
            None,
        )

    @property
    def connected(self) -> datetime | None:
        """When the certificate was issued."""
        return next((each.event.at for each in self.events if each.event.action is Action.CERTIFICATE_ISSUED), None)

    @property
    def serial(self) -> str | None:
        """The certificate's serial number."""
        return next((each.event.serial for each in self.events if each.event.action is Action.CERTIFICATE_ISSUED), None)

    @property
    def refusals(self) -> list[stories.Line]:
        """Attempts that were refused."""
        return [stories.line(each.event) for each in self.events if each.event.action in REFUSED]

    @property
    def is_open(self) -> bool:
        """Whether there can be more."""
        return self.connected is None and self.state in (TokenState.MINTED, TokenState.SPENT)


def _seconds(minutes: str, longest: timedelta) -> int | None:
    if not minutes:
        return None
    most = longest // timedelta(minutes=1)
    number = whole_number(minutes, most=most)
    if number is None:
        raise InvalidData(f"Good for: use a whole number of minutes, 1 to {most}, or leave it empty.")
    return number * 60


def _pairing_string(visit: Visit, progress: Progress) -> str | None:
    """The pairing string in the cookie, if it is that of this token, and can still be used."""
    text = visit.request.cookies.get(PAIRING, "")
    if not text or progress.state is not TokenState.MINTED:
        return None
    try:
        presented = tokens.digest(pairing.parse(text).token)
    except (InvalidData, TokenUnknown):
        return None
    return text if compare_digest(presented, progress.token.digest) else None


def _first(realm: Realm, kind: Kind, visit: Visit) -> OneTimeToken:
    found = realm.tokens.list(TokenFilter(id=str(visit.request.path_params["token"])), most=1)
    if not found or found[0].owner_id != kind.id(visit):
        raise ObjectNotFound
    return found[0]


def _token(realm: Realm, kind: Kind, visit: Visit) -> tuple[Entity, Progress, int]:
    entity = registration.registered(realm, kind.kind, kind.id(visit))
    token = _first(realm, kind, visit)
    which = EventFilter(about=entity.id, since=token.minted_at)
    found = list(reversed(realm.events.page(which, most=200)))
    mine = [each for each in found if each.event.system_auth_id == token.system_auth_id]
    return entity, Progress(token, mine, _state(realm, token)), found[-1].number if found else 0


def _state(realm: Realm, token: OneTimeToken) -> TokenState:
    """The state of the last token under its system auth: the configuration brings the next one."""
    last = realm.tokens.list(TokenFilter(system_auth_id=token.system_auth_id), most=1)
    return (last[0] if last else token).state(now=realm.now)


async def events(kind: Kind, visit: Visit) -> Response:
    """The token's progress as server-sent events, for a limited time, for a limited number of pages at once."""
    text = visit.request.headers.get("last-event-id") or visit.query.get("after", "")
    number = whole_number(text, least=0, most=MOST_NUMBER) or 0
    token = await visit.office.read(_first, kind, visit)
    if len(visit.desk.streams) >= MOST_STREAMS:
        raise Overloaded
    headers = {**HEADERS, "x-accel-buffering": "no"}
    return StreamingResponse(_stream(visit, token, number), media_type="text/event-stream", headers=headers)


async def _stream(visit: Visit, token: OneTimeToken, number: int) -> AsyncIterator[bytes]:
    """The events after that number, until the time is up, the session has ended, or all is said."""
    loop, mark = asyncio.get_running_loop(), object()
    end = loop.time() + STREAM_SECONDS
    visit.desk.streams.add(mark)
    state = None
    try:
        yield b"retry: 1000\n\n"
        while loop.time() < end:
            found, now_state = await visit.office.read(_news, token, number)
            for each in found:
                number = each.number
                if each.event.system_auth_id == token.system_auth_id:
                    yield _message(number, _content(each, found, visit.now))
            if now_state is not state:
                state = now_state
                yield _message(number, {"kind": "state", "state": state.value})
            await asyncio.sleep(POLL_SECONDS)
    except Refusal as refusal:
        yield _message(number, {"kind": "over", "text": sentence(refusal)})
    finally:
        visit.desk.streams.discard(mark)


def _news(realm: Realm, token: OneTimeToken, number: int) -> tuple[Sequence[Recorded], TokenState]:
    found = realm.events.later(token.owner_id, number=number, most=MOST_EVENTS)
    return found, _state(realm, token)


def _content(recorded: Recorded, found: Sequence[Recorded], now: datetime) -> dict[str, str | None]:
    """One event for the page, with its time in the zone of ``now``."""
    event = recorded.event
    issued = {each.event.token_id for each in found if each.event.action is Action.CERTIFICATE_ISSUED}
    if event.action is Action.TOKEN_SPENT and event.token_id in issued:
        return {"kind": "other"}  # spent for the certificate itself, in the same transaction
    kinds = {Action.TOKEN_SPENT: "configured", Action.CERTIFICATE_ISSUED: "connected"}
    kind = "refused" if event.action in REFUSED else kinds.get(event.action, "other")
    return {"kind": kind, "at": exact(event.at, now), "text": stories.detail(event), "serial": event.serial}


def _message(number: int, content: dict[str, str | None]) -> bytes:
    """One message (HTML Living Standard 9.2.5). JSON has no line end of its own."""
    return f"id: {number}\ndata: {json.dumps(content)}\n\n".encode()
