"""Logs: one line for each record, and no secret in any."""

import io
import json
import logging
import subprocess
import sys
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.system.telemetry import WITHHELD, Format, configure, logger, withhold_secrets

TOKEN = urlsafe_b64encode(bytes(range(64))).decode()
KEY = "connector-key-abcDEF_123-456abcDEF_123-456abcDEF_123-456abc"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl-_"
# With control characters and halves of surrogate pairs.
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
PRIVATE = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's: each test puts it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    logger().lines = None


def started(format: Format = "json") -> io.StringIO:
    """Logging into memory."""
    stream = io.StringIO()
    configure("info", format, stream=stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    """The records, each of which must be one line of JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_an_event_with_fields_and_the_time() -> None:
    """A record holds its event, level, fields, and the time in UTC."""
    stream = started()

    logger().info("certificate.issued", serial="0a1b", count=3)

    [record] = records(stream)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(record.pop("time"))) < timedelta(minutes=1)
    assert record == {"event": "certificate.issued", "level": "info", "serial": "0a1b", "count": 3}


def test_the_level_is_a_floor() -> None:
    """Records below the level are dropped, and so is a library's chatter."""
    stream = started()

    logger().debug("dropped")
    logging.getLogger("uvicorn.error").info("dropped")

    assert stream.getvalue() == ""


def test_a_library_s_records_and_warnings_look_the_same() -> None:
    """Whatever goes through the standard library's logging or warnings is a record too."""
    stream = started()

    logging.getLogger("asyncio").error("lost %s", "a socket", extra={"password": "hunter2"})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nways", DeprecationWarning, stacklevel=1)

    lost, old = records(stream)
    assert (lost["event"], lost["logger"], lost["password"]) == ("lost a socket", "asyncio", WITHHELD)
    assert (old["logger"], old["level"]) == ("py.warnings", "warning")


def test_an_exception_is_one_line_without_local_variables() -> None:
    """An exception is shown by type, text and place; the variables around it may hold secrets."""
    stream = started()
    secret = "hunter" + "2"

    try:
        int(f"bad\nline \x1b[31m {TOKEN}")
    except ValueError as error:
        logger().error("internal", exc_info=error)

    [record] = records(stream)
    assert WITHHELD in record["exception"][0]["exc_value"]
    assert TOKEN not in stream.getvalue()
    assert secret not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    "name", ["token", "secret", "key", "authorization", "password", "csr", "Connector-Token", "admin_key", "Cookie"]
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_a_field_named_as_a_secret_is_withheld(format: Format, name: str) -> None:
    """Such a field's value is never written, at any depth."""
    stream = started(format)

    logger().info("tried", **{name: "hunter2", "headers": [{name: "hunter2"}]})

    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count(WITHHELD) == 2


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        quote(TOKEN),
        quote(quote(TOKEN)),
        f"?token={TOKEN[:60]}",
        f"&token={TOKEN[:60]}",
        KEY,
        JWT,
        PRIVATE,
        PRIVATE.partition("\n-----END")[0],
    ],
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_a_secret_is_withheld_by_its_shape(format: Format, secret: str) -> None:
    """A token, an administrator's key or a private key inside any text is never written."""
    stream = started(format)

    logger().info(f"got {secret}", detail=f"a ({secret})", octets=secret.encode(), nested={"a": [secret]})

    shown = stream.getvalue()
    assert secret[28:40] not in shown
    assert shown.count(WITHHELD) == 4


def test_a_token_s_id_is_no_secret() -> None:
    """What may be logged to find a token again is logged."""
    stream = started()

    fields = {"token_id": "5f0c", "key_algorithm": "rsa2048"}
    logger().info("token.minted", **fields)

    assert records(stream)[0].items() >= fields.items()


@given(st.dictionaries(TEXTS, st.recursive(TEXTS | st.binary() | st.floats(), st.lists, max_leaves=5)))
def test_any_fields_make_one_line(fields: dict[str, Any]) -> None:
    """No text can break a line or write a control character, as JSON or on a terminal."""
    fields = {f"x{name}": value for name, value in fields.items()}
    as_json = started()
    logger().info("tried", **fields)
    as_text = started("console")
    logger().info("tried", **fields)

    for shown in (as_json.getvalue(), as_text.getvalue()):
        assert shown.endswith("\n")
        assert all(character.isprintable() or character == " " for character in shown[:-1] if character < "\xa0")
    assert len(records(as_json)) == 1


def test_depth_and_length_are_limited() -> None:
    """A record cannot be made to grow without end."""
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]

    event = withhold_secrets({"deep": deep, "long": "x" * 1_000_000})

    assert len(json.dumps(event)) < 20_000


def test_a_lost_log_loses_no_request() -> None:
    """Where standard error cannot be written, logging goes on in silence."""
    program = (
        "import logging, sys; from connector.system.telemetry import configure, logger\n"
        "configure('info', 'json'); logger().info('a'); logging.getLogger('b').error('b'); print('alive')"
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a path of ours
        shown = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False, timeout=30
        )

    assert shown.stdout == "alive\n"
