"""`python -m bench.attack`: attacks a Grux of its own on this machine, and checks what they cost.

Prints a figure and its bound for each. Exits with status 1 if one is exceeded. Every attack is
bounded in count and time, and goes to loopback only. Slow answers also come from a busy machine:
the bounds are for one with a core to spare.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from bench import kernel
from bench.attacks import enumeration, memory, new_routes, pictures, rest, unknown_ids, variants
from bench.attacks.outcome import HEAD, Outcome
from bench.attacks.target import Target, target
from bench.child import ProcessFailed
from bench.harness import HERE, Harness
from bench.params import Params

Attack = Callable[[], Awaitable[list[Outcome]]]

ON_TARGET: Final[Mapping[str, Callable[[Target], Awaitable[list[Outcome]]]]] = {
    "forged_addresses": rest.forged_addresses,
    "trailers": rest.trailers,
    "worst_headers": rest.worst_headers,
    "malformed_heads": rest.malformed_heads,
    "silent_metrics_connections": rest.silent_metrics_connections,
    "pipelined_and_reset": rest.pipelined_and_reset,
    "large_files": rest.large_files,
    "enumeration": enumeration.run,
    "one_persons_card": pictures.one_person,
    "many_cards": pictures.many_people,
    "wide_image": pictures.wide_image,
    "now_playing": new_routes.pictures,
    "oembed": new_routes.oembed,
    "history": new_routes.history,
    "variants": variants.run,
}
"""Attacks on api, ws and cards together."""

TESTS: Final = (
    "tests/shared/telemetry/test_health.py",
    "tests/shared/net/test_public_address.py",
    "tests/cards/test_image_fetcher.py",
    "tests/cards/test_scaling.py",
    "tests/test_worst_case_input.py",
    "tests/ws/test_conformance.py",
    "tests/ws/test_fuzz.py",
    "tests/shared/http/test_fuzz.py",
)
"""Attacks that need no load are tests. They are run as well."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    parser.add_argument("--only", default="", help="attacks with this in their name")
    parser.add_argument("--list", action="store_true", help="print the names, and attack nothing")
    asked = parser.parse_args()
    if not kernel.IS_LINUX:
        print("bench: Linux is needed, because CPU time is read from /proc", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="grux-attack-") as folder:
        try:
            harness = Harness(Params(), Path(folder), HERE.parent)
        except ProcessFailed as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        alone: dict[str, Attack] = {
            "unknown_ids": partial(unknown_ids.run, harness),
            **memory.attacks(harness),
            "tests": _run_tests,
        }
        if asked.list:
            print("\n".join([*ON_TARGET, *alone]))
            return 0
        return asyncio.run(_attack(harness, alone, asked.only))


async def _attack(harness: Harness, alone: Mapping[str, Attack], only: str) -> int:
    print(HEAD)
    exceeded = 0
    together = {name: attack for name, attack in ON_TARGET.items() if only in name}
    if together:
        async with target(harness) as attacked:
            for attack in together.values():
                exceeded += _show(await attack(attacked))
    for name, attack_alone in alone.items():
        if only in name:
            exceeded += _show(await attack_alone())
    return 1 if exceeded else 0


def _show(outcomes: list[Outcome]) -> int:
    for outcome in outcomes:
        print(outcome.row, flush=True)
    return sum(not outcome.holds for outcome in outcomes)


async def _run_tests() -> list[Outcome]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=HERE.parent, capture_output=True, text=True, check=False
    )
    last = done.stdout.strip().splitlines()[-1:]
    figure = f"exit status ({last[0].strip('= ') if last else 'no output'})"
    return [
        Outcome(attack="the tests of hostile input", figure=figure, value=done.returncode, bound=0)
    ]


if __name__ == "__main__":
    sys.exit(main())
