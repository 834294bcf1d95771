"""What the widget shows of people who keep a history, and what it requests of others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from shared.model.user_settings import HistoryLevel
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually_async
from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import GAME, WIDGET, show
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITH_HISTORY = WIDGET.replace("><", " history><")


class Setting:
    """What Robin has kept."""

    def __init__(self, durable: Store) -> None:
        self._settings = UserSettingsStore(durable)

    async def choose(self, level: HistoryLevel) -> None:
        await self._settings.change(int(ROBIN), lambda old: replace(old, history=level))


@pytest_asyncio.fixture(loop_scope="session")
async def setting(stack: Stack) -> AsyncIterator[Setting]:
    """At the end nothing is kept, as before."""
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as durable:
        setting = Setting(durable)
        try:
            yield setting
        finally:
            await setting.choose("off")


async def recorded(stack: Stack, *expected: tuple[str, bool]) -> None:
    """Wait for these entries: the name, and whether it is over."""

    async def found() -> bool:
        status, body = await stack.get(f"/history/{ROBIN}")
        recent = body["data"]["recent"] if status == 200 else None
        return recent is not None and expected == tuple(
            (one["name"], one["ended_at"] is not None) for one in recent
        )

    await eventually_async(found)


async def test_a_history(tab: BrowserTab, setting: Setting) -> None:
    """A running activity, one that has ended, when they were seen last; and after it is off."""
    asked = tab.collect_requests(lambda url: "/history/" in url)
    await tab.embed(WITH_HISTORY)
    await tab.wait_for_text("Robin")
    await setting.choose("recent")
    show(tab, "online", GAME)
    await recorded(tab.stack, ("Starfall Arena", False))
    entries = tab.card.get_by_role("list").get_by_role("listitem")
    await tab.wait_for_text(re.compile("^Playing for .+$"), entries)
    await tab.wait_for_text("Starfall Arena · Ranked Duos: 2-1", entries)

    show(tab, "offline")
    await tab.wait_for_text(re.compile("^Offline, last seen .+ ago$"))
    await recorded(tab.stack, ("Starfall Arena", True))
    both = WITH_HISTORY + WITH_HISTORY.replace("><", ' theme="dark"><')
    asked.clear()
    await tab.embed(f"<h1>A site</h1><h2>People</h2>{both}")
    await tab.wait_for_text(re.compile("^Played for .+, .+ ago$"), entries)
    assert set(asked) == {f"{tab.api}/history/{ROBIN}"}
    assert await violations(tab.page) == ""
    size = WITH_HISTORY.replace("><", ' size="compact"><')
    hidden = WITH_HISTORY.replace("><", ' hide="activities"><')
    await tab.embed(size + hidden + WIDGET)
    for place, text in enumerate([", last seen ", ", last seen ", "Offline"]):
        card = tab.page.locator("grux-presence .card").nth(place)
        await tab.wait_for_text(re.compile(text), card)
        assert await card.get_by_role("listitem").count() == 0
    assert await card.get_by_text("seen").count() == 0

    tab.allow_errors("404")  # the browser reports the answer that there is no history
    await setting.choose("off")
    await tab.stack.shows(ROBIN, lambda data: data.get("last_seen") is None)
    asked.clear()
    await tab.embed(WITH_HISTORY)
    await tab.wait_for_text(re.compile("^Offline$"))
    assert await entries.count() == 0
    assert len(asked) <= 1


async def test_the_start_page_shows_a_history(tab: BrowserTab, setting: Setting) -> None:
    """The card of somebody who keeps one has the list, in the page's own policy."""
    await setting.choose("recent")
    show(tab, "online", GAME)
    await recorded(tab.stack, ("Starfall Arena", False))
    await tab.goto(f"/?user={ROBIN}")
    stage = tab.page.locator("#stage")
    await tab.wait_for_text("Recently", stage)
    assert await stage.get_by_role("listitem").count() == 1
