"""Makes docs/images: the main pages of the console, with people and systems in them. ``make screenshots`` runs it."""

import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
from playwright.sync_api import Browser
from tests.support.console import Window, administrator, chromium
from tests.support.server import Server

IMAGES = Path(__file__).parents[2] / "docs" / "images"
NAMES = [
    "billing",
    "shop",
    "warehouse",
    "crm",
    "invoices",
    "payments",
    "logistics",
    "returns",
    "catalogue",
    "loyalty",
    "reports",
    "search",
]
WANTED = {
    "sign-in",
    "overview",
    "overview-dark",
    "applications",
    "application",
    "connect",
    "connect-dark",
    "certificate",
    "revoke",
    "audit-dark",
    "ca",
    "applications-phone",
    "connect-phone-dark",
}
DAY = 86_400_000_000
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 360, "height": 740}


def furnish(server: Server) -> dict[str, str]:
    """Applications in every state, and a past of thirty days: the ids by name."""
    ids = {name: server.application(name) for name in NAMES}
    for name in NAMES[:9]:
        server.enroll(server.token(ids[name]), server.data.parent / name)
    server.administer(
        "mutation ($id: ID!) { result: revokeCertificatesOfApplication(id: $id, reason: keyCompromise) }",
        {"id": ids["returns"]},
    )
    for key, value in (("stage", "production"), ("owner", "finance")):
        server.administer(
            "mutation ($id: ID!, $k: String!, $v: Any!) "
            "{ result: setApplicationLabel(applicationID: $id, key: $k, value: $v) { key } }",
            {"id": ids["billing"], "k": key, "v": value},
        )
    server.administer('mutation { result: registerRuntime(in: {name: "kyma-eu"}) { id } }')
    _remember(server)
    return ids


def _remember(server: Server) -> None:
    """Give the tenant a past: what would take a month to happen is written into its tables."""
    chance, now = random.Random(7), int(datetime.now(UTC).timestamp() * 1e6)  # noqa: S311 - a picture
    database = sqlite.connect(server.data / "connector.db", timeout=20)
    with database:
        rows = database.execute("SELECT fingerprint FROM certificates").fetchall()
        for number, (fingerprint,) in enumerate(rows):
            ends = now + DAY * chance.choice([4, 20, 33, 47, 52, 66, 80, 88, 71])
            database.execute(
                "UPDATE certificates SET not_after = ? WHERE fingerprint = ?", (ends + number, fingerprint)
            )
        (tenant,) = database.execute("SELECT id FROM tenants").fetchone()
        for day in range(29):
            for action, most in (("certificate.issued", 3), ("certificate.renewed", 6), ("token.refused", 2)):
                for _ in range(chance.randint(0, most)):
                    database.execute(
                        "INSERT INTO audit_events (at, action, actor, tenant_id, reason) VALUES (?, ?, ?, ?, ?)",
                        (
                            now - day * DAY - DAY,
                            action,
                            "system",
                            tenant,
                            "token_expired" if "refused" in action else None,
                        ),
                    )
    database.close()


def shoot(window: Window, name: str) -> None:
    """Write one picture, if it is wanted."""
    if WANTED and name not in WANTED:
        return
    window.page.wait_for_timeout(200)
    window.page.screenshot(path=IMAGES / f"{name}.png")


def tour(
    browser: Browser, server: Server, ids: dict[str, str], scheme: str, *, viewport: dict[str, int], suffix: str
) -> None:
    """The main pages in one look."""
    window = Window.open(browser, server, color_scheme=scheme, viewport=viewport)
    if suffix == "":
        window.go("/console")
        shoot(window, "sign-in")
    page = window.sign_in("ann")
    window.go("/console/t/default")
    shoot(window, f"overview{suffix}")
    for path in ("applications", "certificates", "audit"):
        window.go(f"/console/t/default/{path}")
        shoot(window, f"{path}{suffix}")
    window.go(f"/console/t/default/applications/{ids['billing']}")
    shoot(window, f"application{suffix}")
    page.get_by_role("link", name="…").first.click()
    window.go("/console/ca")
    shoot(window, f"ca{suffix}")
    for path in ("settings", "administrators", "keys", "sessions", "tenants"):
        window.go(f"/console/{path}")
        shoot(window, f"{path}{suffix}")
    window.go("/console/t/default/certificates?q=billing")
    page.locator("tbody a.mono").first.click()
    shoot(window, f"certificate{suffix}")
    page.get_by_role("link", name="Revoke").click()
    shoot(window, f"revoke{suffix}")
    window.go(f"/console/t/default/applications/{ids['search']}")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_text("Good for another").wait_for()
    shoot(window, f"connect{suffix}")
    window.context.close()


def main() -> None:
    """Make them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        Server(Path(directory) / "a" / "data") as server,
        chromium() as browser,
    ):
        administrator(server, "ann", "administrator")
        ids = furnish(server)
        looks = [
            ("light", WIDE, ""),
            ("dark", WIDE, "-dark"),
            ("light", PHONE, "-phone"),
            ("dark", PHONE, "-phone-dark"),
        ]
        for scheme, viewport, suffix in looks:
            tour(browser, server, ids, scheme, viewport=viewport, suffix=suffix)


if __name__ == "__main__":
    if len(sys.argv) > 1:  # every page in every look, into another directory: to look at
        IMAGES, WANTED = Path(sys.argv[1]), set()
    main()
