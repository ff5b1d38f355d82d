"""A browser in front of a real console, and somebody who signs in to it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from tests.support.server import COMMAND, Server, environment

PASSWORD = "correct horse battery staple"  # noqa: S105 - of the test
LONG_MILLISECONDS = 15_000
_CSRF = re.compile(r'name="csrf" value="([A-Za-z0-9_\-]{43})"')


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing: make test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def administrator(server: Server, name: str, role: str, tenant: str | None = None, password: str = PASSWORD) -> None:
    """Create an administrator who has a password."""
    server.command("admin", "create", name, "--role", role, *(("--tenant", tenant) if tenant else ()))
    set_password(server, name, password)


def set_password(server: Server, name: str, password: str = PASSWORD) -> None:
    """Set a password as a script does."""
    subprocess.run(
        [*COMMAND, "admin", "password", name, "--stdin", "--data-dir", str(server.data)],
        input=password,
        capture_output=True,
        text=True,
        env=environment(server.settings),
        check=True,
    )


@dataclass(slots=True)
class Visitor:
    """Somebody who asks for pages without a browser, and sends forms as a page would."""

    server: Server
    http: httpx2.Client
    csrf: str = ""

    @classmethod
    def of(cls, server: Server) -> Self:
        """Nobody yet."""
        import ssl  # noqa: PLC0415 - used here alone

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=server.root.decode())
        return cls(server, httpx2.Client(verify=context, base_url=server.urls["public"], timeout=30))

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        """Sign in."""
        self.get("/console/sign-in")
        answer = self.post("/console/sign-in", name=name, password=password)
        if answer.status_code == 303:
            self.get("/console/sessions")
        return answer

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """A page; its forms' token is kept for the next post."""
        answer = self.http.get(path, headers=headers)
        found = _CSRF.search(answer.text)
        if found:
            self.csrf = found[1]
        return answer

    def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """A form of our own page."""
        given = {"Origin": self.server.urls["public"], **(headers or {})}
        return self.http.post(path, data={"csrf": self.csrf, **fields}, headers=given)


@contextmanager
def visitor(server: Server, name: str | None = None) -> Iterator[Visitor]:
    """Somebody who asks, signed in where there is a name."""
    made = Visitor.of(server)
    try:
        if name is not None:
            assert made.sign_in(name).status_code == 303
        yield made
    finally:
        made.http.close()


@dataclass  # Playwright hangs something of its own on whoever listens
class Window:
    """A window of a browser, and whatever it complains of."""

    server: Server
    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, browser: Browser, server: Server, **options: Any) -> Self:
        """A new one, with cookies of its own."""
        context = browser.new_context(ignore_https_errors=True, **options)
        window = cls(server, context.new_page(), context)
        window.page.set_default_timeout(LONG_MILLISECONDS)
        window.page.on("console", window._hear)
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        window.page.on("dialog", window._dismiss)
        return window

    def go(self, path: str) -> Page:
        """Go to a page."""
        self.page.goto(self.server.urls["public"] + path)
        return self.page

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        """Sign in."""
        page = self.go("/console")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", level=1).wait_for()
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()
