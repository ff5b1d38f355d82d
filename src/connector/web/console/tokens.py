"""Outstanding tokens: for whom each is and until when, and how one or many are withdrawn."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.responses import Response

from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData
from connector.domain.tokens import OneTimeToken, TokenState
from connector.ports.tokens import TokenFilter
from connector.usecases.realms import Realm
from connector.usecases.revocation import withdraw
from connector.web.console.entities import PLURALS
from connector.web.console.lists import Listed, Rows, rows
from connector.web.console.visits import Visit

TOKENS = "tokens"
CHOSEN = "token-"
"""How the names of the checkboxes begin; the token's public id follows."""


async def list_tokens(visit: Visit) -> Response:
    """The tokens that can be redeemed, newest first, page by page."""
    return await _listed(visit)


async def withdraw_tokens(visit: Visit) -> Response:
    """Withdraw those that were chosen. One that was redeemed meanwhile stays redeemed."""
    ids = [name.removeprefix(CHOSEN) for name in visit.form if name.startswith(CHOSEN)]

    def change(realm: Realm) -> int:
        number = sum(len(withdraw(realm, TokenFilter(id=each))) for each in ids)
        if not number:
            raise InvalidData("No token was withdrawn. Choose at least one that is still in the list.")
        return number

    try:
        number = await visit.office.run(change)
    except InvalidData as error:
        return await _listed(visit, error=error)
    return visit.done(visit.path(TOKENS), "withdrawn" if number == len(ids) else "partly-withdrawn")


async def _listed(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(realm: Realm) -> tuple[Rows[OneTimeToken], Mapping[str, str]]:
        found: Rows[OneTimeToken] = rows(
            visit.query,
            Listed(visit.path(TOKENS), (TOKENS, realm.tenant_id), (datetime, str), kept=()),
            read=lambda after, most: _outstanding(realm, after, most),
            place=lambda each: (each.minted_at, each.id),
        )
        return found, realm.directory.names({each.owner_id for each in found.rows})

    found, owners = await visit.office.read(read)
    return visit.show(
        "tokens.html",
        error=error,
        found=found,
        owners=owners,
        plurals={kind.value: plural for kind, plural in PLURALS.items()},
    )


def _outstanding(realm: Realm, after: tuple[datetime, str] | None, most: int) -> Sequence[OneTimeToken]:
    return realm.tokens.list(TokenFilter(state=TokenState.MINTED), after=after, most=most)
