"""Commands that make programs take up the new certificate."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.agent.outcomes import BadInput, HookFailed

MAX_TOLD = 500

_QUOTED = re.compile(r"'[^']*'|\\.")
_DOUBLY_QUOTED = re.compile(r'"[^"]*"')
_OPERATOR = re.compile(r"[;|&<>]")
_EXPANSION = re.compile(r"`|\$[A-Za-z_{(]")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Run one after the other, each within the time limit; no shell is involved, unless a command names one.

    ``umask`` is theirs; with -1 they have the agent's.
    """

    commands: Sequence[str]
    seconds: float
    umask: int = -1

    def run(self, directory: Path, event: Callable[..., None]) -> None:
        """Run them all. The directory is in CONNECTOR_AGENT_DIR.

        Raises:
            HookFailed: one failed, took too long, or could not be started.
        """
        for command in self.commands:
            self._run(command, directory)
            event("hook.done", command=command)

    def _run(self, command: str, directory: Path) -> None:
        environment = {**os.environ, "CONNECTOR_AGENT_DIR": str(directory)}
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                split(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                umask=self.umask,
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            raise HookFailed("hook_failed", f"{command!r} cannot be started: {error.strerror}.") from error
        try:
            output, _ = process.communicate(timeout=self.seconds)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise HookFailed(
                "hook_failed", f"{command!r} did not end within {self.seconds:g} s and was killed."
            ) from error
        if process.returncode != 0:
            said = " ".join(output.decode(errors="replace").split())[-MAX_TOLD:]
            raise HookFailed(
                "hook_failed", f"{command!r} ended with status {process.returncode}: {said or 'no output'}"
            )


def split(command: str) -> list[str]:
    """The command's words.

    Raises:
        BadInput: there are none, a quote is not closed, or it is meant for a shell.
    """
    open_to_a_shell = _QUOTED.sub("", command)
    meant = _EXPANSION.search(open_to_a_shell) or _OPERATOR.search(_DOUBLY_QUOTED.sub("", open_to_a_shell))
    if meant is not None:
        # Without a shell the command would get it as an argument, and might succeed without having done anything.
        raise BadInput(
            "hook_unreadable",
            f"The command {command!r} has {meant.group()!r} in it, which only a shell understands, and none runs it. "
            f"Write: --reload \"sh -c '...'\", or quote that character.",
        )
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadInput("hook_unreadable", f"The command {command!r} cannot be read: {error}.") from error
    if not words:
        raise BadInput("hook_unreadable", "A --reload command is empty. Leave it out instead.")
    return words
