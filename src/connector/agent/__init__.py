"""``connector-agent``: an external system's identity, obtained once and kept good. It needs nothing of the server."""

import sys


def main() -> None:
    """Run the command."""
    from connector.agent.cli import run  # noqa: PLC0415 - whoever imports a module of this package needs no command line

    sys.exit(run(sys.argv[1:]))
