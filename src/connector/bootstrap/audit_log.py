"""The audit in the log: one line for each event, after its commit, with the names that its export has."""

from connector.domain.audit import Event
from connector.system import telemetry

_NAMES = ("tenant_id", "owner_id", "system_auth_id", "token_id", "serial", "reason", "address", "request_id")


def tell(event: Event) -> None:
    """Log the event."""
    fields = {name: value for name in _NAMES if (value := getattr(event, name)) is not None}
    if event.times != 1:
        fields["times"] = event.times
    telemetry.logger().info(event.action.value, actor=event.actor, **fields)
