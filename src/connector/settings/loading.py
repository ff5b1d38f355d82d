"""From a file, the environment and flags to :class:`Settings`, or to a list of everything that is wrong.

Each value keeps where it came from until all are checked, so that a problem can name its place.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from connector.exposure import Trusted, directory, named, read, refuse
from connector.exposure.files import group_id
from connector.settings.section import Section
from connector.settings.sections import Settings

PREFIX = "CONNECTOR_"
DATA_DIR = "CONNECTOR_DATA_DIR"
CONFIG = "CONNECTOR_CONFIG"
DEFAULT_DATA_DIR = "connector-data"
FILE_NAME = "connector.toml"
_GROUP = "CONNECTOR_FILES__GROUP"
MAX_FILE_OCTETS = 1 << 20
_PLAIN = {"missing": "It should be given", "extra_forbidden": "There is no such setting"}

# Kubernetes puts the addresses of a Service named "connector" or "connector-mtls" into all containers around it.
_KUBERNETES = re.compile(
    r"CONNECTOR_(?:[A-Z0-9]+_)*?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9]+)*"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that is wrong. ``origin`` is the file, ``environment`` or ``flag``; ``reason`` holds no value."""

    setting: str
    origin: str
    reason: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.setting} ({self.origin}): {self.reason}"


class SettingsError(Exception):
    """The settings are wrong; every problem is in ``problems``."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"The settings are wrong:{lines}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting by all its names. ``is_secret``: it is read from the environment alone, and never shown."""

    section: str
    name: str
    field: FieldInfo

    @property
    def dotted(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.section}__{self.name}".upper()

    @property
    def is_secret(self) -> bool:
        """Whether its value is a secret."""
        return _holds_secret(self.field.annotation)


def _holds_secret(annotation: object) -> bool:
    """Whether a value of this type may be a secret, however deep it is in unions and annotations."""
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))


@dataclass(frozen=True, slots=True)
class _Given:
    value: object
    origin: str


def sections() -> Mapping[str, type[Section]]:
    """The sections by name, in the order of their documentation."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _all_settings() -> Iterator[Setting]:
    for section, model in sections().items():
        for name, field in model.model_fields.items():
            yield Setting(section, name, field)


SETTINGS: Mapping[str, Setting] = {setting.dotted: setting for setting in _all_settings()}
_BY_VARIABLE: Mapping[str, Setting] = {setting.variable: setting for setting in SETTINGS.values()}


def load(
    *, data_dir: Path | None, config: Path | None, overrides: Mapping[str, Any], environ: Mapping[str, str]
) -> Settings:
    """The settings: flags before environment before connector.toml before defaults.

    ``data_dir`` and ``config`` are flags, as are ``overrides``, by ``section.name``; a flag that is None was not
    given. Without ``config`` the file is connector.toml in the data directory, if there is one.

    Raises:
        SettingsError: anything is unknown or wrong.
        Exposed: others can write the data directory or the file.
    """
    return load_told(data_dir=data_dir, config=config, overrides=overrides, environ=environ)[0]


def load_told(
    *, data_dir: Path | None, config: Path | None, overrides: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Settings, Mapping[str, str]]:
    """The same, and where each that was given came from: the file, ``environment`` or ``flag``, by ``section.name``."""
    problems: list[Problem] = []
    home = data_dir or _path(environ, DATA_DIR, problems) or Path(DEFAULT_DATA_DIR)
    file = config or _path(environ, CONFIG, problems)
    trusted = Trusted.within(home, _group(environ))
    refuse([*directory(home, trusted), *named(file or home / FILE_NAME, trusted, is_secret=False)])
    given: dict[str, _Given] = {}
    for source in (
        _from_file(file or home / FILE_NAME, problems, required=file is not None, trusted=trusted),
        _from_environment(environ, problems),
        _from_flags(overrides, problems),
    ):
        given.update(source)
    settings = _validated(home, given, problems)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings, {name: each.origin for name, each in given.items()}


def _path(environ: Mapping[str, str], variable: str, problems: list[Problem]) -> Path | None:
    text = environ.get(variable)
    if text == "":
        problems.append(Problem(variable, "environment", "It is empty."))
    return Path(text) if text else None


def _group(environ: Mapping[str, str]) -> int | None:
    """The group that may write the settings file. What is wrong with the setting is found when all are checked."""
    try:
        return group_id(environ[_GROUP])
    except (KeyError, ValueError):
        return None


def _from_file(path: Path, problems: list[Problem], *, required: bool, trusted: Trusted) -> dict[str, _Given]:
    origin = str(path)
    given: dict[str, _Given] = {}
    for section, table in _read(path, problems, required=required, trusted=trusted).items():
        if section not in sections():
            advice = f"Give --data-dir or {DATA_DIR}." if section == "data_dir" else _nearest(section, sections())
            problems.append(Problem(section, origin, f"There is no such section. {advice}".rstrip()))
            continue
        if not isinstance(table, dict):
            problems.append(Problem(section, origin, f"It should be a table: [{section}]."))
            continue
        for name, value in table.items():
            setting = SETTINGS.get(f"{section}.{name}")
            if setting is None:
                advice = _nearest(name, sections()[section].model_fields)
                problems.append(Problem(f"{section}.{name}", origin, f"There is no such setting. {advice}".rstrip()))
            elif setting.is_secret:
                problems.append(_misplaced(setting, origin))
            else:
                # A path in the file is meant from where the file lies, whatever directory the server starts in.
                is_path = name.endswith("_file") and isinstance(value, str)
                given[setting.dotted] = _Given(path.parent / value if is_path else value, origin)
    return given


def _read(path: Path, problems: list[Problem], *, required: bool, trusted: Trusted) -> dict[str, Any]:
    try:
        return tomllib.loads(read(path, is_secret=False, most=MAX_FILE_OCTETS, trusted=trusted).decode())
    except FileNotFoundError:
        reason = "There is no such file" if required else ""
    except OSError as error:
        reason = f"It cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "It is not UTF-8"
    except (ValueError, RecursionError) as error:
        reason = f"It is not TOML: {error}"
    if reason:
        problems.append(Problem(FILE_NAME, str(path), f"{reason}."))
    return {}


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in (DATA_DIR, CONFIG) or _KUBERNETES.fullmatch(variable):
            continue
        setting = _BY_VARIABLE.get(variable)
        if setting is None:
            advice = _nearest(variable, (*_BY_VARIABLE, DATA_DIR, CONFIG))
            problems.append(Problem(variable, "environment", f"There is no such setting. {advice}".rstrip()))
        else:
            given[setting.dotted] = _Given(value, "environment")
    return given


def _from_flags(overrides: Mapping[str, Any], problems: list[Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for name, value in overrides.items():
        setting = SETTINGS.get(name)
        if value is None:
            continue
        if setting is None:
            problems.append(Problem(name, "flag", f"There is no such setting. {_nearest(name, SETTINGS)}".rstrip()))
        elif setting.is_secret:
            problems.append(_misplaced(setting, "flag"))
        else:
            given[name] = _Given(value, "flag")
    return given


def _validated(directory: Path, given: Mapping[str, _Given], problems: list[Problem]) -> Settings | None:
    values: dict[str, Any] = {"data_dir": directory}
    for dotted, one in given.items():
        section, _, name = dotted.partition(".")
        values.setdefault(section, {})[name] = one.value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
    # Outside the handler: a ValidationError holds the values, and must not hang on to the exception that is shown.
    for fault in found:
        reason = _PLAIN.get(fault["type"], fault["msg"])
        reason = reason.removeprefix("Value error, ").replace("Input should", "It should", 1)
        dotted = ".".join(str(part) for part in fault["loc"][:2])
        head, _, rest = reason.partition(": ")
        if dotted not in SETTINGS and f"{dotted}.{head}" in SETTINGS:
            dotted, reason = f"{dotted}.{head}", rest
        origin = given[dotted].origin if dotted in given else "default"
        problems.append(Problem(dotted, origin, f"{_place(fault['loc'])}{reason}."))
    return None


def _place(location: tuple[int | str, ...]) -> str:
    """Which item of a list it is, from one, and what in it; the first two parts name the setting."""
    if len(location) < 3 or not isinstance(location[2], int):  # noqa: PLR2004 - the first two, and one more
        return ""
    return f"{', '.join((f'Number {location[2] + 1}', *map(str, location[3:])))}: "


def _misplaced(setting: Setting, origin: str) -> Problem:
    return Problem(
        setting.dotted,
        origin,
        f"It is a secret. Give it as {setting.variable}, or name a file in {setting.dotted}_file.",
    )


def _nearest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    matches = get_close_matches(name, list(known), n=1)
    return f"Did you mean {matches[0]}?" if matches else ""
