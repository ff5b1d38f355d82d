"""Whether one more fits within the quotas, decided in the transaction that would add it.

The limits of a system auth bound what the holder of a certificate can make the database grow by. A tenant's limits are
asked about where an administrator adds something; no renewal is refused because of what others in the tenant have.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from connector.domain.directory import EntityKind
from connector.domain.quotas import (
    DAY,
    LIMIT_OF_KIND,
    MINUTE,
    MOST_KEYS,
    Buckets,
    Estimates,
    Limit,
    Quotas,
    Used,
    share,
    whole_seconds,
)
from connector.domain.refusals.quotas import LimitReached, QuotaExceeded, RateLimited
from connector.ports.transaction import Transaction
from connector.usecases.realms import Realm

# So long a count is good, unless the limit is near.
GOOD_FOR = timedelta(seconds=10)
# This part of a limit is allowed without a count. Each replica but one can pass the limit by as much: they do not see
# what the others add meanwhile.
UNCOUNTED_PART = 10
# A tenant's counts are long. Up to this many entries are read each time, which takes no longer than a statement does.
COUNTED_EACH_TIME = 1000
TENANT_GOOD_FOR = timedelta(minutes=1)
# A refusal stands so long before the entries are read again: of a system auth, and of a tenant at a large limit. It is
# short because a certificate that is revoked, or an entity that is deleted, makes room.
REFUSED_FOR = timedelta(seconds=2)
# The limits of renewals, and of a token of `configuration`.
CERTIFICATE_LIMITS = (Limit.CERTIFICATES_A_DAY, Limit.CERTIFICATES)
TOKEN_LIMITS = (Limit.TOKENS_A_MINUTE,)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A limit of a system auth. ``frees_after`` is how long after its moment an entry no longer counts."""

    limit: Limit
    kind: type[LimitReached]
    reason: str
    frees_after: timedelta = timedelta(0)


_CERTIFICATES_A_DAY = _Rule(
    Limit.CERTIFICATES_A_DAY,
    QuotaExceeded,
    "This system was issued as many certificates within 24 hours as it may be",
    DAY,
)
_CERTIFICATES = _Rule(
    Limit.CERTIFICATES,
    QuotaExceeded,
    "This system has as many certificates that are still good as it may have. Revoke those that are not used, or wait "
    "until one expires",
)
_TOKENS_A_MINUTE = _Rule(
    Limit.TOKENS_A_MINUTE, RateLimited, "This system asked for too many tokens within a minute", MINUTE
)


@dataclass(frozen=True, slots=True)
class _Met:
    """A limit that was met ``at`` some time; ``until`` is when there is room again by itself."""

    rule: _Rule
    most: int
    at: datetime
    until: datetime

    def stands(self, now: datetime) -> bool:
        return timedelta(0) <= now - self.at < REFUSED_FOR and now < self.until

    def refusal(self, now: datetime) -> LimitReached:
        rule = self.rule
        return rule.kind(rule.limit, self.most, rule.reason, retry_after=whole_seconds(self.until - now))


@dataclass(frozen=True, slots=True)
class Allowances:
    """The quotas of one process. A holder that is seen for the first time is let through without a count: the database
    counts it, and the second time is decided by that.
    """

    quotas: Quotas = field(default_factory=Quotas)
    workers: int = 1
    _estimates: Estimates = field(default_factory=Estimates, init=False, repr=False)
    _refused: dict[Limit, dict[str, datetime]] = field(default_factory=dict, init=False, repr=False)
    _met: OrderedDict[tuple[Limit, str], _Met] = field(default_factory=OrderedDict, init=False, repr=False)
    _attempts: Buckets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        attempts = share(self.quotas.refusals_a_minute, self.workers)
        object.__setattr__(self, "_attempts", Buckets(attempts, MINUTE.total_seconds()))

    def admit_attempt(self, system_auth_id: str, *, now: datetime) -> None:
        """Return if the system auth may try now; :meth:`refused` counts against it.

        Raises:
            RateLimited: too many of its attempts were refused.
        """
        wait = self._attempts.wait(system_auth_id, now.timestamp())
        if wait > 0:
            raise RateLimited(
                Limit.REFUSALS_A_MINUTE,
                self.quotas.refusals_a_minute,
                "Too many requests of this system were refused",
                retry_after=whole_seconds(timedelta(seconds=wait)),
            )

    def refused(self, system_auth_id: str, *, now: datetime) -> None:
        """Count a refused attempt of the system auth; one that was not looked at does not count."""
        self._attempts.draw(system_auth_id, now.timestamp())

    def refuse_again(self, system_auth_id: str, limits: Sequence[Limit], *, now: datetime) -> None:
        """Return, unless one of these limits was met a moment ago: then no transaction is begun to find that out again.

        Raises:
            RateLimited, QuotaExceeded: the refusal of then, with the time that is left.
        """
        refusal = self.standing(system_auth_id, limits, now=now)
        if refusal is not None:
            raise refusal

    def standing(self, system_auth_id: str, limits: Sequence[Limit], *, now: datetime) -> LimitReached | None:
        """What :meth:`refuse_again` would raise."""
        for limit in limits:
            met = self._met.get((limit, system_auth_id))
            if met is not None and met.stands(now):
                return met.refusal(now)
        return None

    def admit_certificate(self, tx: Transaction, system_auth_id: str) -> None:
        """Return if the system auth may be issued one more certificate by its own doing.

        Raises:
            QuotaExceeded: it was issued too many within a day, or has too many that are good.
        """

        def issued(most: int) -> Sequence[datetime]:
            return tx.usage.issued(system_auth_id, since=tx.now - DAY, most=most)

        def good(most: int) -> Sequence[datetime]:
            return tx.usage.good(system_auth_id, now=tx.now, most=most)

        self._admit(_CERTIFICATES_A_DAY, tx, system_auth_id, issued)
        self._admit(_CERTIFICATES, tx, system_auth_id, good)

    def admit_token(self, tx: Transaction, system_auth_id: str) -> None:
        """Return if one more token may be minted for the system auth by its own doing.

        Raises:
            RateLimited: there were too many within a minute.
        """

        def minted(most: int) -> Sequence[datetime]:
            return tx.usage.minted(system_auth_id, since=tx.now - MINUTE, most=most)

        self._admit(_TOKENS_A_MINUTE, tx, system_auth_id, minted)

    def admit_entity(self, realm: Realm, kind: EntityKind) -> None:
        """Return if the tenant may have one more of that kind.

        Raises:
            QuotaExceeded: it has too many.
        """
        self._admit_tenant(
            LIMIT_OF_KIND[kind],
            realm,
            lambda most: realm.usage.entities(kind, most=most),
            f"This tenant has as many {kind.name.replace('_', ' ').lower()}s as it may have",
        )

    def admit_hand_over(self, realm: Realm) -> None:
        """Return if a token may be handed over in the tenant: it makes one more, and leads to one more certificate.

        Raises:
            QuotaExceeded: the tenant has too many that are unspent, or too many good certificates.
        """

        def unspent(most: int) -> int:
            unexpired = realm.usage.unexpired_tokens(most=most)
            return unexpired if unexpired < most else realm.usage.tokens(most=most)

        self._admit_tenant(
            Limit.TENANT_TOKENS,
            realm,
            unspent,
            "This tenant has as many unspent tokens as it may have. Withdraw those that are not needed",
        )
        self._admit_tenant(
            Limit.TENANT_CERTIFICATES,
            realm,
            lambda most: realm.usage.certificates(most=most),
            "This tenant has as many good certificates as it may have. Revoke those that are not needed",
        )

    def used_by_tenant(self, realm: Realm) -> Sequence[Used]:
        """How much of the tenant's quotas is in use."""
        value, usage = self.quotas.value, realm.usage
        counts: dict[Limit, Callable[..., int]] = {
            **{limit: partial(usage.entities, kind) for kind, limit in LIMIT_OF_KIND.items()},
            Limit.TENANT_CERTIFICATES: usage.certificates,
            Limit.TENANT_TOKENS: usage.tokens,
        }
        return [Used(limit, count(most=value(limit)), value(limit)) for limit, count in counts.items() if value(limit)]

    def met_by_owner(self, realm: Realm, owner_id: str) -> dict[str, list[Used]]:
        """The limits of certificates that the owner's system auths have met, by system auth."""
        day, most = self.quotas.certificates_a_day, self.quotas.certificates
        if not day and not most:
            return {}
        met = {
            auth: [
                used
                for used in (
                    Used(Limit.CERTIFICATES_A_DAY, each.issued, day),
                    Used(Limit.CERTIFICATES, each.good, most),
                )
                if used.is_met
            ]
            for auth, each in realm.usage.certified(owner_id, since=realm.now - DAY).items()
        }
        return {auth: used for auth, used in met.items() if used}

    def _admit(
        self, rule: _Rule, tx: Transaction, system_auth_id: str, moments: Callable[[int], Sequence[datetime]]
    ) -> None:
        """Return if there is room for one more; ``moments`` are those of the newest entries, at most its argument."""
        most, key = self.quotas.value(rule.limit), (rule.limit, system_auth_id)
        if not most or self._estimates.is_new(key, most, now=tx.now):
            return
        trusted = most // UNCOUNTED_PART
        if self._estimates.admit(key, most, lambda: len(moments(most)), trusted=trusted, now=tx.now, good_for=GOOD_FOR):
            return
        met = _Met(rule, most, at=tx.now, until=moments(most)[-1] + rule.frees_after)
        self._met[key] = met
        self._met.move_to_end(key)
        if len(self._met) > MOST_KEYS:
            self._met.popitem(last=False)
        raise met.refusal(tx.now)

    def _admit_tenant(self, limit: Limit, realm: Realm, count: Callable[[int], int], reason: str) -> None:
        most = self.quotas.value(limit)
        if not most:
            return
        fits = count(most) < most if most <= COUNTED_EACH_TIME else self._fits_large(limit, realm, most, count)
        if not fits:
            raise QuotaExceeded(limit, most, reason)

    def _fits_large(self, limit: Limit, realm: Realm, most: int, count: Callable[[int], int]) -> bool:
        refused = self._refused.setdefault(limit, {})
        since = refused.get(realm.tenant_id)
        if since is not None and timedelta(0) <= realm.now - since < REFUSED_FOR:
            return False
        key = (limit, realm.tenant_id)
        fits = self._estimates.admit(
            key, most, lambda: count(most), trusted=most, now=realm.now, good_for=TENANT_GOOD_FOR
        )
        if fits:
            refused.pop(realm.tenant_id, None)
        else:
            refused[realm.tenant_id] = realm.now
        return fits
