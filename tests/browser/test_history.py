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
from simulator.model import Json
from testing.eventually import PATIENCE, eventually_async
from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import GAME
from tests.e2e.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Keeper:
    """A user of no other test: once they had a history, `last_seen` stays in their presence."""

    def __init__(self, stack: Stack, durable: Store) -> None:
        self._stack = stack
        self._settings = UserSettingsStore(durable)
        people = stack.simulator.world.people.values()
        *_, user = (person.user for person in people if not person.user.bot)
        self.id, self.name = user.id, user.global_name or user.username
        self.widget = f'<grux-presence user="{user.id}"></grux-presence>'
        self.with_history = self.widget.replace("><", " history><")

    async def begin(self) -> None:
        """They show nothing: what they show when they choose a history would be a part of it."""
        self.show("offline")
        await self._stack.shows(self.id, lambda data: data["status"] == "invisible")

    async def choose(self, level: HistoryLevel) -> None:
        await self._settings.change(int(self.id), lambda old: replace(old, history=level))

    def show(self, status: str, *activities: Json) -> None:
        world = self._stack.simulator.world
        world.set_presence(self.id, status, list(activities), {"desktop": status})

    async def recorded(self, *expected: tuple[str, bool]) -> None:
        """Wait for these entries: the name, and whether it is over."""

        async def found() -> bool:
            status, body = await self._stack.get(f"/history/{self.id}")
            recent = body["data"]["recent"] if status == 200 else None
            return recent is not None and expected == tuple(
                (one["name"], one["ended_at"] is not None) for one in recent
            )

        await eventually_async(found)


@pytest_asyncio.fixture(loop_scope="session")
async def keeper(stack: Stack) -> AsyncIterator[Keeper]:
    """At the end nothing is kept. Requested before `tab`: a page that is open then gets a 404."""
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as durable:
        keeper = Keeper(stack, durable)
        await keeper.begin()
        try:
            yield keeper
        finally:
            await keeper.choose("off")


async def test_a_history(keeper: Keeper, tab: BrowserTab) -> None:
    """A running activity, one that has ended, when they were seen last; and after it is off."""
    asked = tab.collect_requests(lambda url: "/history/" in url)
    await tab.embed(keeper.with_history)
    await tab.wait_for_text(keeper.name)
    await keeper.choose("recent")
    keeper.show("online", GAME)
    await keeper.recorded(("Starfall Arena", False))
    entries = tab.card.get_by_role("list").get_by_role("listitem")
    await tab.wait_for_text(re.compile("^Playing for .+$"), entries)
    await tab.wait_for_text("Starfall Arena · Ranked Duos: 2-1", entries)

    keeper.show("offline")
    await tab.wait_for_text(re.compile("^Offline, last seen .+ ago$"))
    await keeper.recorded(("Starfall Arena", True))
    both = keeper.with_history + keeper.with_history.replace("><", ' theme="dark"><')
    asked.clear()
    await tab.embed(f"<h1>A site</h1><h2>People</h2>{both}")
    await tab.wait_for_text(re.compile("^Played for .+, .+ ago$"), entries)
    assert set(asked) == {f"{tab.api}/history/{keeper.id}"}
    assert await violations(tab.page) == ""
    size = keeper.with_history.replace("><", ' size="compact"><')
    hidden = keeper.with_history.replace("><", ' hide="activities"><')
    await tab.embed(size + hidden + keeper.widget)
    for place, text in enumerate([", last seen ", ", last seen ", "Offline"]):
        card = tab.page.locator("grux-presence .card").nth(place)
        await tab.wait_for_text(re.compile(text), card)
        assert await card.get_by_role("listitem").count() == 0
    assert await card.get_by_text("seen").count() == 0

    tab.allow_errors("404")  # the browser reports the answer that there is no history
    await keeper.choose("off")
    await tab.stack.shows(keeper.id, lambda data: data.get("last_seen") is None)
    asked.clear()
    await tab.embed(keeper.with_history)
    await tab.wait_for_text(re.compile("^Offline$"))
    assert await entries.count() == 0
    assert len(asked) <= 1


async def test_a_widget_that_is_added_later_leaves_the_list_of_the_first(
    keeper: Keeper, tab: BrowserTab
) -> None:
    """Both share what is known of the user. The new one knows nothing yet."""
    await keeper.choose("recent")
    keeper.show("online", GAME)
    await keeper.recorded(("Starfall Arena", False))
    await tab.embed(keeper.with_history)
    first = tab.card.get_by_role("list").get_by_role("listitem")
    await tab.wait_for_text("Starfall Arena", first)
    fewest = """(element) => new Promise((resolve) => {
      const shown = () => element.shadowRoot.querySelectorAll("li").length;
      let least = shown();
      const look = () => (least = Math.min(least, shown()));
      new MutationObserver(look).observe(element.shadowRoot, { childList: true, subtree: true });
      const later = element.cloneNode();
      const isDrawn = () => later.shadowRoot.querySelector("li") && resolve(least);
      new MutationObserver(isDrawn).observe(later.shadowRoot, { childList: true, subtree: true });
      element.after(later);
    })"""
    assert await tab.page.locator("grux-presence").evaluate(fewest) == 1


async def test_the_start_page_shows_a_history(keeper: Keeper, tab: BrowserTab) -> None:
    """The card of somebody who keeps one has the list, in the page's own policy."""
    await keeper.choose("recent")
    keeper.show("online", GAME)
    await keeper.recorded(("Starfall Arena", False))
    await tab.goto(f"/?user={keeper.id}")
    stage = tab.page.locator("#stage")
    await tab.wait_for_text("Recently", stage)
    assert await stage.get_by_role("listitem").count() == 1
