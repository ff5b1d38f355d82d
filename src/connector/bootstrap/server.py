"""Running the server: from its settings to listeners that serve."""

import asyncio
import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from connector import keystore, serving, telemetry
from connector.bootstrap import objects, start
from connector.bootstrap.start import ADDRESSES, ADMIN_KEY
from connector.oidc import OIDC
from connector.pki.issuer import Issuer
from connector.ports import Store
from connector.settings import Settings, load

GARBAGE_THRESHOLD = 50_000
TLS_LISTENERS = ("public", "mtls")


async def serve(
    *, data_dir: Path | None, config: Path | None, listeners: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Run the server until it is told to stop. The first start makes what is missing.

    Raises:
        SettingsError, KeystoreError: the start was stopped, and why.
        StorageUnavailable: the database cannot be used.
    """
    overrides = {f"listeners.{name}": address for name, address in listeners.items()}
    settings = load(data_dir=data_dir, config=config, overrides=overrides, environ=os.environ)
    bearers = objects.bearers_of(settings)  # before anything is made: a wrong setting leaves nothing behind
    telemetry.configure(settings.log.level, settings.log.format)
    keystore.forbid_core_dumps()
    with keystore.locked(settings.data_dir):
        store = start.database(settings).open()
        try:
            issuer = await start.prepare(settings, store)
            _calm_collector()
            await _serve(settings, issuer, store, bearers, say)
        finally:
            await store.close()


async def _serve(
    settings: Settings, issuer: Issuer, store: Store, bearers: OIDC | None, say: Callable[[str], None]
) -> None:
    addresses = {"public": settings.listeners.public, "mtls": settings.listeners.mtls}
    for name in ("pki", "internal"):
        address = getattr(settings.listeners, name)
        if address is not None:
            addresses[name] = address
    bound = {
        name: serving.bind(name, address.host, address.port, scheme="https" if name in TLS_LISTENERS else "http")
        for name, address in addresses.items()
    }
    urls = {name: listener.url for name, listener in bound.items()}
    web = objects.web(settings, issuer, store, bearers, {**urls, **objects.set_urls(settings)})
    apps = {"public": web.public, "mtls": web.mtls, "pki": web.pki, "internal": web.internal}
    contexts = {
        "public": serving.ServerContext(),
        "mtls": serving.ServerContext(client_ca=[issuer.root_pem, issuer.pem]),
    }
    certificate = objects.server_certificate(settings, issuer, list(contexts.values()))
    certificate.load()
    limits = objects.connection_limits(settings)
    listeners = [serving.Listener(each, apps[name](), contexts.get(name), limits) for name, each in bound.items()]

    def ready() -> None:
        keystore.write_secret(settings.data_dir / ADDRESSES, json.dumps(urls))
        for line in _announcement(settings, issuer, urls):
            say(line)

    refreshing = [asyncio.create_task(certificate.keep_fresh())]
    if bearers is not None:
        refreshing.append(asyncio.create_task(bearers.keep_fresh()))
    try:
        await serving.serve(listeners, grace=settings.limits.grace.total_seconds(), ready=ready, stop=asyncio.Event())
    finally:
        for task in refreshing:
            task.cancel()
        if bearers is not None:
            await bearers.close()


def _announcement(settings: Settings, issuer: Issuer, urls: Mapping[str, str]) -> Iterator[str]:
    directory = settings.data_dir
    yield f"data        {directory}"
    yield f"root CA     {directory / 'ca' / keystore.ROOT}, SHA-256 {issuer.root_fingerprint.hex()}"
    yield f"admin key   {directory / ADMIN_KEY}"
    for name, url in urls.items():
        yield f"{name:<11} {url}"


def _calm_collector() -> None:
    """Leave what was made at the start out of every later garbage collection, and collect more rarely.

    Requests make few cycles; with the defaults, looking for them took some 8 % of the time that signing takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
