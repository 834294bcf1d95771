"""What is printed of a run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos.run import FAULTS_BEGIN, Result, Size
from chaos.session_invariants import most_identifies

_MOST: Final = 15  # problems that are printed


def line(result: Result) -> str:
    """One seed in one line."""
    times = result.convergence.times
    return (
        f"seed {result.seed}: {'passed' if result.passed else 'FAILED'}; "
        f"{len(result.faults)} faults, {result.changes} changes, {result.frames} frames on "
        f"{result.connections} connections; true again after p50 {share(times, 0.5):.2f} s, "
        f"p99 {share(times, 0.99):.2f} s, max {share(times, 1):.2f} s "
        f"({result.convergence.last}); "
        f"then followed within {share(result.followed.times, 1):.2f} s; "
        f"{result.due} states had to be shown; "
        f"{result.choices} settings changed, {result.looks} looks at what is hidden; "
        f"slow clients passed over {result.skipped_frames} times; "
        f"{result.identifies} identifies of "
        f"{most_identifies(result.faults, result.size.shards)} at most; "
        f"largest process {max(result.memory_kb.values(), default=0) // 1024} MB; "
        f"{result.seconds:.0f} s, in {result.stalled_s:.1f} s of them "
        "the machine had no time for the run"
    )


def failure(result: Result, folder: Path) -> str:
    """What is wrong, what was done, and how to see it again. Writes the processes' log."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"seed-{result.seed}.log"
    began = next((when for when, _, what in result.log if what == FAULTS_BEGIN), 0.0)
    said = [f"{when - began:7.2f} {name:8} {what}" for when, name, what in result.log]
    log.write_text("\n".join([*map(str, result.faults), "", *said, "", *result.problems]) + "\n")
    return "\n".join(
        [
            *(f"  {words[:1000]}" for words in result.problems[:_MOST]),
            f"  … {len(result.problems)} problems in all",
            *map(str, result.faults),
            f"  log: {log}",
            f"  again: {again([result])}",
        ]
    )


def summary(results: Sequence[Result]) -> str:
    """All seeds together."""
    times = sorted(time for result in results for time in result.convergence.times)
    failed = [result for result in results if not result.passed]
    return (
        f"{len(results) - len(failed)} of {len(results)} seeds passed; "
        f"{sum(len(result.faults) for result in results)} faults, "
        f"{sum(result.frames for result in results)} frames checked, "
        f"{sum(result.connections for result in results)} connections, "
        f"{sum(result.due for result in results)} states that had to be shown; true again after "
        f"p50 {share(times, 0.5):.2f} s, p99 {share(times, 0.99):.2f} s, "
        f"max {share(times, 1):.2f} s" + (f"\nfailed: {again(failed)}" if failed else "")
    )


def again(results: Sequence[Result]) -> str:
    """The command that does these seeds again, all of one size; at least one."""
    size, usual = results[0].size, Size()
    options = [
        f"--{name} {shlex.quote(str(value))}"
        for name, value, otherwise in (
            ("burst", size.burst, usual.burst),
            ("only", size.only, usual.only),
            ("choosers", size.choosers, usual.choosers),
        )
        if value != otherwise
    ]
    words = ["make chaos", f"SEEDS={','.join(str(result.seed) for result in results)}"]
    if size.cluster:
        words.append("CLUSTER=1")
    if size.shards != usual.shards:
        words.append(f"SHARDS={size.shards}")
    if size.faults_for != usual.faults_for:
        words.append(f"MINUTES={size.faults_for / 60:g}")
    if options:
        words.append(f'ARGS="{" ".join(options)}"')
    return " ".join(words)


def share(sorted_values: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed; 0 when there is none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]
