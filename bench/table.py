"""The results as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, Results

HEAD = ("what", "figure", "floor", "ratio", "goal", "")


def drawn(results: Results) -> str:
    """A Markdown table, and what was left out."""
    lines = [grid([HEAD, *(_cells(figure, results.quick) for figure in results.figures)])]
    if results.quick:
        lines.append("This was the short form: it shows that the bench works, and no more.")
    lines += [f"unsteady: {what}" for what in results.unsteady]
    return "\n".join(lines + [f"left out: {reason}" for reason in results.left_out])


def grid(rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cells(figure: Figure, quick: bool) -> tuple[str, ...]:
    """The goals are for the sizes of the whole bench. With 20 sockets, a message costs as much as
    all of its frames."""
    verdict = {None: "", True: "reached", False: "missed"}[None if quick else figure.reached]
    return (
        figure.name,
        _with_unit(figure.value, figure),
        "" if figure.floor is None else _with_unit(figure.floor, figure),
        "" if figure.ratio is None else f"{figure.ratio:.2f} ×",
        "" if quick else _goal(figure),
        "; ".join(filter(None, (verdict, figure.note))),
    )


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    if figure.goal_is == "ratio":
        return f"≤ {figure.goal:.2f} ×"
    return f"≤ {_with_unit(figure.goal, figure)}"


def _with_unit(value: float, figure: Figure) -> str:
    return number(value) if figure.unit == "count" else f"{number(value)} {figure.unit}"
