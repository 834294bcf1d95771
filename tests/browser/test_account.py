"""The page at /me in a browser: what a person decides is what everyone sees.

Long because each test is a whole visit.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Final, Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from simulator.model import Person, Presence
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.browser.accessibility import violations
from tests.browser.account import (
    HOMELESS,
    accounts_stack,
    erase,
    exported,
    member,
    saved,
    shows_profile,
    sign_in,
    sign_in_by_id,
    user,
)
from tests.browser.browser_fixture import PATIENCE_MS, BrowserTab
from tests.browser.demo_user import GAME, show, song
from tests.browser.site import Site
from tests.e2e.stack import FIRST, ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKS: Final[tuple[tuple[int, Literal["light", "dark"]], ...]] = ((1280, "light"), (320, "dark"))

OTHER_APP, TYPED_APP = "764429562019841111", "764429562019842222"
PATCH: Final = """(settings) => fetch("/me", {
  method: "PATCH",
  headers: {
    "content-type": "application/json",
    "x-csrf-token": document.getElementById("settings").elements.csrf.value,
  },
  body: JSON.stringify(settings),
})"""
SETTINGS: Final = """() => fetch("/me", { headers: { accept: "application/json" } })
  .then((response) => response.json())
  .then(({ data }) => data.settings)"""

expect.set_options(timeout=PATIENCE_MS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def accounts() -> AsyncIterator[Stack]:
    """A Grux that people can sign in to."""
    async with accounts_stack() as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def tab(accounts: Stack, site: Site, browser: Browser) -> AsyncIterator[BrowserTab]:
    """Of somebody who is not signed in; no error may occur in it."""
    accounts.simulator.world.set_presence(ROBIN, "online", [], {"desktop": "online"})
    async with BrowserTab.open(accounts, site, browser) as tab:
        yield tab
        assert tab.errors == []
        assert tab.foreign_requests == []


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(accounts: Stack, site: Site, browser: Browser) -> AsyncIterator[BrowserTab]:
    """A second browser."""
    async with BrowserTab.open(accounts, site, browser) as tab:
        yield tab


async def test_the_person_decides(tab: BrowserTab, stranger: BrowserTab) -> None:
    """A newcomer hides a song, completes the profile, makes a key, takes their data and goes."""
    page, stack = tab.page, tab.stack
    show(tab, "online", song(), GAME)
    await stranger.goto(f"/?user={ROBIN}")
    await stranger.wait_for_text("Paper Lanterns")

    await sign_in(tab)
    await tab.wait_for_text("Paper Lanterns")
    await page.get_by_role("switch", name="Spotify", exact=True).uncheck()
    await saved(tab)
    await stranger.card.get_by_text("Paper Lanterns").wait_for(state="detached")
    await stranger.wait_for_text("Starfall Arena")

    for name in ("robin-k (github)", "robin (steam)"):
        await page.get_by_role("switch", name=name).check()
        await saved(tab)
    await page.get_by_label("Bio").fill("I collect lanterns.")
    await page.get_by_label("Pronouns").fill("they/them")
    await page.get_by_label("Label of link 1").fill("Site")
    await page.get_by_label("Address of link 1").fill("https://robin.example")
    await page.get_by_label("Label of link 2").focus()
    await shows_profile(
        stack,
        bio="I collect lanterns.",
        pronouns="they/them",
        links=[{"label": "Site", "url": "https://robin.example"}],
    )
    accounts = (await user(stack))["profile"]["connected_accounts"]
    assert {one["type"] for one in accounts} == {"github", "steam"}

    await page.get_by_role("button", name="Create a key").click()
    key = await page.locator("#new-key").inner_text()
    async with aiohttp.ClientSession() as http:
        pair = http.put(
            f"{tab.api}/v1/users/@me/kv/mood", data="calm", headers=[("Authorization", key)]
        )
        async with pair as answer:
            assert answer.status == 204
    await shows_profile(stack, kv={"mood": "calm"})

    await tab.goto("/me")
    assert key not in await page.content()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as JSON").click()
    held = exported(await (await download.value).path())
    assert held["settings"]["bio"] == "I collect lanterns."
    assert held["settings"]["hide"] == ["spotify"]
    assert held["kv"] == {"mood": "calm"}

    tab.allow_errors("400")  # for the word that is missing at first
    await erase(tab)
    await stack.not_monitored(ROBIN)
    await stranger.wait_for_text("Not monitored")

    await sign_in(tab)  # nothing is left but the choice to stay hidden
    await expect(page.get_by_label("Bio")).to_have_value("")
    await expect(page.get_by_role("switch", name="Spotify", exact=True)).to_be_checked()
    await page.get_by_role("switch", name="Show my presence").check()
    await shows_profile(stack, bio=None, pronouns=None, links=[], kv={}, connected_accounts=[])


async def test_three_clicks_to_ones_own_card(tab: BrowserTab) -> None:
    """Of somebody who is in no server yet: the start page, Discord's consent, and joining."""
    page, world = tab.page, tab.stack.simulator.world
    world.people[HOMELESS.id] = Person(HOMELESS, Presence("online", [], {}), [])
    await tab.goto("/")
    await page.get_by_role("link", name="Show my presence").click()
    await page.get_by_role("button", name="Authorise as Noor").click()
    await page.get_by_role("button", name="and show me").click()
    await tab.wait_for_text("Noor")
    assert HOMELESS.id in world.guilds[FIRST].members
    assert (await user(tab.stack, HOMELESS.id))["profile"]["username"] == "noor"
    await page.get_by_text("Everyone who knows your id can see this.").wait_for()


async def test_the_start_page_still_fits_one_screen(tab: BrowserTab) -> None:
    """With its new button, on a laptop; and axe finds no violation."""
    show(tab, "online", song(), GAME)
    await tab.goto()
    await tab.wait_for_text("Paper Lanterns")
    assert await tab.page.evaluate("() => document.documentElement.scrollHeight") <= 860
    assert await violations(tab.page) == ""


async def test_it_works_without_scripts(accounts: Stack, site: Site, browser: Browser) -> None:
    """The same choices by forms: an error is beside its field, and loses nothing."""
    user_id = member(accounts, 0)
    async with BrowserTab.open(accounts, site, browser, scripts=False) as tab:
        page = tab.page
        await sign_in_by_id(tab, user_id, scripts=False)
        await expect(page.get_by_role("img", name="Your card")).to_be_visible()
        await page.get_by_role("switch", name="Badges").uncheck()
        await page.get_by_label("Bio").fill("First line\nsecond line")
        await page.get_by_label("Label of link 1").fill("Site")
        await page.get_by_label("Address of link 1").fill("ftp://robin.example")
        await page.get_by_role("button", name="Save changes").click()
        await page.get_by_text("Nothing was saved.").wait_for()
        address = page.get_by_label("Address of link 1")
        await expect(address).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Bio")).to_have_value("First line\nsecond line")
        await expect(page.get_by_role("switch", name="Badges")).not_to_be_checked()

        await address.fill("https://robin.example")
        await page.get_by_role("button", name="Save changes").click()
        await page.get_by_text("Saved. Everyone sees the change").wait_for()
        assert page.url == f"{tab.api}/me?done=saved"
        await page.reload()  # which sends no form again
        await expect(page.get_by_label("Label of link 2")).to_be_visible()
        await shows_profile(accounts, user_id, badges=[], bio="First line\nsecond line")

        await page.get_by_label("Pause").select_option("Hide me for 8 hours")
        await page.get_by_role("button", name="Save changes").click()
        await page.get_by_text("You are hidden until").wait_for()
        await accounts.not_monitored(user_id)
        await page.get_by_label("Pause").select_option("End the pause now")
        await page.get_by_role("button", name="Save changes").click()
        await page.get_by_text("Everyone who knows your id can see this.").wait_for()

        await page.get_by_role("button", name="Create a key").click()
        await expect(page.locator("#new-key")).to_be_visible()
        await page.get_by_role("button", name="Delete the key").click()
        await page.get_by_text("The key is deleted.").wait_for()
        await erase(tab)
        await accounts.not_monitored(user_id)


async def test_each_change_is_saved_at_once(tab: BrowserTab) -> None:
    """An application, the whole presence, and an address that is wrong at first."""
    page, stack = tab.page, tab.stack
    user_id = member(stack, 1)
    await sign_in_by_id(tab, user_id)
    await tab.wait_for_text("Starfall Arena")
    await page.get_by_role("switch", name="Starfall Arena").check()
    await saved(tab)
    await tab.card.get_by_text("Starfall Arena").wait_for(state="detached")

    await page.get_by_role("switch", name="Show my presence").uncheck()
    await tab.wait_for_text("Not monitored")
    await page.get_by_text("You are hidden: Grux answers as if").wait_for()
    await stack.not_monitored(user_id)
    await page.get_by_role("switch", name="Show my presence").check()
    await page.get_by_text("Everyone who knows your id can see this.").wait_for()
    await tab.card.locator(".name").wait_for()

    tab.allow_errors("400")  # of the refused change
    label, address = page.get_by_label("Label of link 1"), page.get_by_label("Address of link 1")
    await label.fill("Site")
    await address.fill("robin.example")
    await page.get_by_label("Pronouns").focus()
    error = page.locator("#link_url-0-error")
    await expect(error).to_contain_text("Address of link 1 has to be an address that begins with")
    await address.fill("https://robin.example")
    await page.get_by_label("Pronouns").focus()
    await expect(error).to_be_empty()
    await shows_profile(stack, user_id, links=[{"label": "Site", "url": "https://robin.example"}])


@pytest.mark.parametrize("failing", [1, 2])
async def test_the_last_click_counts_where_an_earlier_one_was_not_saved(
    tab: BrowserTab, failing: int
) -> None:
    """It was made while the first was on its way. If it is not saved either, nothing changes."""
    page, stack = tab.page, tab.stack
    user_id = member(stack, 4 + failing)
    await sign_in_by_id(tab, user_id)
    activities = page.get_by_role("switch", name="Activities", exact=True)
    await activities.uncheck()
    await saved(tab)
    clicked, requests = asyncio.Event(), list[Route]()

    async def fail_first(route: Route) -> None:
        if route.request.method == "PATCH":
            requests.append(route)
            if len(requests) <= failing:
                await clicked.wait()
                await route.abort()
                return
        await route.continue_()

    await page.route("**/me", fail_first)
    tab.allow_errors("ERR_FAILED")
    await activities.check()
    await activities.uncheck()
    clicked.set()
    if failing == 1:
        await saved(tab)
    else:
        await tab.wait_for_text(re.compile("^Not saved"), page.locator("#announce"))
        await eventually(lambda: len(requests) == 2)
    assert len(requests) == 2
    await expect(activities).not_to_be_checked()
    await page.reload()
    await expect(activities).not_to_be_checked()


async def test_what_was_chosen_elsewhere_stays(tab: BrowserTab) -> None:
    """By /grux or in another tab: this page does not know it, and changes what it is told to."""
    page = tab.page
    await sign_in_by_id(tab, member(tab.stack, 7))
    await tab.wait_for_text("Starfall Arena")
    await page.evaluate(PATCH, {"hide": ["spotify"], "hide_applications": [OTHER_APP]})
    await page.get_by_role("switch", name="Badges").uncheck()
    await saved(tab)
    await page.get_by_label("Hide more").fill(TYPED_APP)
    await page.get_by_role("switch", name="Starfall Arena").check()  # which leaves the text first
    await eventually_async(lambda: _are_saved(tab, "hide_applications", 3))
    settings = await page.evaluate(SETTINGS)
    assert set(settings["hide"]) == {"spotify", "badges"}
    assert {OTHER_APP, TYPED_APP} < set(settings["hide_applications"])


async def test_a_clock_that_is_wrong(tab: BrowserTab) -> None:
    """A pause of an hour ends in an hour."""
    page, stack = tab.page, tab.stack
    user_id = member(stack, 8)
    await page.clock.set_system_time(time.time() - 7200)
    await sign_in_by_id(tab, user_id)
    await page.get_by_label("Pause").select_option("Hide me for 1 hour")
    await stack.not_monitored(user_id)
    ends_in_s = (await page.evaluate(SETTINGS))["paused_until"] / 1000 - time.time()
    assert 3600 - PATIENCE <= ends_in_s <= 3600 + PATIENCE


async def test_changes_before_the_script_are_saved(tab: BrowserTab) -> None:
    """The form is there first: a switch, a list, a text and a link that were changed already."""
    page, stack = tab.page, tab.stack
    user_id = member(stack, 4)
    loaded = asyncio.Event()

    async def late(route: Route) -> None:
        await loaded.wait()
        await route.continue_()

    await page.route("**/me.js", late)
    await sign_in_by_id(tab, user_id, scripts=False)
    await page.get_by_role("switch", name="Badges").uncheck()
    await page.get_by_label("Keep").select_option("When I was seen last")
    await page.get_by_label("Pronouns").fill("she/her")
    await page.get_by_label("Label of link 1").fill("Site")
    await page.get_by_label("Address of link 1").fill("https://robin.example")
    await page.get_by_label("Bio").focus()
    await page.keyboard.type("Nobody reads")
    loaded.set()
    await page.locator("#settings.live").wait_for()
    await page.keyboard.type(" this.")
    links = [{"label": "Site", "url": "https://robin.example"}]
    bio = "Nobody reads this."
    await shows_profile(stack, user_id, badges=[], pronouns="she/her", links=links, bio=bio)
    await page.reload()
    await expect(page.get_by_label("Keep")).to_have_value("last_seen")
    await page.get_by_label("Keep").select_option("Nothing")
    await saved(tab)


async def test_the_keyboard_is_enough(tab: BrowserTab) -> None:
    """A switch takes the space bar; Enter in a line of text saves it and leaves no page."""
    page, stack = tab.page, tab.stack
    user_id = member(stack, 2)
    await sign_in_by_id(tab, user_id)
    await page.get_by_role("switch", name="Custom status").focus()
    await page.keyboard.press("Space")
    await saved(tab)
    await page.get_by_label("Pronouns").focus()
    await page.keyboard.type("she/her")
    await page.keyboard.press("Enter")
    await shows_profile(stack, user_id, pronouns="she/her")
    assert page.url == f"{tab.api}/me"


async def test_a_person_may_disagree(tab: BrowserTab) -> None:
    """Discord's Cancel leads to a page that says so, in the look of the others."""
    await tab.goto("/me")
    await tab.page.get_by_role("link", name="Sign in with Discord").click()
    tab.allow_errors("403")
    await tab.page.get_by_role("button", name="Cancel").click()
    await tab.page.get_by_role("heading", name="You did not agree").wait_for()
    assert await violations(tab.page) == ""


async def test_it_fits_and_is_accessible(tab: BrowserTab) -> None:
    """On a desktop and on a narrow phone, light and dark: signed out, signed in, with a key."""
    user_id = member(tab.stack, 3)
    await tab.goto("/me")
    await _fits(tab)
    await sign_in_by_id(tab, user_id)
    await tab.wait_for_text("Starfall Arena")
    await tab.page.get_by_role("button", name="Create a key").click()
    await expect(tab.page.locator("#new-key")).to_be_visible()
    await tab.wait_for_text("Starfall Arena")
    await _fits(tab)
    await tab.page.get_by_role("link", name="Erase everything").click()
    await _fits(tab)


async def _fits(tab: BrowserTab) -> None:
    wide = "() => document.documentElement.scrollWidth > innerWidth"
    for width, scheme in LOOKS:
        await tab.page.set_viewport_size({"width": width, "height": 860})
        await tab.page.emulate_media(color_scheme=scheme)
        assert not await tab.page.evaluate(wide), width
        assert await violations(tab.page) == "", (width, scheme)


async def _are_saved(tab: BrowserTab, setting: str, count: int) -> bool:
    return len((await tab.page.evaluate(SETTINGS))[setting]) == count
