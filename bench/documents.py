"""Large documents of Compass's clients, once they are known: what one costs in processor time."""

import json
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from tests.support.compass_documents import AGENT, APP, page

from bench.clients import DIRECTOR, graphql
from bench.connection import Connection, request
from bench.rounds import Loaded, Plan, Row, Say, measure
from bench.scale import Asking
from bench.server import Server

LARGEST, AGENTS = "largest document", "applicationsForRuntime"
APPLICATIONS = 100
FORMATION = 'formation: {name: "bench"}'
# More fields than the largest of Compass's own documents, which has 717.
DOCUMENT = 'query {{ page: applications(first: 200, after: "") {{ {page} }} one: application(id: "{id}") {{ {one} }} }}'


@dataclass(frozen=True, slots=True)
class Documents:
    """The phase, against a server that nobody has used yet."""

    server: Server
    plan: Plan
    say: Say

    async def run(self) -> list[Row]:
        """One caller, one request after another."""
        self.say(f"registering {APPLICATIONS} applications of a runtime")
        connection = await self.server.address("public", self.server.context()).open()
        runtime = await self._furnish(connection)
        alone = await self._ask(connection, "few", 'mutation { result: registerApplication(in: {name: "one"}) { id } }')
        connection.close()
        largest = DOCUMENT.format(page=page(APP), id=alone["result"]["id"], one=APP)
        lanes = [
            Asking(what, on, self.server, tenant, repeat(graphql(document)))
            for what, on, tenant, document in (
                (LARGEST, "1 application", "few", largest),
                (AGENTS, f"{APPLICATIONS} applications", "default", AGENT % {"runtime": runtime}),
            )
        ]
        return await measure([Loaded(lane) for lane in lanes], replace(self.plan, clients=1), self.say)

    async def _furnish(self, connection: Connection) -> str:
        """A runtime in a formation with all the applications: its id."""
        await self._ask(connection, "", 'mutation { createTenant(in: {externalID: "few"}) { id } }')
        await self._ask(connection, "default", f"mutation {{ createFormation({FORMATION}) {{ id }} }}")
        objects = [("Application", f"app-{number}") for number in range(APPLICATIONS)] + [("Runtime", "bench")]
        for kind, name in objects:
            registered = f'mutation {{ result: register{kind}(in: {{name: "{name}"}}) {{ id }} }}'
            id_ = (await self._ask(connection, "default", registered))["result"]["id"]
            assigned = f'objectID: "{id_}", objectType: {kind.upper()}, {FORMATION}'
            await self._ask(connection, "default", f"mutation {{ assignFormation({assigned}) {{ id }} }}")
        return str(id_)

    async def _ask(self, connection: Connection, tenant: str, document: str) -> Any:
        headers = self.server.administers(tenant)
        content = json.loads(await connection.send(request(DIRECTOR, graphql(document), headers)))
        return content["data"]
