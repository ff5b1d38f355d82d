"""How the command ends where it does not succeed.

The exit codes are those that belong to no refusal; those that do are in :mod:`connector.web.problems`.
"""

import sys
from typing import NoReturn

EXIT_FAILED = 1
EXIT_SETTINGS = 2


def end(reason: object, status: int) -> NoReturn:
    """Say why, in one sentence on standard error, and exit."""
    print(f"connector: {reason}", file=sys.stderr)
    sys.exit(status)
