"""`python -m bench.history [WORD]`: the figures of every revision that was measured, side by side.

bench/history.jsonl has a line for each whole run of the bench, the oldest first. The figures of one
machine say nothing about another one, so a line names its machine.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from bench import table
from bench.figures import Results

FILE: Final = Path(__file__).parent / "history.jsonl"
MEASURED: Final = ("services", "shared", "requirements")  # what a change of makes another revision
CHANGED: Final = "+"
SHOWN: Final = 6  # revisions


class Run(Struct, frozen=True, kw_only=True):
    """One line. `figures` by name: the value in its unit."""

    revision: str  # with a + where what was measured had changes that were not committed
    at: str  # RFC 3339
    machine: dict[str, str | int]
    figures: dict[str, float]
    unsteady: list[str] = []


def revision_of(tree: Path) -> str:
    """Empty where git does not know."""
    revision = _git(tree, "rev-parse", "--short=10", "HEAD")
    changes = _git(tree, "status", "--porcelain", "--", *MEASURED)
    return revision + (CHANGED if revision and changes else "")


def append(results: Results, revision: str, file: Path = FILE) -> None:
    """Keep a whole run."""
    line = Run(
        revision=revision,
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=results.machine,
        figures={one.name: float(f"{one.value:.4g}") for one in results.figures},
        unsteady=results.unsteady,
    )
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(line) + b"\n")


def read(file: Path = FILE) -> list[Run]:
    """The oldest run first."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Run) for line in lines]


def drawn(runs: Sequence[Run], word: str = "") -> str:
    """The newest revisions, one column each. Of several runs of one, the median counts."""
    revisions = list(dict.fromkeys(run.revision for run in runs))[-SHOWN:]
    names = dict.fromkeys(name for run in runs for name in run.figures if word in name)
    rows = [("what", *revisions)]
    for name in names:
        cells = []
        for revision in revisions:
            values = [
                run.figures[name]
                for run in runs
                if run.revision == revision and name in run.figures
            ]
            cells.append(table.number(median(values)) if values else "")
        rows.append((name, *cells))
    return table.grid(rows)


def _git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (the user's git)
        ["git", *arguments],  # noqa: S607
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    print(drawn(read(), " ".join(sys.argv[1:])))
