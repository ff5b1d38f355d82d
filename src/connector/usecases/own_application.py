"""An application's own view of itself, for the holder of its token or certificate."""

from dataclasses import dataclass

from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind, application_name, events_url
from connector.domain.principals import Scope
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.tokens import OneTimeToken
from connector.ports.transaction import Transaction
from connector.usecases.realms import enter_as_bearer, enter_as_owner
from connector.usecases.registration import registered


@dataclass(frozen=True, slots=True)
class OwnApplication:
    """The application's name, and the URL for its events: an empty text where no runtime takes them."""

    name: str
    events_url: str


def own_application(tx: Transaction, credential: OneTimeToken | Certificate) -> OwnApplication:
    """The application to which a good token or certificate belongs.

    Raises:
        ObjectNotFound: the credential belongs to a runtime, or its application is gone.
        TenantForbidden: the tenant is gone.
    """
    if isinstance(credential, OneTimeToken):
        realm = enter_as_bearer(tx, credential, Scope.APPLICATION_READ)
        kind = EntityKind(credential.type.value)
    else:
        realm = enter_as_owner(tx, credential, None, Scope.APPLICATION_READ)
        kind = credential.owner_kind
    if kind is not EntityKind.APPLICATION:
        raise ObjectNotFound("Object not found: this is about applications. Call with an application's credential.")
    application = registered(realm, kind, credential.owner_id)
    runtime = None
    if application.eventing_runtime_id is not None:
        runtime = realm.directory.entity(EntityKind.RUNTIME, application.eventing_runtime_id)
    return OwnApplication(application_name(application), events_url(application, runtime))
