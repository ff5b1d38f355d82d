"""How a command of the agent can end: each outcome has an exit status, and each failure says what to do."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from connector.agent.mending import next_step
from connector.exposure import Exposed


class Exit(IntEnum):
    """The exit statuses; they are API (docs/agent.md)."""

    FINE = 0
    FAULT = 1
    USAGE = 2
    INPUT = 3
    REFUSED = 4
    UNTRUSTED = 5
    UNREACHABLE = 6
    LOCKED = 7
    FILES = 8
    HOOK = 9
    UNWELL = 10


class AgentError(Exception):
    """The command cannot go on. ``code`` is a stable word, the text says what to do."""

    exit = Exit.FAULT

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadInput(AgentError):
    """The input cannot be used: the pairing string, or a directory without an identity."""

    exit = Exit.INPUT


class ServerRefused(AgentError):
    """The server said no, and will say so again."""

    exit = Exit.REFUSED


class ServerUntrusted(AgentError):
    """The server is not the one that it should be; nothing was sent to it."""

    exit = Exit.UNTRUSTED


class Unreachable(AgentError):
    """The server cannot be reached, or cannot answer now. The same command goes on where this one ended.

    ``retry_after`` is how many seconds the server asked to wait.
    """

    exit = Exit.UNREACHABLE

    def __init__(self, code: str, message: str, retry_after: float = 0) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Locked(AgentError):
    """Another agent works on the directory."""

    exit = Exit.LOCKED


class FilesUnusable(AgentError):
    """The directory, or a file in it, cannot be read or written."""

    exit = Exit.FILES


class HookFailed(AgentError):
    """A command that was to reload a program failed, so that the former pair is in use again."""

    exit = Exit.HOOK


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the system says about a file into a failure of the agent's own."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read the output has seen enough: no file is at fault
    except ssl.SSLError as error:
        raise FilesUnusable(
            "files_unusable", f"The key and the certificate cannot be used together: {error.reason or error}."
        ) from error
    except Exposed as error:
        raise FilesUnusable("files_exposed", str(error)) from error
    except OSError as error:
        raise FilesUnusable("files_unusable", explanation(error)) from error


def explanation(error: OSError) -> str:
    """The system's error about a file, with the file's name and the next step."""
    what = error.filename or "A file"
    return f"{what} cannot be used: {error.strerror or error}. {next_step(error)}"
