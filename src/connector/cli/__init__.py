"""The ``connector`` command."""

import sys

from connector.cli.exits import EXIT_SETTINGS


def main() -> None:
    """Run the command, where the server is installed; the client side alone has no command."""
    try:
        from connector.cli.program import run  # noqa: PLC0415 - the client side installs without typer and the rest
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "connector":
            raise
        print(f"connector: {error.name} is not installed. Run: pip install 'connector[server]'", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)
    run()
