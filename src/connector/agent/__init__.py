"""The external system's side as a program: ``connector-agent`` obtains an identity once and keeps it good.

It needs nothing of the server, so that it installs alone.
"""

import sys


def main() -> None:
    """Run the command."""
    from connector.agent.cli import run  # noqa: PLC0415 - whoever imports a module of this package needs no command line

    sys.exit(run(sys.argv[1:]))
