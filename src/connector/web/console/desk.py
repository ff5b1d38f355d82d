"""What all pages of the console stand on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connector.administrators import SessionPolicy
from connector.enrollment import Enrollment
from connector.overview import Overview
from connector.pairing import Links
from connector.ports import Passwords, SignsIn
from connector.web.requests import BodyLimits
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
    """What the pages share. ``signs_in`` is None where nobody signs in by OpenID Connect."""

    enrollment: Enrollment
    links: Links
    public_url: str
    body: BodyLimits
    throttle: Throttle
    passwords: Passwords
    sessions: SessionPolicy
    signs_in: SignsIn | None
    settings: Sequence[SettingLine]
    overviews: dict[str, Overview] = field(default_factory=dict)
    streams: set[object] = field(default_factory=set)
