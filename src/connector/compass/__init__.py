"""A Compass installation as it is found: its database, its CA and its revocations."""

from connector.compass.database import CompassDatabase, open_database
from connector.compass.files import read_ca, read_certificate, read_revocations

__all__ = ["CompassDatabase", "open_database", "read_ca", "read_certificate", "read_revocations"]
