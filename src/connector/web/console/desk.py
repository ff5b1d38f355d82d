"""The common objects of all pages of the console."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from connector.domain.administrators import SessionPolicy
from connector.domain.overview import Overview
from connector.domain.pairing import Links
from connector.domain.tokens import TokenPolicy
from connector.pki.profile import Profiles
from connector.ports.oidc import SignsIn
from connector.ports.passwords import Passwords
from connector.ports.transaction import Clock, Random, Store
from connector.usecases.crls import PublishedCRLs
from connector.usecases.issuers import Issuers
from connector.usecases.offices import Office
from connector.usecases.quotas import Allowances
from connector.usecases.realms import SYSTEM, Installation
from connector.web.requests import BodyLimits
from connector.web.shares import Shares
from connector.web.throttle import Throttle


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A setting in force, for people: its value as text, and where it came from. A secret's value is never in it."""

    section: str
    name: str
    value: str
    origin: str
    about: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The objects that the pages share. ``signs_in`` is None where nobody signs in by OpenID Connect; ``issuer_name``
    is what its issuer is called.

    A certificate that ends within ``overdue`` should have been renewed: its holder may have gone silent.
    """

    store: Store
    issuers: Issuers
    profiles: Profiles
    tokens: TokenPolicy
    allowances: Allowances
    clock: Clock
    random: Random
    links: Links
    public_url: str
    body: BodyLimits
    throttle: Throttle
    shares: Shares
    passwords: Passwords
    sessions: SessionPolicy
    signs_in: SignsIn | None
    settings: Sequence[SettingLine]
    overdue: timedelta
    issuer_name: str = "OpenID Connect"
    crls: PublishedCRLs | None = None
    overviews: dict[str, Overview] = field(default_factory=dict)
    streams: set[object] = field(default_factory=set)

    @property
    def office(self) -> Office[Installation]:
        """Where the server itself acts, for somebody who is not signed in."""
        return Office(self.store, lambda tx: Installation(tx, SYSTEM))
