"""The audit in the log: one line for each event, after its commit, with the names that its export has; and counted."""

from operator import attrgetter

from connector.domain.audit import Action, Event
from connector.system import telemetry
from connector.system.meters import Family, Kind, meters

_NAMES = ("tenant_id", "owner_id", "system_auth_id", "token_id", "serial", "reason", "address", "request_id")
_VALUES = attrgetter(*_NAMES)
_log = telemetry.logger()

EVENTS = Family(
    "connector_events",
    Kind.COUNTER,
    "Events of the audit, by their kind, such as certificate.issued, token.refused or certificate.revoked.",
    ("action",),
    tuple((str(action),) for action in Action),
)


def tell(event: Event) -> None:
    """Log the event, and count it."""
    meters().add(EVENTS, (event.action,), event.times)
    fields = {name: value for name, value in zip(_NAMES, _VALUES(event), strict=True) if value is not None}
    if event.times != 1:
        fields["times"] = event.times
    _log.info(str(event.action), actor=event.actor, **fields)
