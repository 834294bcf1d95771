"""What an attack has shown: a figure, and the bound that it must keep."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Outcome(Struct, frozen=True, kw_only=True):
    """One figure of one attack."""

    attack: str
    figure: str
    value: float
    unit: str = ""
    bound: float
    at_least: bool = False  # the bound is the smallest value, not the greatest

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def row(self) -> str:
        """A line of a Markdown table."""
        sign = "≥" if self.at_least else "≤"
        verdict = "" if self.holds else " **exceeded**"
        return (
            f"| {self.attack} | {self.figure} | {_shown(self.value)} {self.unit}".rstrip()
            + f" | {sign} {_shown(self.bound)}{verdict} |"
        )


HEAD = "| attack | figure | measured | bound |\n|---|---|---|---|"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed. Infinite when nothing was measured."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * share))] if found else float("inf")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 99.5 else f"{value:.2g}"
