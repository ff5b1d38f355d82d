"""Commands that are meant for a shell are refused, because none runs them."""

import pytest

from connector.agent.hooks import split
from connector.agent.outcomes import BadInput


@pytest.mark.parametrize(
    "command",
    [
        "echo oops >&2; exit 3",
        "reload && notify",
        "cat x | y",
        "kill -HUP $(cat nginx.pid)",
        "kill -HUP `cat nginx.pid`",
        'kill -HUP "$PID"',
        "reload &",
        'echo "a" > b',
    ],
)
def test_command_for_a_shell_is_refused(command: str) -> None:
    """An operator or an expansion would become an argument, and the command might succeed without any effect."""
    with pytest.raises(BadInput, match="sh -c"):
        split(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nginx -s reload", ["nginx", "-s", "reload"]),
        ("sh -c 'kill -HUP $(cat x); exit 3'", ["sh", "-c", "kill -HUP $(cat x); exit 3"]),
        ('curl "http://x/?a=1&b=2"', ["curl", "http://x/?a=1&b=2"]),
        (r"find . -exec touch {} \;", ["find", ".", "-exec", "touch", "{}", ";"]),
        ("awk '$1 > 2'", ["awk", "$1 > 2"]),
        ("notify costs-5$", ["notify", "costs-5$"]),
    ],
)
def test_quoted_operators_are_arguments(command: str, words: list[str]) -> None:
    """What is quoted is meant as it stands."""
    assert split(command) == words
