"""`python -m bench.compare A B`: two revisions side by side, each row of theirs in turn.

Both are measured by the bench of this working tree, in its environment; their services come from
git worktrees in a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench import table
from bench.__main__ import ROWS, rows
from bench.figures import Results, Series
from bench.harness import HERE

ORDER: Final = ("A", "B", "B", "A")  # so that a machine that slows down is fair to both
ROOT: Final = HERE.parent


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    units: dict[str, str] = {}
    series = Series()
    with tempfile.TemporaryDirectory(prefix="grux-compare-") as folder:
        trees = {"A": Path(folder) / "a", "B": Path(folder) / "b"}
        with _worktree(trees["A"], asked.a), _worktree(trees["B"], asked.b):
            for row in asked.only:
                for side in ORDER[:2] if asked.quick else ORDER:
                    results = _measured(row, trees[side], Path(folder) / "results", asked.quick)
                    for reason in results.left_out:
                        print(f"left out: {side}: {reason}", file=sys.stderr)
                    for figure in results.figures:
                        units[figure.name] = figure.unit
                        series.add(f"{side} {figure.name}", figure.value)
    print(_drawn(series, units, asked.a, asked.b))
    return 0


def _drawn(series: Series, units: dict[str, str], a: str, b: str) -> str:
    lines: list[tuple[str, ...]] = [("what", f"A: {a}", f"B: {b}", "B / A")]
    for name, unit in units.items():
        first, second = series.get(f"A {name}"), series.get(f"B {name}")
        if first is not None and second is not None:
            ratio = f"{second / first:.2f} ×" if first else ""
            shown = (f"{table.number(value)} {unit}" for value in (first, second))
            lines.append((name, *shown, ratio))
    return table.grid(lines)


def _measured(row: str, tree: Path, results: Path, quick: bool) -> Results:
    command = [sys.executable, "-m", "bench", "--only", row]
    command += ["--json", str(results), "--tree", str(tree), *(["--quick"] if quick else [])]
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


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)  # noqa: S603, S607 (the user's git)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("a", help="a revision: a commit, a branch, a tag")
    parser.add_argument("b", help="another one")
    parser.add_argument("--quick", action="store_true", help="tiny numbers: shows that it works")
    parser.add_argument("--only", type=rows, default=ROWS, metavar="ROW,…")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
