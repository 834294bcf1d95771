"""A storm of cards: the queue is bounded, and the api is not affected."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from services.cards.problems import BUSY_SVG
from services.cards.render_pool import RenderPool
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually
from tests.api.golden import RICH
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.cards.cards_fixture import serving_cards

ROOT = Path(__file__).parents[2]


async def test_blocked_render_processes_do_not_affect_the_api(store: Store) -> None:
    """All render processes hang and the queue is full: cards serves its busy image, and the api
    answers. Once the processes run again, every job is done."""
    pool = RenderPool(processes=2, queued_jobs=3, job_timeout_s=PATIENCE)
    async with (
        serving_cards(store, pool=pool) as cards,
        serving(store, cards_url=f"http://127.0.0.1:{cards}") as api,
    ):

        def badge(label: int) -> asyncio.Task[object]:
            return asyncio.create_task(ask(api, f"/badge/{RICH.user_id}.svg?label={label}"))

        await asyncio.gather(badge(0), badge(1))
        await eventually(lambda: len(pool._processes) == 2)
        for process in pool._processes:
            os.kill(process.pid, signal.SIGSTOP)
        storm = [badge(label) for label in range(2, 7)]
        await eventually(lambda: pool.queued == 3)
        for _ in range(20):
            busy = await ask(api, f"/card/{RICH.user_id}.svg")
            assert (busy.status, busy.body) == (200, BUSY_SVG)
            assert busy.header("x-grux-problem") == "busy"
            for path in (f"/user/{RICH.user_id}", f"/activity/{RICH.user_id}"):
                assert (await ask(api, path)).status == 200
        assert not any(task.done() for task in storm)
        assert pool.queued == 3
        for process in pool._processes:
            os.kill(process.pid, signal.SIGCONT)
        await asyncio.gather(*storm)
        assert pool.completed == 7


def test_the_api_loads_no_image_library() -> None:
    """Neither the code that draws nor what it needs is in the api's process."""
    check = (
        "import sys, services.api.__main__\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'PIL', 'uharfbuzz', 'bidi', 'resvg_py'}, loaded\n"
        "assert 'services.cards' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
