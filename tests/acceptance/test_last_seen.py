"""When the holder of a certificate was last seen."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.console import administrator, visitor
from tests.support.gateways import ADDRESSES, Forwarded, Gateway, enrolled
from tests.support.server import Server

from connector.client import Refused

CERTIFICATES = "{ result: certificates { data { serial lastSeenAt } } }"
VIEWER = "{ result: viewer { id } }"


def told(server: Server) -> dict[str, str | None]:
    """By the API: the moments by serial number."""
    return {each["serial"]: each["lastSeenAt"] for each in server.administer(CERTIFICATES)["data"]}


def listed(server: Server) -> dict[str, Any]:
    """By command."""
    found = json.loads(server.command("certificate", "list", "--json").stdout)
    return {each["serial"]: each["lastSeen"] for each in found}


def test_who_called_was_seen(tmp_path: Path) -> None:
    """Whoever calls with a certificate, or passes a gateway with it, is seen; who does neither, or is refused, is not.
    Nothing is lost when the server stops. Command, API and console say the same.
    """
    with Server(tmp_path / "seen" / "data", {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES}) as server:
        administrator(server, "ann", "administrator")
        made = {name: enrolled(server, name, tmp_path) for name in ("caller", "passer", "sleeper", "revoked")}
        serial = {name: Forwarded.of(identity).serial for name, (_, identity) in made.items()}
        server.command("revoke", serial["revoked"])
        before = datetime.now(UTC) - timedelta(seconds=1)
        with server.holder(made["caller"][1]) as client:
            client.query(server.mtls_director, VIEWER)
        with server.holder(made["revoked"][1]) as client, pytest.raises(Refused):
            client.query(server.mtls_director, VIEWER)
        name, value = Forwarded.of(made["passer"][1]).headers["nginx"]
        with Gateway(server.urls["internal"]) as gateway:
            assert gateway.ask("/verdict/nginx", [(name, value)]).status == 200
        assert server.stop() == 0
        server.start()

        moments = told(server)
        assert moments == listed(server)
        assert {name: moments[each] is not None for name, each in serial.items()} == {
            "caller": True,
            "passer": True,
            "sleeper": False,
            "revoked": False,
        }
        for name in ("caller", "passer"):
            assert before <= datetime.fromisoformat(str(moments[serial[name]])) <= datetime.now(UTC)
            shown = json.loads(server.command("certificate", "show", serial[name], "--json").stdout)
            assert shown["lastSeen"] == moments[serial[name]]
        with visitor(server, "ann") as guest:
            for name, word in (("caller", "last seen"), ("sleeper", "never seen")):
                assert word in guest.get(f"/console/t/default/applications/{made[name][0]}").text
            page = guest.get(f"/console/t/default/certificates/{serial['sleeper']}").text
            assert "<p>Never seen." in page
            page = guest.get(f"/console/t/default/certificates/{serial['caller']}").text
            assert "<p>Last seen <time" in page
