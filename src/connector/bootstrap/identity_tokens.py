"""Identity tokens while a process serves: whom they are for, and their keys, which are made, published and replaced."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import NamedTuple

from connector.bootstrap.secrets import passphrase
from connector.domain.identity_tokens import TokenKey, is_next_due
from connector.domain.refusals import Unavailable
from connector.exposure import Exposed
from connector.oidc.identity_tokens import JWTSigner, new_key
from connector.pki.spiffe import id_pattern
from connector.ports.transaction import Clock, Store
from connector.settings import Settings
from connector.system import telemetry
from connector.system.keystore import KeystoreError
from connector.system.token_keys import TokenKeyFiles
from connector.usecases.identity_tokens import IdentityTokens, PublishedKeys, TokenTerms
from connector.usecases.realms import SYSTEM, Installation
from connector.usecases.token_keys import publish_token_key
from connector.usecases.verdicts import Verdicts

# How long a key that was removed goes on to be published here.
ROUND_SECONDS = 5.0
# While another worker makes a key.
SOON_SECONDS = 0.2
# After a round that failed.
PAUSE_SECONDS = 30.0


class _Found(NamedTuple):
    """The keys in the files: those that are to be published, those that are used no more, and whether one is due."""

    unpublished: Mapping[str, bytes]
    ended: Sequence[TokenKey]
    is_due: bool


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of this process: what it signs with, and what all replicas have published."""

    store: Store
    clock: Clock
    files: TokenKeyFiles
    passphrase: bytes | None = field(repr=False)
    signer: JWTSigner = field(default_factory=JWTSigner)
    published: PublishedKeys = field(default_factory=PublishedKeys)

    async def round(self) -> bool:
        """Go by what is published and what is in the files, and make the next key if it is due. False while another
        process does that.

        Raises:
            Unavailable: the database cannot be used.
            KeystoreError, Exposed, OSError, ValueError: a file cannot be used.
        """
        if not _is_change(await self._look()):
            return True
        with self.files.locked() as is_ours:
            if is_ours:
                await self._change(await self._look())  # another process may have been quicker
            return is_ours

    async def _look(self) -> _Found:
        await self.published.follow(self.store)
        held, now = self._hold(), self.clock()
        own = self.published.of(self.signer.ids)
        known = {key.id for key in own}
        unpublished = {id_: spki for id_, spki in held.items() if id_ not in known}
        ended = [key for key in own if not key.is_published(now)]
        return _Found(unpublished, ended, not unpublished and is_next_due(own, now))

    def _hold(self) -> Mapping[str, bytes]:
        """Hold the keys in the files, and no others: the public part of each by its id."""
        held = dict(self.signer.hold(pem, self.passphrase) for pem in self.files.read().values())
        for gone in self.signer.ids - held.keys():
            self.signer.drop(gone)
        return held

    async def _change(self, found: _Found) -> None:
        for key in found.ended:
            self.files.remove(key.id)
            telemetry.logger().info("token_key.ended", id=key.id)
        unpublished = dict(found.unpublished)
        if found.is_due:
            pem = new_key(self.passphrase)
            id_, unpublished[id_] = self.signer.hold(pem, self.passphrase)
            self.files.write(id_, pem)
        for id_, spki in unpublished.items():
            await self._publish(id_, spki)
        await self._look()

    async def _publish(self, id_: str, spki: bytes) -> None:
        await self.store.transaction(lambda tx: publish_token_key(Installation(tx, SYSTEM), id_, spki))


def _is_change(found: _Found) -> bool:
    return bool(found.unpublished or found.ended or found.is_due)


def token_keys(settings: Settings, store: Store, clock: Clock) -> TokenKeys | None:
    """The keys of identity tokens, if there are any for somebody."""
    if not settings.identity_tokens.audiences:
        return None
    return TokenKeys(store, clock, TokenKeyFiles(settings.data_dir, settings.trusted), passphrase(settings))


def identity_tokens(settings: Settings, keys: TokenKeys, verdicts: Verdicts, issuer: str) -> IdentityTokens:
    """The use cases of identity tokens; ``issuer`` is the public URL."""
    given, trust_domain = settings.identity_tokens, settings.certificates.spiffe_trust_domain
    audiences = [each.value() for each in given.audiences]
    spiffe = None if trust_domain is None else id_pattern(trust_domain)
    terms = TokenTerms(issuer, audiences, given.lifetime, spiffe)
    return IdentityTokens(verdicts, keys.signer, keys.published, terms, keys.clock, token_bytes)


async def keep_keys(keys: TokenKeys) -> None:
    """Make and replace keys until cancelled. A failure is logged, and tried again."""
    log = telemetry.logger()
    while True:
        try:
            pause = ROUND_SECONDS if await keys.round() else SOON_SECONDS
        except (Unavailable, KeystoreError, Exposed, OSError, ValueError) as error:
            log.warning("token_keys.failed", reason=str(error))
            pause = PAUSE_SECONDS
        except Exception:  # without this task no key would ever be replaced
            log.exception("token_keys.failed")
            pause = PAUSE_SECONDS
        await asyncio.sleep(pause)
