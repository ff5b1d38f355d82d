"""Events in words."""

from typing import Any

from tests.support.records import event

from connector.domain.audit import Action, Event, Recorded
from connector.web.console import stories


def of(token: str, **fields: Any) -> Event:
    return event(**{"token_id": token, **fields})


def test_every_action_has_words() -> None:
    """Each thing that can happen is told in words of its own."""
    assert set(stories.WORDS) == set(Action)
    assert len(set(stories.WORDS.values())) == len(Action)


def test_a_refusal_is_told_in_its_own_words() -> None:
    """A refusal's code is told with what it means; any other reason as it was recorded."""
    told = stories.line(event(action=Action.TOKEN_REFUSED, reason="token_expired"))
    assert told.detail == "The one-time token has expired. Ask the administrator for a new one. [token_expired]"
    assert told.mood == "bad"
    assert stories.detail(event(reason="keyCompromise")) == "keyCompromise"
    assert stories.detail(event()) == ""


def test_an_enrollment_is_told_in_few_lines() -> None:
    """What one call does in one transaction is one line: the token that it spends and the one that follows are none."""
    events = [
        of("2", action=Action.CERTIFICATE_ISSUED, serial="ab"),
        of("2", action=Action.TOKEN_SPENT),
        of("2", action=Action.TOKEN_MINTED, actor="token:1"),
        of("1", action=Action.TOKEN_SPENT),
        of("1", action=Action.TOKEN_MINTED, actor="administrator:ann"),
    ]
    told = stories.lines([Recorded(9 - number, each) for number, each in enumerate(events)])
    assert [each.text for each in told] == [
        "Connected: certificate issued",
        "Configuration fetched",
        "Token created",
    ]
