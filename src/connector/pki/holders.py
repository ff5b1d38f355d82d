"""For whom a certificate is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """The system auth that a certificate identifies, and whose it is: its owner, the owner's kind, and the tenant.

    ``kind`` is "application" or "runtime".
    """

    tenant_id: str
    owner_id: str
    kind: str
    system_auth_id: str
