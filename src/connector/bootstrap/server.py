"""Running the server: from its settings to listeners that serve, in one process or in several.

What is done once is done before there are workers: the data directory is held, the CA opened, the database brought up
to date, the sockets bound, the server certificate issued. Anything with a connection or a thread belongs to one worker.
"""

import asyncio
import gc
import json
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from connector import __version__, exposure, serving
from connector.bootstrap import admin_certificates, audit_log, gateways, metrics, objects, start
from connector.bootstrap.checking import check_settings
from connector.bootstrap.chores import Pending, compare_clocks, flush, follow_issuers, keep_up, record_pending
from connector.bootstrap.crls import keep_published, publishing
from connector.bootstrap.identity_tokens import TokenKeys, identity_tokens, keep_keys, token_keys
from connector.bootstrap.ocsp import keep_answering, responder
from connector.bootstrap.start import ADDRESSES, ADMIN_KEY, ADMINISTRATOR, Prepared
from connector.domain.administrators import link_url
from connector.domain.secrets import Secret
from connector.exposure import Trusted
from connector.oidc import OIDC
from connector.ports.transaction import Store
from connector.settings import Settings
from connector.storage import Database
from connector.storage.moments import now
from connector.system import keystore, telemetry
from connector.system.meters import Board, meters
from connector.usecases.admin_certificates import AdminCertificates
from connector.usecases.crls import PublishedCRLs
from connector.usecases.issuers import Issuers
from connector.usecases.ocsp import OCSP
from connector.usecases.verdicts import Verdicts
from connector.web.console import SettingLine, compile_templates
from connector.web.metrics import Metrics
from connector.web.observing import observed

GARBAGE_THRESHOLD = 50_000
TLS_LISTENERS = ("public", "mtls")
# Where a connection says nothing of who has opened it.
STRANGERS = ("public", "pki")


def serve(
    *, data_dir: Path | None, config: Path | None, flags: Mapping[str, object], say: Callable[[str], None]
) -> None:
    """Run the server until it is stopped. The first start makes what is missing.

    Raises:
        SettingsError, Exposed, KeystoreError, ListenerError, ServerCertificateError: the start was stopped, and why.
        StorageUnavailable: the database cannot be used.
        WorkersError: its workers cannot be kept running.
    """
    serving.share_arenas()  # before there are threads
    # Before anything is made: a wrong setting leaves nothing behind.
    checked = check_settings(data_dir=data_dir, config=config, flags=flags)
    settings, origins = checked.settings, checked.origins
    # For root, a command acts for the owner of the data directory. A server acts for nobody else.
    exposure.refuse(exposure.directory(settings.data_dir, Trusted.here(settings.files.group_id)))
    telemetry.configure(settings.log.level, settings.log.format)
    gateways.warn(settings)
    with keystore.locked(settings.data_dir):
        database = replace(start.database(settings), tell=audit_log.tell)
        prepared = asyncio.run(_prepare(settings, database))
        administrators = admin_certificates.admin_certificates(settings, checked.authorities, prepared.issuers, origins)
        lines = objects.setting_lines(settings, origins)
        server = _server(
            settings, database, prepared, _Outsiders(checked.bearers, checked.authorities, administrators), lines
        )
        server.run(say)


async def _prepare(settings: Settings, database: Database) -> Prepared:
    """Bring the database up to date, and make what the first start makes."""
    store = database.open()
    try:
        return await start.prepare(settings, store, database.clock)
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class _Outsiders:
    """Whom others vouch for: an OpenID Connect issuer, and CAs for the certificates of administrators."""

    bearers: OIDC | None
    authorities: tuple[bytes, ...]
    administrators: AdminCertificates | None

    def context(self) -> serving.ServerContext:
        """The public listener's TLS context: it asks for a certificate only where one can be good there."""
        if not self.authorities:
            return serving.ServerContext()
        return serving.ServerContext(client_ca=self.authorities, optional=True)


@dataclass(frozen=True, slots=True)
class _Served:
    """What one process serves besides the records, and keeps up to date in the background."""

    pending: Pending
    crls: PublishedCRLs
    ocsp: OCSP
    token_keys: TokenKeys | None


def _server(
    settings: Settings, database: Database, prepared: Prepared, outsiders: _Outsiders, lines: Sequence[SettingLine]
) -> "_Server":
    issuers = prepared.issuers
    addresses = {"public": settings.listeners.public, "mtls": settings.listeners.mtls}
    for name in ("pki", "forwarded", "internal"):
        address = getattr(settings.listeners, name)
        if address is not None:
            addresses[name] = address
    bound = {
        name: serving.bind(name, address.host, address.port, scheme="https" if name in TLS_LISTENERS else "http")
        for name, address in addresses.items()
    }
    contexts = {
        "public": outsiders.context(),
        "mtls": serving.ServerContext(client_ca=issuers.trusted, adopted=[each.der for each in issuers.adopted]),
    }
    certificate = objects.server_certificate(settings, issuers, list(contexts.values()), database.clock)
    certificate.load()
    return _Server(
        settings,
        database,
        issuers,
        outsiders,
        bound,
        contexts,
        certificate,
        lines,
        prepared.link,
        database.clock(),
        metrics.board(settings.serving.workers),
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """The state that all workers share: made before them, and inherited by the fork."""

    settings: Settings
    database: Database
    issuers: Issuers
    outsiders: _Outsiders
    bound: Mapping[str, serving.BoundListener]
    contexts: Mapping[str, serving.ServerContext]
    certificate: serving.ServerCertificate
    lines: Sequence[SettingLine]
    link: Secret | None
    started: datetime
    board: Board

    def run(self, say: Callable[[str], None]) -> None:
        """Serve in this process, or let workers serve."""

        def ready() -> None:
            for line in self._announcement():
                say(line)
            telemetry.logger().info("server.started", version=__version__, **self._urls)
            # Last: where the file is, everything has been said.
            keystore.write_secret(self.settings.data_dir / ADDRESSES, json.dumps(self._urls))

        try:
            self._run(ready)
        finally:
            telemetry.logger().info("server.stopped")

    def _run(self, ready: Callable[[], None]) -> None:
        workers = self.settings.serving.workers
        if workers == 1:
            meters().row = self.board.row(1)
            uvloop.run(self._serve(ready))
            return
        loads = {name: serving.Loads(workers) for name in self.bound}
        if self.settings.console.enabled:
            compile_templates()  # the workers have them from here on
        _calm_collector()
        serving.work(
            workers,
            lambda worker: self._work(worker, loads),
            bound=list(self.bound.values()),
            loads=list(loads.values()),
            grace=self.settings.limits.grace.total_seconds(),
            ready=ready,
        )

    def _work(self, worker: serving.Worker, loads: Mapping[str, serving.Loads]) -> None:
        """Run one worker."""
        log = self.settings.log
        meters().row = self.board.row(worker.number)
        telemetry.configure(log.level, log.format, fields={"worker": worker.number, "pid": os.getpid()})

        async def main() -> None:
            stop, hurry = asyncio.Event(), asyncio.Event()
            worker.obey(stop, hurry)
            await self._serve(worker.ready, stop, hurry, {name: load.of(worker.number) for name, load in loads.items()})

        uvloop.run(main())

    async def _serve(
        self,
        ready: Callable[[], None],
        stop: asyncio.Event | None = None,
        hurry: asyncio.Event | None = None,
        loads: Mapping[str, serving.Load] | None = None,
    ) -> None:
        store = self.database.reopen()
        pending = Pending()
        crls = PublishedCRLs(self.issuers, started=self.started)
        ocsp = responder(self.settings, self.issuers, store, self.database.clock)
        served = _Served(pending, crls, ocsp, token_keys(self.settings, store, self.database.clock))
        background = [asyncio.create_task(each) for each in self._background_tasks(store, served)]
        try:
            listeners = list(self._listeners(store, loads or {}, served))
            _calm_collector()
            grace = self.settings.limits.grace.total_seconds()
            memory = serving.Memory(self.settings.limits.memory)
            await serving.serve(
                listeners, grace=grace, memory=memory, ready=ready, stop=stop or asyncio.Event(), hurry=hurry
            )
        finally:
            for task in background:
                task.cancel()
            if self.outsiders.bearers is not None:
                await self.outsiders.bearers.close()
            await flush(pending, store)
            await store.close()

    def _background_tasks(self, store: Store, served: _Served) -> Iterator[Coroutine[Any, Any, None]]:
        """The background tasks of a process that serves."""
        self.certificate.refresh()  # a worker that is started late has the certificate of the parent's start
        yield self.certificate.keep_fresh()
        if self.outsiders.bearers is not None:
            yield self.outsiders.bearers.keep_fresh()
        yield follow_issuers(store, self.issuers, self._issuers_changed)
        yield keep_published(publishing(self.settings, self.issuers, store, served.crls, self.started))
        yield keep_answering(served.ocsp.responders)
        if served.token_keys is not None:
            yield keep_keys(served.token_keys)
        yield compare_clocks(now, self.database.clock, self.settings.maintenance.interval)
        yield record_pending(served.pending, store)
        yield metrics.watch()
        yield keep_up(store, objects.chores(self.settings), self.settings.maintenance.interval)

    def _issuers_changed(self) -> None:
        """Authenticate by those that are trusted now, and show a certificate of the one that signs now."""
        self.contexts["mtls"].trust(self.issuers.trusted, [each.der for each in self.issuers.adopted])
        self.certificate.refresh(anyway=True)

    def _listeners(
        self, store: Store, loads: Mapping[str, serving.Load], served: _Served
    ) -> Iterator[serving.Listener]:
        clock, pending = self.database.clock, served.pending
        web = objects.web(self.settings, self.issuers, store, self._public_urls, clock=clock, pending=pending)
        bearers, verdicts = self.outsiders.bearers, Verdicts(store, self.issuers, clock, pending.sightings)
        tokens = None
        if served.token_keys is not None:
            tokens = identity_tokens(self.settings, served.token_keys, verdicts, web.links.issuer)
        web = replace(
            web,
            bearers=bearers,
            admin_certificates=self.outsiders.administrators,
            gateways=gateways.gateways(self.settings, verdicts, bearers, tokens),
            crls=served.crls,
            ocsp=served.ocsp,
            metrics=Metrics(self.board, self.issuers, served.crls),
            identity_tokens=tokens,
        )
        if self.settings.console.enabled:
            web = replace(web, desk=objects.desk(self.settings, web, bearers, self.lines))
        apps = {
            "public": web.public,
            "mtls": web.mtls,
            "pki": web.pki,
            "internal": web.internal,
        }
        forwarding = gateways.forwarding(self.settings, self.issuers, clock)
        if forwarding is not None:
            apps["forwarded"] = partial(web.forwarded, forwarding)
        limits = objects.connection_limits(self.settings)
        for name, each in self.bound.items():
            app = observed(apps[name]())
            yield serving.Listener(
                each, app, self.contexts.get(name), limits, loads.get(name), strangers=name in STRANGERS
            )

    @property
    def _urls(self) -> Mapping[str, str]:
        return {name: listener.url for name, listener in self.bound.items()}

    @property
    def _public_urls(self) -> Mapping[str, str]:
        return {**self._urls, **self.settings.urls.of_listeners}

    def _announcement(self) -> Iterator[str]:
        directory = self.settings.data_dir
        yield f"data        {directory}"
        yield f"root CA     {directory / 'ca' / keystore.ROOT}, SHA-256 {self.issuers.current.root.hex()}"
        if (directory / ADMIN_KEY).exists():  # a further replica has none, and it may have been put away
            yield f"admin key   {directory / ADMIN_KEY}"
        for name, url in self._urls.items():
            yield f"{name:<11} {url}"
        if self.settings.console.enabled:
            yield f"console     {self._public_urls['public']}/console"
            if self.link is not None:
                yield f"sign in     {link_url(self._public_urls['public'], self.link.text, ADMINISTRATOR)}"
                yield f"            once, within an hour, as {ADMINISTRATOR}"


def _calm_collector() -> None:
    """Leave what was made at the start out of every later garbage collection, and collect more rarely.

    Requests make few cycles; with the defaults, looking for them took some 8 % of the time that signing takes. And what
    a collection does not touch, worker processes go on sharing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
