"""The bench itself works: every row measures something. How long anything takes is not tested."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench import compare, figures, history, kernel, table
from bench.__main__ import ROWS, main, measure
from bench.child import ProcessFailed
from bench.figures import Figure, Results, Series
from bench.harness import Harness
from bench.params import QUICK, Params
from testing.process import ROOT, Process, clean_environment

measures = pytest.mark.skipif(
    not kernel.IS_LINUX or not (shutil.which("gcc") or shutil.which("cc")),
    reason="the bench needs Linux and a C compiler",
)


def figure(**more: object) -> Figure:
    given = {"row": "reads", "name": "a GET", "unit": "µs", "value": 30.0, **more}
    return msgspec.convert(given, Figure)


def short_form(file: Path, *more: str, **env: str) -> Results:
    """As CI runs it."""
    subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(file), *more],
        cwd=ROOT,
        env=clean_environment(env),
        check=True,
        timeout=400,  # only so that a hang ends
    )
    return msgspec.json.decode(file.read_bytes(), type=Results)


@measures
def test_every_row_has_figures(tmp_path: Path) -> None:
    """One run for all that must hold of its results: it takes longest of all tests."""
    results = short_form(tmp_path / "results.json")
    assert results.left_out == []
    assert {figure.row for figure in results.figures} == set(ROWS)
    # A time or a size that is not above zero was not measured.
    assert [one for one in results.figures if one.unit != "count" and one.value <= 0] == []
    # Two revisions are compared by the names of their figures.
    names = [one.name for one in results.figures]
    assert len(set(names)) == len(names)
    assert results.quick
    assert set(results.machine) == {"cores", "kernel", "python"}


@pytest.mark.skipif(not kernel.IS_LINUX, reason="the bench needs Linux")
async def test_a_family_without_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread, or a child, that ends after it was listed: a server's come and go."""
    listed = kernel.threads
    ended = Path("/proc/self/task/0")
    monkeypatch.setattr(kernel, "threads", lambda pid: [ended, *listed(pid)])
    assert kernel.threads(0) == [ended]  # no process has this id
    child = await Process.start("sleep", "60")
    assert {os.getpid(), child.pid} <= set(kernel.family(os.getpid()))
    await child.kill()


@pytest.mark.skipif(not kernel.IS_LINUX, reason="the bench needs Linux")
def test_without_a_compiler_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is measured, and the message names what to install."""
    monkeypatch.setenv("PATH", "")
    assert main(["--quick", "--only", "fan_out"]) == 2
    assert "apt install gcc" in capsys.readouterr().err


@measures
def test_two_revisions_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """The same one twice is a comparison like any other."""
    assert compare.main(["HEAD", "HEAD", "--quick", "--only", "fan_out"]) == 0
    shown = capsys.readouterr().out
    assert "A: HEAD" in shown
    assert "CPU of ws a frame" in shown


def test_a_revision_that_is_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a shallow clone: the message says what to do."""
    assert compare.main(["HEAD", "no-such-revision"]) == 2
    assert "git fetch --unshallow" in capsys.readouterr().err


def test_only_what_is_slower_three_times_fails() -> None:
    """Only rows that still are slower are measured again, each by itself."""
    first = compare.Comparison()
    for name in ("always", "once", "twice", "never"):
        first.add("A", figure(name=name, row=name, value=10.0))
        first.add("B", figure(name=name, row=name, value=10.0 if name == "never" else 13.0))
    measured: list[str] = []

    def measure(comparison: compare.Comparison, row: str) -> None:
        measured.append(row)
        slow = row == "always" or (row == "twice" and measured.count(row) == 1)
        comparison.add("A", figure(name=row, row=row, value=10.0))
        comparison.add("B", figure(name=row, row=row, value=13.0 if slow else 10.0))

    assert compare.confirmed(first, 1.25, measure) == ["always"]
    assert measured == ["always", "once", "twice", "always", "twice"]


def test_a_row_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "nothing"])
    assert "no row is called 'nothing'" in capsys.readouterr().err


def test_a_ratio_is_what_the_floor_makes_of_it() -> None:
    assert figure(floor=20.0).ratio == 1.5
    assert figure().ratio is None


@pytest.mark.parametrize(
    ("more", "reached"),
    [
        ({}, None),
        ({"goal": 30.0}, True),
        ({"goal": 29.0}, False),
        ({"goal": 1.5, "goal_is": "ratio", "floor": 20.0}, True),
        ({"goal": 1.4, "goal_is": "ratio", "floor": 20.0}, False),
        ({"goal": 1.4, "goal_is": "ratio"}, None),  # no compiler, no floor
    ],
)
def test_a_goal_is_of_the_figure_or_of_the_ratio(
    more: dict[str, object], reached: bool | None
) -> None:
    assert figure(**more).reached is reached


def test_the_table_says_what_was_left_out() -> None:
    shown = table.drawn(
        Results(quick=True, machine={}, left_out=["fan_out: no compiler"], figures=[figure()])
    )
    assert shown.splitlines()[-1] == "left out: fan_out: no compiler"
    assert "| a GET | 30 µs " in shown


@pytest.mark.parametrize("quick", [True, False])
def test_the_short_form_misses_no_goal(quick: bool) -> None:
    """A goal of 10,000 sockets says nothing about 20."""
    missed = figure(goal=29.0)
    shown = table.drawn(Results(quick=quick, machine={}, left_out=[], figures=[missed]))
    assert ("missed" in shown) is ("≤ 29 µs" in shown) is not quick


def test_results_carry_the_ratio() -> None:
    whole = Results(quick=True, machine={}, left_out=[], figures=[figure(floor=20.0)])
    assert msgspec.json.decode(figures.encode(whole))["figures"][0]["ratio"] == 1.5


def test_the_median_counts() -> None:
    series = Series()
    for value in (1.0, 9.0, 2.0):
        series.add("a GET", value)
    assert series["a GET"] == 2.0
    assert series.get("a POST") is None


def test_the_middle_half_of_the_measurements_is_their_spread() -> None:
    """One of them that was disturbed counts little."""
    series = Series()
    assert series.spread("a GET") == 0.0
    for value in (10.0, 10.2, 9.8, 30.0, 10.0):
        series.add("a GET", value)
    assert series.spread("a GET") == pytest.approx(0.02)


def harness_of(params: Params) -> Harness:
    """One that starts nothing."""
    harness = object.__new__(Harness)
    harness.params, harness.unsteady = params, []
    return harness


@pytest.mark.parametrize(
    ("values", "rounds", "unsteady"),
    [
        ([10.0, 10.0, 10.1, 99.0], 3, []),
        ([10.0, 14.0, 10.0, 10.0, 10.0, 99.0], 5, []),
        ([10.0, 14.0, 18.0, 9.0, 15.0], 5, ["ws: 36%"]),
    ],
)
def test_rounds_go_on_until_they_agree(
    values: list[float], rounds: int, unsteady: list[str]
) -> None:
    """At least as many as asked for. What differs after the most is named."""
    harness = harness_of(Params(rounds=3, most_rounds=5, more_rounds_within=3600.0))
    series = Series()
    for number in harness.rounds(series, "ws"):
        series.add("ws", values[number])
    assert len(series._values["ws"]) == rounds
    assert harness.unsteady == unsteady


def test_rounds_end_when_the_time_is_over() -> None:
    harness = harness_of(Params(rounds=3, most_rounds=100, more_rounds_within=0.0))
    series = Series()
    for number in harness.rounds(series, "ws"):
        series.add("ws", float(1 + number))
    assert harness.unsteady == ["ws: 50%"]


class FailingRow:
    """A row whose gateway loses its connection."""

    async def run(self, harness: Harness) -> list[Figure]:
        harness._log("gateway").write_text("WARNING gateway: the connection is lost\n")
        harness.unsteady.append("ws: 36%")
        raise ProcessFailed("Redis does not hold what Discord said last")


@measures
async def test_a_row_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its processes have logged may be the cause. The other rows are measured."""
    monkeypatch.setattr(importlib, "import_module", lambda _: FailingRow())
    results = await measure(Harness(QUICK, tmp_path, ROOT), ["reads", "saves"])
    assert results.left_out == [
        f"{row}: Redis does not hold what Discord said last\n"
        "  gateway: WARNING gateway: the connection is lost"
        for row in ("reads", "saves")
    ]
    assert results.unsteady == ["reads: ws: 36%", "saves: ws: 36%"]
    assert "unsteady: reads: ws: 36%" in table.drawn(results)


def test_runs_are_kept_by_revision(tmp_path: Path) -> None:
    """Of several of one revision, the median counts."""
    file = tmp_path / "history.jsonl"
    assert history.read(file) == []
    for revision, value in (("a1", 30.0), ("b2", 20.0), ("b2", 22.0)):
        results = Results(quick=False, machine={}, left_out=[], figures=[figure(value=value)])
        history.append(results, revision, file)
    runs = history.read(file)
    assert [run.revision for run in runs] == ["a1", "b2", "b2"]
    assert runs[0].figures == {"a GET": 30.0}
    assert history.drawn(runs, "GET").splitlines() == [
        "| what  | a1 | b2 |",
        "|-------|----|----|",
        "| a GET | 30 | 21 |",
    ]
    assert "a GET" not in history.drawn(runs, "POST")


def test_a_revision_with_changes_is_marked(tmp_path: Path) -> None:
    """Only changes of what is measured count."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "services").mkdir()
    file = tmp_path / "services" / "a.py"
    assert history.revision_of(tmp_path) == ""
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    file.write_text("")
    subprocess.run([*git, "add", "."], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], cwd=tmp_path, check=True)
    revision = history.revision_of(tmp_path)
    assert len(revision) == 10
    (tmp_path / "README.md").write_text("")
    assert history.revision_of(tmp_path) == revision
    file.write_text("x = 1")
    assert history.revision_of(tmp_path) == f"{revision}+"


def test_the_history_of_this_repository_can_be_read() -> None:
    for run in history.read():
        assert run.revision
        assert run.figures


def test_what_costs_much_more_than_before_is_named() -> None:
    """By its ratio. A figure that only one of them has is not compared."""
    comparison = compare.Comparison()
    comparison.add("A", figure(value=10.0))
    comparison.add("B", figure(value=12.6))
    comparison.add("B", figure(name="new", value=99.0))
    comparison.add("A", figure(name="free", value=0.0))
    comparison.add("B", figure(name="free", value=1.0))
    assert comparison.above(1.25) == ["a GET"]
    assert comparison.above(1.27) == []
    assert "1.26 ×" in comparison.drawn("one", "two")
    comparison.add("B", figure(value=10.0))  # measured once more
    assert comparison.above(1.25) == []


def test_the_hot_rows_are_rows() -> None:
    assert set(compare.HOT) < set(ROWS)
