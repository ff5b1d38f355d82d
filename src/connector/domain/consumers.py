"""Consumers: whom services behind a gateway see. Holders of other CAs' certificates become one by their subject."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from connector.domain.distinguished_names import DistinguishedName


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody who is not registered here. ``tenants`` are the external ids of those where they may act, None for all.

    ``type``, ``access_levels`` and ``scopes`` are for the services behind the gateway; nothing here goes by them.
    """

    id: str
    type: str
    tenants: frozenset[str] | None
    access_levels: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedSubject:
    """The holder of a certificate with this subject is this consumer, unless its SHA-256 is among the refused ones."""

    subject: DistinguishedName
    consumer: Consumer
    refused: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class MappedSubjects:
    """All of them.

    Raises:
        ValueError: two have the same subject.
    """

    mapped: Sequence[MappedSubject] = ()
    _by_subject: dict[DistinguishedName, MappedSubject] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {each.subject: each for each in self.mapped}
        if len(found) != len(self.mapped):
            raise ValueError("Two entries have the same subject. Remove one of them")
        object.__setattr__(self, "_by_subject", found)

    def consumer(self, subject: DistinguishedName, fingerprint: bytes) -> Consumer | None:
        """The consumer with this subject and certificate; None if none is mapped to it, or it is refused."""
        found = self._by_subject.get(subject)
        return None if found is None or fingerprint in found.refused else found.consumer


def tenant_of(tenants: Collection[str] | None, named: str | None) -> str | None:
    """The external id of the tenant in which a caller acts who may enter these (None for all) and named this one.

    None if the caller may not enter it, or if it is not clear which one is meant.
    """
    if named is not None:
        return named if tenants is None or named in tenants else None
    return next(iter(tenants)) if tenants is not None and len(tenants) == 1 else None
