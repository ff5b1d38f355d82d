"""Nothing was recorded, so nothing was done."""

from connector.domain.refusals import Unavailable


class StorageUnavailable(Unavailable):
    """The database does not answer, so nothing was changed. Try again in a moment; if it lasts, look at /readyz."""

    code = "storage_unavailable"


class StorageFull(StorageUnavailable):
    """The disk under the database is full, so nothing was changed. Free some space; no restart is needed."""

    code = "storage_full"


class StorageReadOnly(StorageUnavailable):
    """The database cannot be written, so nothing was changed. Make it writable; no restart is needed."""

    code = "storage_read_only"
