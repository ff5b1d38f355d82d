"""The issuers of this installation: several may be stored, one signs, and all that are trusted authenticate clients."""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.certificates import TrustAnchor
from connector.domain.imports import AdoptedIssuer
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.issuers import IssuerUnknown, SignerUnavailable
from connector.pki.issuer import Issuer
from connector.ports.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Recorded:
    """The issuers and roots that are recorded, and the CAs of other installations that were adopted."""

    issuers: tuple[IssuerRecord, ...]
    roots: tuple[TrustAnchor, ...]
    adopted: tuple[AdoptedIssuer, ...] = ()


class Issuers:
    """The recorded issuers, and those among them whose signers this process has. It follows the records."""

    def __init__(self, held: Sequence[Issuer], recorded: Recorded) -> None:
        """Hold these issuers."""
        self._held = {issuer.fingerprint: issuer for issuer in held}
        self._recorded = recorded
        self._take(recorded)

    @property
    def signing(self) -> Issuer:
        """The issuer that signs now.

        Raises:
            SignerUnavailable: its key is not here.
        """
        if self._signing is None:
            raise SignerUnavailable
        return self._signing

    @property
    def current(self) -> IssuerRecord:
        """The record of the issuer that signs now, whether or not its key is here.

        Raises:
            SignerUnavailable: none signs.
        """
        if self._current is None:
            raise SignerUnavailable
        return self._current

    @property
    def root(self) -> bytes:
        """The trust anchor (DER) of the issuer that signs now.

        Raises:
            SignerUnavailable: none signs.
        """
        wanted = self.current.root
        return next(root.der for root in self._recorded.roots if root.fingerprint == wanted)

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """The certificates (DER) by which clients are authenticated: the issuers that did not end, and their roots."""
        issuers = [each for each in self._recorded.issuers if each.state is not IssuerState.ENDED]
        roots = {each.root for each in issuers}
        return (
            *(root.der for root in self._recorded.roots if root.fingerprint in roots),
            *(each.der for each in issuers),
        )

    @property
    def issuing(self) -> tuple[bytes, ...]:
        """The certificates (DER) of the CAs in ``good``: each may have issued a client certificate that is good."""
        living = (each.der for each in self._recorded.issuers if each.state is not IssuerState.ENDED)
        return (*living, *(each.der for each in self.adopted))

    @property
    def recorded(self) -> tuple[bytes, ...]:
        """The certificates (DER) of all issuers, roots and adopted CAs there ever were, also of those that ended."""
        return (
            *(each.der for each in self._recorded.issuers),
            *(root.der for root in self._recorded.roots),
            *(each.der for each in self._recorded.adopted),
        )

    @property
    def held(self) -> tuple[Issuer, ...]:
        """The issuers whose signers this process has, whatever their state."""
        return tuple(self._held.values())

    @property
    def records(self) -> Recorded:
        """All that is recorded."""
        return self._recorded

    @property
    def good(self) -> frozenset[bytes]:
        """The fingerprints of the issuers and adopted CAs that did not end."""
        return self._good

    @property
    def adopted(self) -> tuple[AdoptedIssuer, ...]:
        """The adopted CAs that have not ended: they authenticate clients, and nothing here signs with their keys."""
        return tuple(each for each in self._recorded.adopted if each.ended_at is None)

    def chain(self, issuer: bytes) -> tuple[bytes, ...]:
        """The certificates above one that this issuer signed, without the trust anchor; each is DER.

        Raises:
            IssuerUnknown: it is not recorded.
        """
        if issuer not in self._chains:
            raise IssuerUnknown
        return self._chains[issuer]

    def follow(self, recorded: Recorded) -> bool:
        """Go by these records from now on; returns whether they differ from the former ones."""
        if recorded == self._recorded:
            return False
        self._take(recorded)
        return True

    def _take(self, recorded: Recorded) -> None:
        self._recorded = recorded
        living = [each.fingerprint for each in recorded.issuers if each.state is not IssuerState.ENDED]
        self._good = frozenset([*living, *(each.fingerprint for each in self.adopted)])
        self._chains = {
            **{each.fingerprint: (each.der,) for each in recorded.adopted},
            **{each.fingerprint: (each.der,) for each in recorded.issuers},
        }
        self._current = next((each for each in recorded.issuers if each.state is IssuerState.SIGNING), None)
        self._signing = None if self._current is None else self._held.get(self._current.fingerprint)


def read(tx: Transaction) -> Recorded:
    """The recorded issuers, trust anchors and adopted CAs."""
    return Recorded(tuple(tx.issuers.list()), tuple(tx.anchors.list()), tuple(tx.imports.issuers()))


def settle(tx: Transaction, held: Sequence[Issuer]) -> Recorded:
    """Record the issuers of a data directory; the first of them is the built-in one.

    A built-in issuer that is new signs from now on: this is the first start, or its files were replaced. Any other
    that is new is prepared. Of one that is recorded, the record stands.
    """
    recorded = {each.fingerprint: each for each in tx.issuers.list()}
    for issuer in held:
        if issuer.fingerprint in recorded:
            continue
        is_built_in = issuer is held[0]
        if is_built_in:
            for each in recorded.values():
                if each.state is IssuerState.SIGNING:
                    tx.issuers.change(each.fingerprint, IssuerState.FORMER, now=tx.now)
        state = IssuerState.SIGNING if is_built_in else IssuerState.PREPARED
        tx.issuers.add(IssuerRecord(issuer.fingerprint, issuer.der, issuer.root_fingerprint, state, tx.now, tx.now))
    return read(tx)


def are_settled(recorded: Recorded, held: Sequence[Issuer]) -> bool:
    """Whether there is nothing to record."""
    return {issuer.fingerprint for issuer in held} <= {each.fingerprint for each in recorded.issuers}
