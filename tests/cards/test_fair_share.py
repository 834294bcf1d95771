"""No address takes the whole render pool."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from services.cards.fair_share import FairShare
from services.cards.render_pool import PoolFull, RenderPool
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually
from tests.api.golden import RICH
from tests.api.http_client import Answer, ask
from tests.cards.cards_fixture import serving_cards


async def test_one_address_waits_for_itself() -> None:
    """Others have turns of their own, and nothing is kept of an address that has gone."""
    shares, running, go_on = FairShare(2, 1), list[str](), asyncio.Event()

    async def render(address: str) -> None:
        async with shares.turn(address):
            running.append(address)
            await go_on.wait()

    ours = [asyncio.create_task(render("a")) for _ in range(3)]
    await eventually(lambda: len(running) == 2)
    with pytest.raises(PoolFull):
        await render("a")
    others = [asyncio.create_task(render(address)) for address in ("b", "", "", "", "")]
    await eventually(lambda: len(running) == 7)
    assert (running.count("a"), len(shares)) == (2, 2)
    go_on.set()
    await asyncio.gather(*ours, *others)
    assert (running.count("a"), len(shares)) == (3, 0)


async def test_a_turn_is_given_back() -> None:
    """After an error, and when the wait is cancelled."""
    shares = FairShare(1, 1)
    with pytest.raises(RuntimeError):
        async with shares.turn("a"):
            raise RuntimeError
    async with shares.turn("a"):
        waiting = asyncio.create_task(shares.turn("a").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(shares) == 1
    assert len(shares) == 0


@pytest.mark.parametrize("kind", ["card", "badge"])
async def test_a_crowd_from_one_address_keeps_no_other_card_busy(store: Store, kind: str) -> None:
    """It fills its share of the queue only, and is served when its turn comes."""
    pool = RenderPool(processes=1, queued_jobs=12, job_timeout_s=PATIENCE)

    async with serving_cards(store, pool=pool, trusted_proxies="127.0.0.0/8") as cards:

        def image(number: int, address: str) -> asyncio.Task[Answer]:
            what = f"accent={number:06x}" if kind == "card" else f"label={number}"
            path = f"/{kind}/{RICH.user_id}.svg?{what}"
            return asyncio.create_task(ask(cards, path, f"X-Forwarded-For: {address}"))

        await image(0, "8.8.4.4")
        for process in pool._processes:
            os.kill(process.pid, signal.SIGSTOP)
        crowd = [image(number, "8.8.8.8") for number in range(1, 30)]
        await eventually(lambda: pool.queued == 7)  # eight at once; one of them has the process
        visitor = image(100, "9.9.9.9")
        await eventually(lambda: pool.queued == 8)
        for process in pool._processes:
            os.kill(process.pid, signal.SIGCONT)
        for answer in await asyncio.gather(visitor, *crowd):
            assert "x-grux-problem" not in dict(answer.headers)
            assert b">busy<" not in answer.body
