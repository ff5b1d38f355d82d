"""How far a move from another installation is: who has come with a certificate of the old CA, who has renewed."""

from starlette.responses import Response

from connector.domain.imports import AdoptedHolder
from connector.usecases.moving import Move, look
from connector.usecases.realms import Installation
from connector.web.console.entities import PLURALS
from connector.web.console.lists import Listed, Rows, rows
from connector.web.console.visits import Visit

PATH = "/console/move"


async def move(visit: Visit) -> Response:
    """The numbers, and by name those who have not renewed."""

    def read(installation: Installation) -> tuple[Move, Rows[AdoptedHolder]]:
        waiting: Rows[AdoptedHolder] = rows(
            visit.query,
            Listed(PATH, ("move",), (str,), kept=()),
            read=lambda after, most: installation.imports.holders(after=after[0] if after else "", most=most),
            place=lambda each: (each.id,),
        )
        return look(installation, most=0), waiting

    found, waiting = await visit.installation.read(read)
    return visit.show("move.html", move=found, waiting=waiting, plurals=PLURALS)
