"""Makes the drawing of the packages in docs/architecture.md from the imports. ``make docs`` runs it."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- drawing: made by make docs -->\n", "<!-- end of drawing -->\n"


def arrows() -> Mapping[str, set[str]]:
    """Which packages each package imports, without those that it reaches through another one anyway."""
    graph = grimp.build_graph("connector")
    packages = sorted(graph.find_children("connector"))
    direct = {
        one: {
            other
            for other in packages
            if other != one and graph.direct_import_exists(importer=one, imported=other, as_packages=True)
        }
        for one in packages
    }
    reached: dict[str, set[str]] = {}

    def reach(one: str) -> set[str]:
        if one not in reached:
            reached[one] = direct[one].union(*map(reach, direct[one]))
        return reached[one]

    return {
        one: {other for other in direct[one] if all(other not in reach(each) for each in direct[one])}
        for one in packages
    }


def drawing() -> str:
    """The packages and their arrows, for Mermaid."""
    lines = ["```mermaid", "flowchart TB"]
    found = {one.rpartition(".")[2]: {each.rpartition(".")[2] for each in others} for one, others in arrows().items()}
    lines += [f'    {name}["<b>{name}</b><br/>{_caption(name)}"]' for name in found]
    lines += [f"    {name} --> {' & '.join(sorted(others))}" for name, others in found.items() if others]
    return "\n".join([*lines, "```", ""])


def _caption(name: str) -> str:
    """The beginning of the package's docstring, up to the first colon, semicolon or full stop."""
    first = re.split(r"[:;.](?:\s|$)", import_module(f"connector.{name}").__doc__ or "")[0]
    return first.replace("`", "").replace('"', "'")


def with_drawing(page: str) -> str:
    """The page with the drawing as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_drawing(PAGE.read_text()))
