"""docs/settings.md and the settings say the same."""

import tomllib
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from connector.settings import document, load
from connector.settings.document import EXAMPLE
from connector.settings.loading import SETTINGS
from connector.settings.values import read_duration, show_duration

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_the_code_s() -> None:
    """docs/settings.md is what the code makes."""
    assert PAGE.read_text() == document(), "docs/settings.md is old: run make docs"


def test_every_setting_is_explained() -> None:
    """Each setting has a meaning of its own and its environment variable on the page."""
    page = document()

    assert all(one.field.description for one in SETTINGS.values())
    assert all(f"`{one.variable}`" in page for one in SETTINGS.values())


def test_the_example_starts(tmp_path: Path) -> None:
    """The example can be copied as it stands."""
    (tmp_path / "connector.toml").write_text(EXAMPLE)

    settings = load(data_dir=tmp_path, config=None, overrides={}, environ={})

    assert settings.urls.public == tomllib.loads(EXAMPLE)["urls"]["public"]


@given(
    st.timedeltas(timedelta(0), timedelta(days=100_000)).map(lambda one: timedelta(seconds=int(one.total_seconds())))
)
def test_a_duration_is_shown_as_it_is_read(duration: timedelta) -> None:
    """What the page shows can be written into the file."""
    assert read_duration(show_duration(duration)) == duration
