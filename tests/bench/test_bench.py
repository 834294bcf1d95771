"""The bench itself works: every row measures something. How long anything takes is not tested."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench import compare, figures, kernel, table
from bench.__main__ import ROWS, main
from bench.figures import Figure, Results, Series
from testing.process import ROOT, clean_environment

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
