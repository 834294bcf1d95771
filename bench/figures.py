"""What a run finds: figures, each with its floor and what was to be reached."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Final, Literal

import msgspec
from msgspec import Struct

STEADY: Final = 0.05
"""The spread up to which measurements of the same thing agree."""

Unit = Literal["µs", "ms", "s", "KB", "MB", "count", "times"]


class Figure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the table."""

    row: str  # the group: what --only takes
    name: str
    unit: Unit
    value: float
    floor: float | None = None  # in the same unit, from the same run
    goal: float | None = None  # at most: of `value`, or of `ratio` where `goal_is` says so
    goal_is: Literal["value", "ratio"] = "value"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the floor."""
        return self.value / self.floor if self.floor else None

    @property
    def reached(self) -> bool | None:
        """None where there was nothing to reach, or no floor to compare with."""
        measured = self.value if self.goal_is == "value" else self.ratio
        return None if self.goal is None or measured is None else measured <= self.goal


class Results(Struct, frozen=True, kw_only=True):
    """bench/results.json."""

    quick: bool
    machine: dict[str, str | int]
    left_out: list[str]  # what could not be measured here, and why
    unsteady: list[str] = []  # what differed from round to round, and by how much
    figures: list[Figure]


def encode(results: Results) -> bytes:
    """Indented JSON, with each figure's ratio written out."""
    whole = msgspec.to_builtins(results)
    for shown, figure in zip(whole["figures"], results.figures, strict=True):
        shown["ratio"] = None if figure.ratio is None else round(figure.ratio, 3)
    return msgspec.json.format(msgspec.json.encode(whole)) + b"\n"


class Series:
    """Measurements of the same thing, interleaved with those of others; their median counts."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> float:
        return median(self._values[name])

    def get(self, name: str) -> float | None:
        """None where it was not measured."""
        return self[name] if name in self._values else None

    def spread(self, name: str) -> float:
        """By how much the middle half of the measurements differs, as a share of their median."""
        values = self._values.get(name, [])
        if len(values) < 2 or not self[name]:
            return 0.0
        first, _, third = quantiles(values, n=4, method="inclusive")
        return (third - first) / self[name]

    def scaled(self, name: str, by: float) -> float | None:
        """In another unit; None where it was not measured, as a floor without its compiler."""
        value = self.get(name)
        return None if value is None else value * by
