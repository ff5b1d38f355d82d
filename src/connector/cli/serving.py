"""The command that serves, and how it ends."""

from collections.abc import Mapping
from pathlib import Path

from connector.bootstrap import server
from connector.cli.exits import EXIT_FAILED, EXIT_SETTINGS, end
from connector.serving import ListenerError, ServerCertificateError, WorkersError


def serve(*, data_dir: Path | None, config: Path | None, flags: Mapping[str, object]) -> None:
    """Run the server until it is stopped."""
    try:
        server.serve(data_dir=data_dir, config=config, flags=flags, say=_say)
    except (ListenerError, ServerCertificateError) as error:
        end(error, EXIT_SETTINGS)
    except WorkersError as error:
        end(error, EXIT_FAILED)


def _say(line: str) -> None:
    print(line, flush=True)
