"""Pictures of numbers, as SVG: made here, without a script, in the colours of the page's style."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from connector.web.console.formats import grouped

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 150, 34, 20

Series = tuple[str, str, Sequence[int]]
"""A name, a class of the style, and a number for each day."""


def bars(caption: str, series: Sequence[Series], labels: Sequence[str], *, every: int) -> Markup:
    """Stacked bars, one for each label; each ``every``-th label is written. The table next to it says the same."""
    count = len(labels)
    totals = [sum(values[index] for _, _, values in series) for index in range(count)]
    top = _round(max([1, *totals]))
    step = (WIDTH - LEFT) / max(count, 1)
    parts = [_frame(caption, top)]
    for index in range(count):
        below = 0
        for name, style, values in series:
            if values[index]:
                title = f"{labels[index]}: {grouped(values[index])} {name}"
                ends = _y(below + values[index], top), _y(below, top)
                parts.append(_bar(LEFT + index * step, step, ends, style=style, title=title))
                below += values[index]
    parts += [
        f'<text class="axis" x="{LEFT + index * step:.1f}" y="{HEIGHT - 5}">{escape(labels[index])}</text>'
        for index in range(0, count, every)
    ]
    return Markup("".join((*parts, "</svg>")))  # noqa: S704 - every text in it is escaped


def _frame(title: str, top: int) -> str:
    lines = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{_y(value, top):.1f}" y2="{_y(value, top):.1f}"/>'
        f'<text class="axis end" x="{LEFT - 6}" y="{_y(value, top) + 4:.1f}">{grouped(value)}</text>'
        for value in dict.fromkeys((0, top // 2, top))
    )
    return f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(title)}">{lines}'


def _bar(x: float, step: float, ends: tuple[float, float], *, style: str, title: str) -> str:
    y, end = ends
    return (
        f'<rect class="{escape(style)}" x="{x + step * 0.12:.1f}" y="{y:.1f}" '
        f'width="{step * 0.76:.1f}" height="{max(end - y, 1):.1f}"><title>{escape(title)}</title></rect>'
    )


def _y(value: int, top: int) -> float:
    return 8 + (HEIGHT - BOTTOM - 8) * (1 - value / top)


def _round(value: int) -> int:
    """The next number that looks well on an axis, and whose half is written in the middle: 1, or an even one."""
    size = 1
    while True:
        for factor in (1, 2, 4, 6, 8, 10):
            if value <= factor * size:
                return factor * size
        size *= 10
