"""CRLs while a process serves: it follows those that are published, and makes those that are due."""

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from cryptography import x509

from connector.bootstrap.secrets import passphrase
from connector.domain.crls import CRLSchedule
from connector.domain.refusals import Unavailable
from connector.exposure import Exposed
from connector.pki.authority import Authority
from connector.pki.crl import scope_of
from connector.pki.signer import Signer
from connector.ports.transaction import Store
from connector.settings import Settings
from connector.system import keystore, telemetry
from connector.system.keystore import KeystoreError
from connector.usecases.crl_publishing import CRLPublishing, FindSigner
from connector.usecases.crls import PublishedCRLs, Scope
from connector.usecases.issuers import Issuers

# A revocation is in the CRL of every replica within two of these, and the time that it takes to make a CRL.
ROUND_SECONDS = 3.0
# Long CRLs are not made one after the other without end; a revocation is still in one within a minute.
SHARE_OF_TIME = 10.0
LONGEST_PAUSE_SECONDS = 30.0


def publishing(
    settings: Settings, issuers: Issuers, store: Store, published: PublishedCRLs, started: datetime
) -> CRLPublishing:
    """The publishing of CRLs for the CAs whose keys are in the data directory."""
    given = settings.crl
    return CRLPublishing(
        store=store,
        published=published,
        signers=_signers(settings, issuers),
        schedule=CRLSchedule(given.validity, given.interval),
        root_schedule=CRLSchedule(given.root_validity, given.root_validity / 2),
        started=started.replace(microsecond=0),
    )


def _signers(settings: Settings, issuers: Issuers) -> Mapping[bytes, FindSigner]:
    """How to find the signer of each scope. A root's key is read from its file whenever a CRL is due, and not kept."""
    directory, trusted = settings.data_dir / "ca", settings.trusted

    def of_root(root: x509.Certificate) -> Signer | None:
        return keystore.root_signer(directory, root, passphrase=passphrase(settings), trusted=trusted)

    def found(signer: Signer) -> Signer:
        return signer

    return {
        **{scope_of(Authority.of(issuer.root)): partial(of_root, issuer.root) for issuer in issuers.held},
        **{scope_of(issuer.authority): partial(found, issuer.signer) for issuer in issuers.held},
    }


async def keep_published(publishing: CRLPublishing, every: float = ROUND_SECONDS) -> None:
    """Follow and make CRLs until cancelled, a round every ``every`` seconds. A failure is logged, and tried again."""
    not_before: dict[bytes, float] = {}
    while True:
        try:
            await publishing.published.follow(publishing.store)
        except Unavailable as error:
            telemetry.logger().warning("crl.unknown", code=error.code)
        except Exception:  # noqa: BLE001 - the CRLs that are due are made all the same
            telemetry.logger().exception("crl.unknown")
        for scope in list(publishing.published.scopes.values()):
            begun = time.monotonic()
            if begun >= not_before.get(scope.id, begun):
                not_before[scope.id] = begun + await _publish(publishing, scope)
        await asyncio.sleep(every * (0.75 + random.random() / 2))  # noqa: S311 - so that processes do not meet


async def _publish(publishing: CRLPublishing, scope: Scope) -> float:
    """Make the scope's CRL if it is due. Returns the seconds from now in which it should not be tried again."""
    log, begun = telemetry.logger(), time.monotonic()
    try:
        record = await publishing.publish(scope)
    except Unavailable as error:
        log.warning("crl.failed", issuer=scope.title, code=error.code)
        return 0.0
    except (KeystoreError, Exposed) as error:
        log.warning("crl.failed", issuer=scope.title, reason=str(error))
        return LONGEST_PAUSE_SECONDS
    except Exception:  # the other CRLs are made all the same
        log.exception("crl.failed", issuer=scope.title)
        return LONGEST_PAUSE_SECONDS
    if record is None:
        return 0.0
    took = time.monotonic() - begun
    log.info(
        "crl.made",
        issuer=scope.title,
        number=record.number,
        entries=record.entries,
        next_update=record.next_update.isoformat(),
        seconds=round(took, 3),
    )
    return min(SHARE_OF_TIME * took, LONGEST_PAUSE_SECONDS)
