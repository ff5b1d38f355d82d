"""The ``connector`` command."""

import gc

from connector.cli.exits import EXIT_SETTINGS, end

# What a start makes is still there when it is done: to look for garbage in it took a seventh of the time.
GARBAGE_THRESHOLD = 50_000


def main() -> None:
    """Run the command, where the server is installed; the client side alone has no command."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        from connector.cli.program import run  # noqa: PLC0415 - the client side installs without typer and the rest
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "connector":
            raise
        end(f"{error.name} is not installed: this is the agent without the server. See docs/install.md.", EXIT_SETTINGS)
    try:
        run()
    finally:
        # Python's own end looks through everything once more, which took a fifth of a short command's time.
        gc.freeze()
