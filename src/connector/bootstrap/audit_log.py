"""The audit in the log: one line for each event, after its commit, with the names that its export has."""

from operator import attrgetter

from connector.domain.audit import Event
from connector.system import telemetry

_NAMES = ("tenant_id", "owner_id", "system_auth_id", "token_id", "serial", "reason", "address", "request_id")
_VALUES = attrgetter(*_NAMES)
_log = telemetry.logger()


def tell(event: Event) -> None:
    """Log the event."""
    fields = {name: value for name, value in zip(_NAMES, _VALUES(event), strict=True) if value is not None}
    if event.times != 1:
        fields["times"] = event.times
    _log.info(str(event.action), actor=event.actor, **fields)
