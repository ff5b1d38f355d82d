"""An argument breaks a rule, or does not fit what is recorded."""

from connector.domain.refusals import Refusal


class InvalidData(Refusal):
    """Invalid data. Correct the field that the message names."""

    code = "invalid_data"

    broken: tuple[str, str, str] | None = None
    """A field, the rule that it breaks, and what to do; where one field breaks one rule."""

    @classmethod
    def breaks(cls, field: str, rule: str, advice: str) -> "InvalidData":
        """The refusal of a field that breaks a rule."""
        refusal = cls(f"Invalid data {field}: {rule}. {advice}")
        refusal.broken = (field, rule, advice)
        return refusal


class ObjectNotFound(Refusal):
    """Object not found. Check its id, and that the Tenant header names its tenant."""

    code = "not_found"


class NotUniqueName(Refusal):
    """Object name is not unique. Choose another name."""

    code = "not_unique_name"


class ObjectInUse(Refusal):
    """Object is in use: applications name this integration system. Update or unregister them first."""

    code = "object_in_use"
