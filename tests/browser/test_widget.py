"""The widget on another website: what it shows, and what it never does."""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec
import pytest

from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import CUSTOM, GAME, WIDGET, show, song
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


async def test_first_paint(tab: BrowserTab) -> None:
    """One tag and one script show avatar, name and activities on another site."""
    show(tab, "online", {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}, GAME)
    await tab.embed(WIDGET)
    for text in ("Robin", "Online", "brb, tea", "Starfall Arena", "Ranked Duos: 2-1"):
        await tab.wait_for_text(text)
    await tab.wait_for_text("In a Match (2 of 4)")
    shown = tab.page.locator("grux-presence")
    for part in ("avatar-image", "decoration", "clan", "badges", "art"):
        assert await shown.locator(f"[part~={part}]").count() == 1, part
    titles = shown.locator("[part~=badges] img")
    assert await titles.first.get_attribute("title")
    assert await titles.first.get_attribute("alt") == await titles.first.get_attribute("title")
    assert await shown.locator("[title='Gold III']").count() == 1
    assert await tab.until(
        "() => [...document.querySelector('grux-presence').shadowRoot"
        ".querySelectorAll('img')].every((image) => image.naturalWidth)"
    )


async def test_a_change_is_shown_in_place(tab: BrowserTab) -> None:
    """What stays the same stays the same element: pictures and links are not reloaded."""
    await tab.embed(WIDGET)
    await tab.wait_for_text("Online")
    avatar = await tab.card.locator("[part~=avatar-image]").element_handle()
    show(tab, "dnd", GAME)
    await tab.wait_for_text("Do not disturb")
    await tab.wait_for_text("Starfall Arena")
    tab.stack.simulator.world.update_user(ROBIN, global_name="Robin the Second")
    await tab.wait_for_text("Robin the Second")
    assert avatar is not None
    assert await avatar.evaluate("(image) => image.isConnected")
    tab.stack.simulator.world.update_user(ROBIN, global_name="Robin")
    show(tab, "offline")
    await tab.wait_for_text("Offline")
    assert await tab.card.locator("section").count() == 0


async def test_a_song_progresses(tab: BrowserTab) -> None:
    """Time and bar advance by themselves, and the title links to the song."""
    show(tab, "online", song())
    await tab.embed(WIDGET)
    await tab.wait_for_text("Paper Lanterns")
    await tab.wait_for_text("Juniper Vale, Ola Fenn")
    await tab.wait_for_text("3:07")
    link = tab.card.locator("a[part~=title]")
    assert await link.get_attribute("href") == (
        "https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN"
    )
    read = """() => {
      const root = document.querySelector("grux-presence").shadowRoot;
      const bar = root.querySelector("[role=progressbar]");
      return [root.querySelector("[data-time=reached]").textContent,
        new DOMMatrix(getComputedStyle(bar.firstChild).transform).a, bar.ariaValueNow];
    }"""
    time_shown, share, percent = await tab.page.evaluate(read)
    assert re.fullmatch(r"0:\d\d", time_shown)
    assert 0.1 < share < 1
    assert 10 < int(percent) < 100
    await tab.until(f"(was) => ({read})()[0] !== was", time_shown)
    assert (await tab.page.evaluate(read))[1] > share


async def test_running_times(tab: BrowserTab) -> None:
    """Elapsed time, remaining time, and days."""
    now = int(time.time() * 1000)
    running = {
        "Since": {"start": now - 3_725_000},
        "Until": {"end": now + 600_000},
        "Days": {"start": now - 200_000_000},
    }
    games = [
        {**GAME, "id": name, "name": name, "application_id": f"7644295620198400{place:02}",
         "timestamps": times}
        for place, (name, times) in enumerate(running.items())
    ]  # fmt: skip
    show(tab, "online", *games)
    await tab.embed(WIDGET)
    await tab.wait_for_text(re.compile(r"^1:02:\d\d$"))
    await tab.wait_for_text(re.compile(r"^(10:00|9:\d\d) left$"))
    await tab.wait_for_text("2 d 7 h")


async def test_without_a_user(tab: BrowserTab) -> None:
    """The card says what is missing, until there is a user."""
    await tab.embed("<grux-presence></grux-presence>")
    await tab.wait_for_text("No user")
    info = "() => { const { state, error } = document.querySelector('grux-presence').info;"
    assert await tab.page.evaluate(info + " return [state, error.code] }") == ["error", "no_user"]
    await tab.page.evaluate(f"() => {{ document.querySelector('grux-presence').user = '{ROBIN}' }}")
    await tab.wait_for_text("Robin")


async def test_unknown_words_are_reported(tab: BrowserTab) -> None:
    """A typing error in theme, size or hide is named in the console; known words are not."""
    tab.allow_errors("<grux-presence ")
    warnings: list[str] = []
    tab.page.on("console", lambda said: warnings.append(said.text))
    known = 'theme="dark" size="compact" hide="nameplate,clan badges"'
    wrong = 'theme="Dark" size="small" hide="badge clan"'
    await tab.embed(WIDGET.replace("><", f" {known}><") + WIDGET.replace("><", f" {wrong}><"))
    await tab.wait_for_text("Robin")
    assert [text.split(" is not one of")[0] for text in warnings] == [
        '<grux-presence theme="Dark">: "Dark"',
        '<grux-presence size="small">: "small"',
        '<grux-presence hide="badge clan">: "badge"',
    ]


async def test_untrusted_text_stays_text(tab: BrowserTab) -> None:
    """Markup in every text that a user can choose and a script as a link have no effect."""
    world = tab.stack.simulator.world
    hostile: dict[str, Any] = dict.fromkeys(("name", "details", "state"), HOSTILE)
    stream = {"id": "s", "type": 1, "created_at": 1, "url": "javascript:window.hacked=1"}
    assets = {"large_image": "javascript:window.hacked=1", "large_text": HOSTILE}
    said = {**CUSTOM, "state": HOSTILE, "emoji": {"name": HOSTILE}}
    world.update_user(ROBIN, global_name=HOSTILE)
    await tab.embed(WIDGET)
    show(tab, "online", said, {**stream, **hostile, "assets": assets})
    await tab.card.locator("[part~=custom-status]").get_by_text(HOSTILE).wait_for()
    await tab.card.locator("[part~=name]").get_by_text(HOSTILE).wait_for()
    assert await tab.page.evaluate("() => window.hacked") is None
    assert await tab.card.locator("script").count() == 0
    hrefs = await tab.card.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    sources = await tab.card.locator("img").evaluate_all("(all) => all.map((i) => i.src)")
    assert all(re.match(r"https?://", url) for url in [*hrefs, *sources])
    assert not any(url.endswith("/x") for url in sources)
    await tab.embed(WIDGET.replace("></", " size=compact></"))
    await tab.card.locator("[part~=name]").get_by_text(HOSTILE).wait_for()
    assert await tab.page.evaluate("() => window.hacked") is None
    world.update_user(ROBIN, global_name="Robin")


@pytest.mark.parametrize(
    "url", ["javascript:window.hacked=1", "http://evil.example/x.png", "data:,x"]
)
async def test_unsafe_addresses_are_not_loaded(tab: BrowserTab, url: str) -> None:
    """Of unsafe addresses, no picture is requested and no link is made."""
    show(tab, "online", {**CUSTOM, "emoji": {"name": "x", "id": ROBIN}}, song(), GAME)
    data = await tab.stack.shows(ROBIN, lambda data: bool(data["spotify"]))
    text = re.sub(rb'"https?://[^"]*"', msgspec.json.encode(url), msgspec.json.encode(data))
    frame = b'{"op":"initial_data","user_id":"%b","d":%b}' % (ROBIN.encode(), text)
    await tab.page.route_web_socket(
        re.compile("user_id"), lambda socket: socket.send(frame.decode())
    )
    await tab.embed(WIDGET)
    await tab.wait_for_text("Paper Lanterns")
    assert await tab.card.locator("img").count() == 0
    hrefs = await tab.card.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    assert [href for href in hrefs if not href.startswith("http")] == []


async def test_a_user_who_is_not_monitored(tab: BrowserTab) -> None:
    """The card says so, with the invite."""
    await tab.embed('<grux-presence user="1274150219482660897"></grux-presence>')
    await tab.wait_for_text("Not monitored")
    link = tab.card.locator("a[part=join]")
    assert await link.get_attribute("href") == "https://discord.gg/example"
    await tab.embed('<grux-presence user="robin"></grux-presence>')
    await tab.wait_for_text("Not a Discord id")
    await tab.wait_for_text(re.compile("Developer Mode"))


async def test_events_and_subscribe(tab: BrowserTab) -> None:
    """The page gets each change with its data, by events and by `subscribe`."""
    await tab.embed("<p>nothing yet</p>")
    await tab.page.evaluate("""(id) => {
      window.log = { events: [], states: [], calls: [] };
      document.addEventListener("grux:update", (event) => log.events.push(event.detail));
      document.addEventListener("grux:state", (event) => log.states.push(event.detail.state));
      const element = document.createElement("grux-presence");
      element.user = id;
      document.body.append(element);
      customElements.whenDefined("grux-presence").then(() => {
        window.stop = Grux.subscribe(id, (data, info) => log.calls.push([data, info.state]));
      });
    }""", ROBIN)  # fmt: skip
    await tab.until("() => log.events.length && log.calls.at(-1)?.[0]")
    show(tab, "idle")
    await tab.until("() => log.events.at(-1).status === 'idle'")
    log = await tab.page.evaluate("() => log")
    keys = {"profile", "status", "spotify", "activity", "custom_status", "listening"}
    assert set(log["events"][-1]) == keys
    assert log["calls"][-1] == [log["events"][-1], "live"]
    assert log["states"] == ["live"]
    assert await tab.page.evaluate("() => document.querySelector('grux-presence').data.status")
    calls = len(log["calls"])
    await tab.page.evaluate("() => stop()")
    show(tab, "online")
    await tab.until("() => log.events.at(-1).status === 'online'")
    assert await tab.page.evaluate("() => log.calls.length") == calls
    assert len(tab.sockets) == 1


async def test_another_user_on_the_same_element(tab: BrowserTab) -> None:
    """The attribute may change, and the element may be removed and added."""
    other = next(id for id in sorted(tab.stack.member_ids()) if id != ROBIN)
    await tab.embed(WIDGET)
    await tab.wait_for_text("Robin")
    await tab.page.evaluate("(id) => document.querySelector('grux-presence').user = id", other)
    read = "() => document.querySelector('grux-presence').data?.profile.id"
    await tab.until(f"(id) => ({read})() === id", other)
    await tab.page.evaluate(
        "() => { window.kept = document.querySelector('grux-presence');kept.remove(); }"
    )
    await tab.connected(0)
    await tab.page.evaluate("() => document.body.append(kept)")
    await tab.connected(1)
    await tab.until(f"(id) => ({read})() === id", other)
