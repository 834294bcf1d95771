"""`python -m chaos`: runs seeds one after another, and says what came of them."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import traceback
from pathlib import Path
from typing import Final

from chaos import report
from chaos.checker import Convergence
from chaos.run import Result, Size, run

LOGS: Final = Path(".run/chaos")
LONG: Final = 4  # minutes, from which on Discord also refuses for minutes: hikari tries again
CONVERGE_WITHIN_LONG: Final = 150.0  # once in a minute by then, and seconds are not the point
SLACK: Final = 240.0  # seconds that a run may take beside its faults and its convergence


def main() -> int:
    """0 when every seed passed."""
    # It warns of writes that a cut has overtaken; here that is what cuts are for.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    given = _arguments()
    size = Size(
        faults_for=given.minutes * 60,
        converge_within=Size().converge_within if given.minutes < LONG else CONVERGE_WITHIN_LONG,
        burst=given.burst,
        shards=given.shards,
        cluster=given.cluster,
        only=given.only,
        choosers=given.choosers,
    )
    results = []
    for seed in _seeds(given.seeds):
        result = asyncio.run(_bounded(seed, size))
        results.append(result)
        print(report.line(result), flush=True)
        if not result.passed:
            print(report.failure(result, LOGS), flush=True)
    print(report.summary(results))
    return 0 if all(result.passed for result in results) else 1


async def _bounded(seed: int, size: Size) -> Result:
    """A run that does not end has failed; those after it go on."""
    most_s = size.faults_for + size.converge_within + SLACK
    try:
        async with asyncio.timeout(most_s) as limit:
            return await run(seed, size)
    except TimeoutError as error:
        if not limit.expired():
            raise
        traceback.print_exception(error.__cause__ or error)
        wrong = [f"the run did not end within {most_s:.0f} s"]
        return Result(seed, size, [], wrong, Convergence([], []), Convergence([], []))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seeds", default="1-3", help="such as 7, 1-20 or 3,8,10-12")
    parser.add_argument("--minutes", type=float, default=0.25, help="of faults, for each seed")
    parser.add_argument("--burst", type=int, default=Size().burst, help="events at once")
    parser.add_argument("--shards", type=int, default=1, help="of Discord's gateway")
    parser.add_argument("--cluster", action="store_true", help="Redis is a cluster")
    parser.add_argument("--only", default="", help="kinds of faults that begin so, as in redis_")
    parser.add_argument(
        "--choosers", type=int, default=Size().choosers, help="people who change their settings"
    )
    return parser.parse_args()


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


if __name__ == "__main__":
    sys.exit(main())
