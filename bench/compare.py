"""`python -m bench.compare A B`: two revisions side by side, each row of theirs in turn.

Both are measured by the bench of this working tree, in its environment; their services come from
git worktrees in a temporary folder. With `--at-most`, a row with a figure of B that is more than so
many times A's is measured again, by itself. The exit status is 1 if a figure is above in each of
three measurements: one busy moment of the machine fails nothing.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench import table
from bench.__main__ import ROWS, rows
from bench.figures import Figure, Results, Series
from bench.harness import HERE

ORDER: Final = ("A", "B", "B", "A")  # so that a machine that slows down is fair to both
HOT: Final = ("fan_out", "handshake", "reads", "ingest", "saves")  # with --short
MEASUREMENTS: Final = 3  # that all have to agree
ROOT: Final = HERE.parent

NO_REVISION: Final = (
    "bench: this clone has no revision {!r}. If it is a shallow one, fetch the history with "
    "`git fetch --unshallow`, then run the same command again."
)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    for revision in (asked.a, asked.b):
        if not _is_known(revision):
            print(NO_REVISION.format(revision), file=sys.stderr)
            return 2
    comparison = Comparison()
    with tempfile.TemporaryDirectory(prefix="grux-compare-") as folder:
        trees = {"A": Path(folder) / "a", "B": Path(folder) / "b"}
        with _worktree(trees["A"], asked.a), _worktree(trees["B"], asked.b):
            measure = partial(_measure, trees, Path(folder) / "results", asked)
            for row in asked.only or (HOT if asked.short else ROWS):
                measure(comparison, row)
            slower = confirmed(comparison, asked.at_most, measure)
    print(comparison.drawn(asked.a, asked.b))
    for name in slower:
        print(f"bench: more than {asked.at_most} times as much as before: {name}", file=sys.stderr)
    return 1 if slower else 0


def confirmed(
    first: Comparison, at_most: float, measure: Callable[[Comparison, str], None]
) -> list[str]:
    """The figures above the ratio in each of `MEASUREMENTS`, of which `first` is one."""
    slower = first.above(at_most)
    for _ in range(MEASUREMENTS - 1):
        again = Comparison()
        for row in dict.fromkeys(first.rows[name] for name in slower):
            measure(again, row)
        still = again.above(at_most)
        slower = [name for name in slower if name in still]
    return slower


class Comparison:
    """What was measured of both revisions."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}  # by figure
        self._units: dict[str, str] = {}
        self._series = Series()

    def add(self, side: str, figure: Figure) -> None:
        self.rows[figure.name], self._units[figure.name] = figure.row, figure.unit
        self._series.add(f"{side} {figure.name}", figure.value)

    def ratio(self, name: str) -> float | None:
        """B's to A's; None where one of them has no such figure."""
        a, b = self._series.get(f"A {name}"), self._series.get(f"B {name}")
        return b / a if a and b is not None else None

    def above(self, ratio: float) -> list[str]:
        """The figures of which B's is more than so many times A's."""
        return [name for name in self.rows if (self.ratio(name) or 0.0) > ratio]

    def drawn(self, a: str, b: str) -> str:
        lines: list[tuple[str, ...]] = [("what", f"A: {a}", f"B: {b}", "B / A")]
        for name, unit in self._units.items():
            values = [self._series.get(f"{side} {name}") for side in "AB"]
            shown = [f"{table.number(value)} {unit}" for value in values if value is not None]
            if len(shown) == len(values):
                ratio = self.ratio(name)
                lines.append((name, *shown, "" if ratio is None else f"{ratio:.2f} ×"))
        return table.grid(lines)


def _measure(
    trees: Mapping[str, Path],
    file: Path,
    asked: argparse.Namespace,
    comparison: Comparison,
    row: str,
) -> None:
    sizes = [f"--{size}" for size in ("quick", "short") if getattr(asked, size)]
    for side in ORDER[:2] if asked.quick else ORDER:
        results = _measured(row, trees[side], file, sizes)
        for reason in results.left_out:
            print(f"left out: {side}: {reason}", file=sys.stderr)
        for figure in results.figures:
            comparison.add(side, figure)


def _measured(row: str, tree: Path, results: Path, sizes: Sequence[str]) -> Results:
    command = [sys.executable, "-m", "bench", "--only", row]
    command += ["--json", str(results), "--tree", str(tree), *sizes]
    subprocess.run(  # noqa: S603 (it is this very program)
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return msgspec.json.decode(results.read_bytes(), type=Results)


@contextmanager
def _worktree(folder: Path, revision: str) -> Iterator[None]:
    _git("worktree", "add", "--quiet", "--detach", str(folder), revision)
    try:
        yield
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _is_known(revision: str) -> bool:
    command = ["git", "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
    return done.returncode == 0


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)  # noqa: S603, S607 (the user's git)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("a", help="a revision: a commit, a branch, a tag")
    parser.add_argument("b", help="another one")
    parser.add_argument("--quick", action="store_true", help="tiny numbers: shows that it works")
    parser.add_argument("--short", action="store_true", help="the hot rows, with small numbers")
    parser.add_argument("--at-most", type=float, default=math.inf, metavar="RATIO")
    parser.add_argument("--only", type=rows, default=(), metavar="ROW,…")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
