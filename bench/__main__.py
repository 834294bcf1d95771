"""`python -m bench`: run the rows, print the table, write bench/results.json."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from bench import figures, history, kernel, table
from bench.child import ProcessFailed
from bench.figures import Figure, Results
from bench.harness import HERE, Harness
from bench.params import QUICK, SHORT, Params

ROWS: Final = (
    "fan_out",
    "lanyard_fan_out",
    "event_fan_out",
    "lag",
    "idle_memory",
    "distinct_users",
    "handshake",
    "reads",
    "card_storm",
    "ingest",
    "saves",
    "history",
    "burst",
    "end_to_end",
    "startup",
    "growth",
)
# Asked for by name: they need programs that are no part of Grux.
MORE_ROWS: Final = ("front_door",)


class Row(Protocol):
    """A module of bench/benchmarks."""

    async def run(self, harness: Harness) -> list[Figure]: ...


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    if not kernel.IS_LINUX:
        print(
            "bench: Linux is needed, because CPU time and memory are read from /proc",
            file=sys.stderr,
        )
        return 2
    kernel.pin_to(kernel.LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="grux-bench-") as folder:
        try:
            params = QUICK if asked.quick else SHORT if asked.short else Params()
            harness = Harness(params, Path(folder), asked.tree)
            harness.compile()
        except ProcessFailed as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        results = asyncio.run(measure(harness, asked.only))
    asked.json.write_bytes(figures.encode(results))
    print(table.drawn(results))
    revision = history.revision_of(asked.tree)
    if revision and asked.tree == HERE.parent and params == Params():
        history.append(results, revision)
    return 0


async def measure(harness: Harness, only: Sequence[str]) -> Results:
    """Each row in turn. One that fails is left out."""
    found: list[Figure] = []
    left_out: list[str] = []
    unsteady: list[str] = []
    for name in only:
        row: Row = importlib.import_module(f"bench.benchmarks.{name}")
        began = time.monotonic()
        harness.begin_row()
        try:
            found += await row.run(harness)
        except Exception as error:
            left_out.append(f"{name}: {_reason(error)}{harness.complaints()}")
        unsteady += [f"{name}: {what}" for what in harness.unsteady]
        print(f"bench: {name}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    left_out += harness.left_out
    return Results(
        quick=harness.params.quick,
        machine=machine(),
        left_out=left_out,
        unsteady=unsteady,
        figures=found,
    )


def _reason(error: Exception) -> str:
    """In words where a process has failed; else what the bench itself, or its load, ran into."""
    if isinstance(error, ProcessFailed):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()


def machine() -> dict[str, str | int]:
    return {
        "cores": os.cpu_count() or 1,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny numbers: shows that it works")
    parser.add_argument("--short", action="store_true", help="small numbers, only good for ratios")
    parser.add_argument(
        "--only",
        type=rows,
        default=ROWS,
        metavar="ROW,…",
        help=f"some of {', '.join(ROWS + MORE_ROWS)}",
    )
    parser.add_argument("--json", type=Path, default=HERE / "results.json", metavar="PATH")
    parser.add_argument(
        "--tree", type=Path, default=HERE.parent, help="whose services/ and shared/ are measured"
    )
    return parser.parse_args(arguments)


def rows(text: str) -> Sequence[str]:
    """The value of --only."""
    names = text.split(",")
    for name in names:
        if name not in ROWS + MORE_ROWS:
            raise argparse.ArgumentTypeError(f"no row is called {name!r}")
    return names


if __name__ == "__main__":
    sys.exit(main())
