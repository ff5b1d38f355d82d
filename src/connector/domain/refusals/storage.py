"""Nothing was recorded, so nothing was done."""

from connector.domain.refusals import Unavailable


class StorageUnavailable(Unavailable):
    """The database does not answer, so nothing was changed. Try again in a moment; the cause is in the server's log."""

    code = "storage_unavailable"


class StorageFull(StorageUnavailable):
    """The database's disk is full, so nothing was changed. Free some space; no restart is needed."""

    code = "storage_full"


class StorageReadOnly(StorageUnavailable):
    """The database is read-only, so nothing was changed. Make it writable; no restart is needed."""

    code = "storage_read_only"
