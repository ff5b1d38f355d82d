"""Protection from other users of this machine: of our files, and of our memory in a core dump.

``files`` judges who can read or change a file, and returns what is wrong as values; ``memory`` keeps the kernel from
writing this process's memory anywhere. The server and the agent use both.
"""

from connector.exposure.files import Exposed, Finding, Trusted, directory, examine, named, read, refuse
from connector.exposure.memory import forbid_core_dumps

__all__ = ["Exposed", "Finding", "Trusted", "directory", "examine", "forbid_core_dumps", "named", "read", "refuse"]
