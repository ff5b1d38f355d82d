"""The first page: numbers that link, what needs attention, and two pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from connector.domain.audit import Action
from connector.domain.directory import EntityKind
from connector.domain.overview import AHEAD_DAYS, BACK_DAYS, DAY, Overview, Standings, midnight
from connector.ports.audit import EventFilter
from connector.usecases.quotas import Allowances
from connector.usecases.realms import Realm
from connector.web.console import stories
from connector.web.console.charts import Series
from connector.web.console.formats import spoken
from connector.web.console.visits import Visit

KEPT = timedelta(minutes=1)
MOST_KEPT = 500
LATEST = 8
HAPPENED = (
    ("enrollments", "a", {Action.CERTIFICATE_ISSUED}),
    ("renewals", "b", {Action.CERTIFICATE_RENEWED}),
    ("refusals", "c", {Action.TOKEN_REFUSED, Action.CERTIFICATE_REFUSED}),
)
WEEK = 7
NOTHING = Standings(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that somebody should look at: how many, what, and where."""

    number: int
    text: str
    path: str


async def overview(visit: Visit) -> Response:
    """How the tenant stands. The numbers are at most a minute old, and say so."""
    kept = visit.desk.overviews

    def read(realm: Realm) -> tuple[Overview, list[stories.Line]]:
        found = kept.get(realm.tenant_id)
        if found is None or not timedelta(0) <= realm.now - found.at < KEPT:
            found = _counted(realm, visit.desk.allowances, visit.desk.overdue)
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[realm.tenant_id] = found
        latest = realm.events.page(EventFilter(), most=3 * LATEST)
        return found, stories.lines(latest)[:LATEST]

    found, latest = await visit.office.read(read)
    return visit.show(
        "overview.html",
        overview=found,
        latest=latest,
        attention=_attention(visit, found),
        ahead=_ahead(found, visit.desk.overdue),
        ahead_labels=_labels(found.day, AHEAD_DAYS // WEEK + 1, WEEK),
        back=_back(found),
        back_labels=_labels(found.day - (BACK_DAYS - 1) * DAY, BACK_DAYS, 1),
        overdue=visit.desk.overdue,
        is_empty=not found.applications.total and not found.runtimes.total,
    )


def _counted(realm: Realm, allowances: Allowances, overdue: timedelta) -> Overview:
    directory, since = realm.directory, midnight(realm.now)
    return Overview(
        at=realm.now,
        applications=directory.standings(EntityKind.APPLICATION, now=realm.now),
        runtimes=directory.standings(EntityKind.RUNTIME, now=realm.now),
        certificates=realm.certificates.tally(soon=realm.now + overdue),
        expiring_by_day=realm.certificates.expiring_by_day(since=since, days=AHEAD_DAYS + WEEK),
        happened_by_day=realm.events.daily(since=since - (BACK_DAYS - 1) * DAY),
        quotas=allowances.used_by_tenant(realm),
    )


def _attention(visit: Visit, found: Overview) -> list[Attention]:
    """The items that need attention, the most urgent first."""
    return [
        Attention(number, f"{one if number == 1 else many} {what}", visit.path(path))
        for one, many, what, number, path in _listed(found, visit.desk.overdue)
        if number
    ]


def _listed(found: Overview, overdue: timedelta) -> list[tuple[str, str, str, int, str]]:
    """Items that may need attention: the words for one and for many, the item, the number, and the list's path.

    Systems that have never connected are not among them: their owners connect them when it is time.
    """
    refused = sum(found.happened_by_day.get((BACK_DAYS - 1, action), 0) for action in HAPPENED[2][2])
    no_good, lost = "no valid certificate any more", "?state=disconnected"
    soon = f"within {spoken(overdue)} and should have been renewed"
    return [
        ("application has", "applications have", no_good, found.applications.failed, f"applications{lost}"),
        ("runtime has", "runtimes have", no_good, found.runtimes.failed, f"runtimes{lost}"),
        ("certificate ends", "certificates end", soon, found.certificates.expiring, "certificates?state=overdue"),
        ("attempt was", "attempts were", "refused today", refused, "audit?what=refusals"),
    ]


def _ahead(found: Overview, overdue: timedelta) -> list[Series]:
    """By weeks: a bar of its own for each of ninety days would be too thin to point at."""
    weeks = AHEAD_DAYS // WEEK + 1
    values = [
        sum(found.expiring_by_day.get(day, 0) for day in range(week * WEEK, (week + 1) * WEEK)) for week in range(weeks)
    ]
    soon = overdue.days // WEEK
    return [
        ("end soon", "c", [value if week < soon else 0 for week, value in enumerate(values)]),
        ("end", "a", [0 if week < soon else value for week, value in enumerate(values)]),
    ]


def _back(found: Overview) -> list[Series]:
    return [
        (name, style, [sum(found.happened_by_day.get((day, each), 0) for each in actions) for day in range(BACK_DAYS)])
        for name, style, actions in HAPPENED
    ]


def _labels(first: datetime, count: int, step: int) -> Sequence[str]:
    return [f"{first + number * step * DAY:%d %b}" for number in range(count)]
