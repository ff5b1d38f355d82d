"""The command line. Each command imports its modules when it runs, so that all start quickly."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from connector import __version__

Command = Callable[[argparse.Namespace], int]

DIRECTORY = "connector-identity"
KEYS = ("p256", "p384", "rsa2048", "rsa3072", "rsa4096", "ed25519")
HOOK_SECONDS = 30.0
_OWNER_ALONE = 0o077
PATIENCE_SECONDS = 60.0
STATUS_SECONDS = 5.0
CHECK_SECONDS = 240.0
CRL_SECONDS = 30.0

EXITS = """\
exit status:
  0 fine          3 bad input            6 server away: try again     9 a --reload command failed
  1 fault of ours 4 the server refused   7 another agent is at work  10 the doctor found something
  2 wrong usage   5 not the right server 8 files cannot be used
"""


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="connector-agent",
        description="Connects this system: from a pairing string to a certificate that stays good.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    shared = _shared()
    _enroll(commands.add_parser("enroll", parents=[shared], help="turn a pairing string into an identity"))
    status = commands.add_parser("status", parents=[shared], help="say whether this system is connected")
    status.add_argument("--offline", action="store_true", help="by the files alone, without asking the server")
    status.set_defaults(patience=STATUS_SECONDS)
    _renew(commands.add_parser("renew", parents=[shared], help="renew the certificate now"))
    _run(commands.add_parser("run", parents=[shared], help="stay, and renew when it is time"))
    _crl(commands.add_parser("crl", parents=[shared], help="keep the CRLs fresh in files, as gateways read them"))
    _call(commands.add_parser("call", parents=[shared], help="send a GraphQL query over mutual TLS"))
    revoke = commands.add_parser("revoke", parents=[shared], help="have the certificate revoked, for good")
    revoke.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("doctor", parents=[shared], help="say what is wrong, and what to do")
    _export(commands.add_parser("export", parents=[shared], help="write PKCS #12 files, as Java takes them"))
    return top


def _shared() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "-d",
        "--directory",
        type=Path,
        default=Path(os.environ.get("CONNECTOR_AGENT_DIR") or DIRECTORY),
        help="the identity's directory: CONNECTOR_AGENT_DIR, or connector-identity, if not given",
    )
    shared.add_argument(
        "--group",
        default=os.environ.get("CONNECTOR_AGENT_GROUP") or None,
        help="a group that may read and write the directory too: CONNECTOR_AGENT_GROUP, or none, if not given",
    )
    shared.add_argument("--json", action="store_true", help="print JSON")
    shared.add_argument(
        "--retry-for",
        "--patience",
        dest="patience",
        type=_duration,
        default=PATIENCE_SECONDS,
        metavar="TIME",
        help="how long to try again while the server is away, such as 90s or 10m (60s; status: 5s)",
    )
    return shared


def _enroll(command: argparse.ArgumentParser) -> None:
    command.add_argument("pairing", nargs="?", help="the pairing string; - for standard input, which no history keeps")
    command.add_argument("--file", type=Path, help="a file that holds the pairing string")
    command.add_argument("--key", choices=KEYS, default=KEYS[0], help="the kind of key to make (p256)")
    command.add_argument(
        "--key-file", type=Path, metavar="FILE", help="use this key (PEM) instead of making one; it is copied"
    )
    command.add_argument("--passphrase-file", type=Path, help="its one line encrypts the key's file")
    command.add_argument("--replace", action="store_true", help="give up the identity that the directory holds")


def _hooks(command: argparse.ArgumentParser, *names: str) -> None:
    command.add_argument(
        *names,
        dest="reload",
        action="append",
        default=[],
        metavar="COMMAND",
        help="run this when the files have changed; may be given several times",
    )
    command.add_argument(
        "--reload-seconds", type=_duration, default=HOOK_SECONDS, metavar="TIME", help="its time limit (30s)"
    )


def _renewal(command: argparse.ArgumentParser) -> None:
    _hooks(command, "--reload")
    command.add_argument("--same-key", action="store_true", help="keep the key, instead of making a new one")


def _renew(command: argparse.ArgumentParser) -> None:
    _renewal(command)
    command.add_argument("--if-due", action="store_true", help="only if it is time to: for a timer")


def _run(command: argparse.ArgumentParser) -> None:
    _renewal(command)
    _stay(command, CHECK_SECONDS, "ask the server at least so often whether it still accepts the certificate (4m)")


def _crl(command: argparse.ArgumentParser) -> None:
    command.add_argument("--to", type=Path, required=True, metavar="DIR", help="the directory of the files")
    command.add_argument("--url", help="where the server has its CRLs, such as http://pki.example.com (the identity's)")
    command.add_argument("--root", type=Path, metavar="FILE", help="the root certificate, PEM (the identity's)")
    _hooks(command, "--then", "--reload")
    command.add_argument("--once", action="store_true", help="fetch them and end: for a timer")
    _stay(command, CRL_SECONDS, "ask the server so often (30s)")


def _stay(command: argparse.ArgumentParser, seconds: float, how_often: str) -> None:
    command.add_argument("--metrics", type=Path, metavar="FILE", help="a .prom file for node_exporter's collector")
    command.add_argument("--check", type=_duration, default=seconds, metavar="TIME", help=how_often)


def _duration(text: str) -> float:
    from connector.agent.times import seconds  # noqa: PLC0415 - see above

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _call(command: argparse.ArgumentParser) -> None:
    command.add_argument("query", nargs="?", default="{ viewer { id type } }", help="GraphQL; - for standard input")
    command.add_argument("--variables", metavar="JSON", help="its variables")
    command.add_argument("--connector", action="store_true", help="ask the Connector API instead of the Director API")


def _export(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pkcs12", type=Path, metavar="FILE", help="write key and chain there")
    command.add_argument("--truststore", type=Path, metavar="FILE", help="write the trust anchors there")
    command.add_argument("--password-file", type=Path, required=True, metavar="FILE", help="its one line protects both")


def run(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    given = parser().parse_args(arguments)
    from connector.agent import commands  # noqa: PLC0415 - see above
    from connector.agent.outcomes import AgentError, Exit, explained  # noqa: PLC0415 - see above
    from connector.agent.terminal import Output  # noqa: PLC0415
    from connector.exposure import forbid_core_dumps  # noqa: PLC0415

    given.umask = os.umask(_OWNER_ALONE)
    forbid_core_dumps()
    output = Output(as_json=given.json)
    command: Callable[[argparse.Namespace, Output], int] = getattr(commands, given.command)
    try:
        with explained():
            return command(given, output)
    except AgentError as error:
        output.failure(error.code, str(error), error.exit)
        return error.exit
    except KeyboardInterrupt:
        output.failure("interrupted", "Interrupted. The same command goes on where this one ended.", Exit.UNREACHABLE)
        return Exit.UNREACHABLE
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE
