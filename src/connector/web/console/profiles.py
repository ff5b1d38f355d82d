"""Certificate profiles: what each contains, which one somebody gets and why, and the tenant's default."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from starlette.responses import Response

from connector.domain.directory import Entity, Tenant
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData
from connector.pki.profile import Profile, Profiles
from connector.usecases.realms import Realm
from connector.usecases.tenants import choose_profile
from connector.web.console.describe import PURPOSES
from connector.web.console.formats import spoken
from connector.web.console.forms import Form, given
from connector.web.console.visits import Visit

PROFILES = "profiles"


class Origin(StrEnum):
    """Where a profile was chosen."""

    OWN = "own"
    TENANT = "tenant"
    INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Choice:
    """The profile that counts, and where it was chosen. ``others`` are the names that can be chosen."""

    name: str
    origin: Origin
    others: Sequence[str]

    @property
    def is_set_up(self) -> bool:
        """Whether this server can issue by it."""
        return self.name in self.others


@dataclass(frozen=True, slots=True)
class Contents:
    """What certificates of a profile contain, in words."""

    name: str
    subject: str
    validity: str
    purposes: Sequence[str]
    names: Sequence[str]


def default_of(tenant: Tenant, profiles: Profiles) -> Choice:
    """What counts for those for whom nothing was chosen."""
    if tenant.profile is not None:
        return Choice(tenant.profile, Origin.TENANT, profiles.names)
    return Choice(profiles.default.name, Origin.INSTALLATION, profiles.names)


def choice_of(entity: Entity, tenant: Tenant, profiles: Profiles) -> Choice:
    """What counts for an application or runtime."""
    if entity.profile is not None:
        return Choice(entity.profile, Origin.OWN, profiles.names)
    return default_of(tenant, profiles)


def chosen_profile(form: Form, profiles: Profiles) -> str | None:
    """The name in a form; None where it leaves the choice to the default.

    Raises:
        InvalidData: it is the name of no profile that is set up.
    """
    name = given(form, "profile") or None
    if profiles.named(name) is None:
        raise InvalidData(f"This server has no certificate profile of that name. Choose {' or '.join(profiles.names)}.")
    return name


async def show(visit: Visit) -> Response:
    """The profiles that are set up, and the tenant's default."""
    return await _shown(visit)


async def choose_default(visit: Visit) -> Response:
    """Choose the tenant's default."""
    try:
        await visit.office.run(choose_profile, chosen_profile(visit.form, visit.desk.profiles))
    except InvalidData as error:
        return await _shown(visit, error=error)
    return visit.done(visit.path(PROFILES), "profile-chosen")


async def _shown(visit: Visit, *, error: Refusal | None = None) -> Response:
    def tenant_of(realm: Realm) -> Tenant:
        return realm.tenant

    tenant, profiles = await visit.office.read(tenant_of), visit.desk.profiles
    return visit.show(
        "profiles.html",
        error=error,
        contents=[_contents(profile) for name in profiles.names if (profile := profiles.named(name)) is not None],
        chosen=tenant.profile,
        choice=default_of(tenant, profiles),
        installation=profiles.default.name,
    )


def _contents(profile: Profile) -> Contents:
    return Contents(
        name=profile.name,
        subject=profile.csr.subject.text("…"),
        validity=spoken(profile.validity),
        purposes=[PURPOSES[x509.ObjectIdentifier(each.value)] for each in profile.purposes],
        names=[each.template for each in profile.names],
    )
