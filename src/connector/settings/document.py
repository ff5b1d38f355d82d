"""docs/settings.md, made from the settings themselves."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from inspect import cleandoc
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import ByteSize
from pydantic.fields import FieldInfo

from connector.settings.loading import CONFIG, DATA_DIR, DEFAULT_DATA_DIR, SETTINGS, Setting, sections
from connector.settings.sections import Settings
from connector.settings.values import Address, show_duration, show_size

EXAMPLE = """\
[listeners]
public = "0.0.0.0:8443"
mtls = "0.0.0.0:8444"

[urls]
public = "https://connector.example.com"
mtls = "https://connector-mtls.example.com"

[certificates]
validity = "30d"
"""

_HEAD = f"""\
# Settings

<!-- Made from src/connector/settings by `make docs`; a test holds it to the code. -->

Every setting has a default. `connector serve --data-dir DIR` starts without any other.

A flag takes precedence over the environment, the environment over the file, and the file over the default. The file is
`DIR/connector.toml`, or the one that `--config` or `{CONFIG}` names; paths in it are relative to its directory. `DIR`
is the directory that `--data-dir` or `{DATA_DIR}` names, otherwise `{DEFAULT_DATA_DIR}` in the working directory.

The server does not start with an unknown or wrong setting; the message names the setting, its source and the reason.
Secrets are read from the environment or from files of their own, never from `connector.toml` or a flag.

`connector config check` checks the settings, and the files that they name, without a start. `connector config show`
prints those in force that differ from the default, each with its source; `--all` prints every one.

Write durations as `90d`, `12h`, `5m`, `30s`, combined (`1d12h`), in seconds, or in ISO 8601 (`P90D`). Write sizes as
`1MiB`, `64KiB`, or in bytes. In the environment, separate the items of a list by commas.

An example:

```toml
{EXAMPLE}```
"""


def document() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *_pages()])


def in_force(settings: Settings, origins: Mapping[str, str]) -> Iterator[tuple[Setting, str, str]]:
    """Every setting with its value as text, never a secret's, and where it came from."""
    for setting in SETTINGS.values():
        value = getattr(getattr(settings, setting.section), setting.name)
        text = _shown(value, setting.field).strip("`") or "none"
        if setting.is_secret:
            text = "none" if value is None else "set, and not shown"
        yield setting, text, origins.get(setting.dotted, "default")


def _pages() -> Iterator[str]:
    for name, model in sections().items():
        yield f"## [{name}]\n"
        yield cleandoc(model.__doc__ or "") + "\n"
        yield "| setting | environment | default | limits | meaning |"
        yield "|---|---|---|---|---|"
        yield from (_row(setting) for setting in SETTINGS.values() if setting.section == name)
        yield ""


def _row(setting: Setting) -> str:
    field = setting.field
    cells = (
        f"`{setting.name}`",
        f"`{setting.variable}`",
        _shown(field.default, field),
        _limits(field),
        field.description or "",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _limits(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    bounds = {type(bound): bound for bound in field.metadata}
    if Ge in bounds and Le in bounds:
        return f"{_shown(bounds[Ge].ge, field)} to {_shown(bounds[Le].le, field)}"
    if MinLen in bounds and MaxLen in bounds:
        return f"{bounds[MinLen].min_length} to {bounds[MaxLen].max_length} characters"
    if MaxLen in bounds:
        return f"at most {bounds[MaxLen].max_length}"
    return ""


def _shown(value: Any, field: FieldInfo) -> str:
    """The value as connector.toml would have it."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        text = f'"{show_duration(value)}"'
    elif field.annotation is ByteSize:
        text = f'"{show_size(value)}"'
    elif isinstance(value, tuple):
        text = "[" + ", ".join(f'"{part}"' for part in value) + "]"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str | Address):
        text = f'"{value}"'
    else:
        text = str(value)
    return f"`{text}`"
