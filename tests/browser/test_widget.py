"""The widget on somebody's website: what it shows, and what it never does."""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec
import pytest

from tests.browser.browser_fixture import Visitor
from tests.browser.demo_person import CUSTOM, GAME, WIDGET, does, song
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


async def test_first_paint(visitor: Visitor) -> None:
    """One tag and one script: a face, a name and what they do, from another site."""
    does(visitor, "online", {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}, GAME)
    await visitor.embeds(WIDGET)
    for text in ("Robin", "Online", "brb, tea", "Starfall Arena", "Ranked Duos: 2-1"):
        await visitor.sees(text)
    await visitor.sees("In a Match (2 of 4)")
    shown = visitor.page.locator("grux-presence")
    for part in ("avatar-image", "decoration", "clan", "badges", "art"):
        assert await shown.locator(f"[part~={part}]").count() == 1, part
    titles = shown.locator("[part~=badges] img")
    assert await titles.first.get_attribute("title")
    assert await titles.first.get_attribute("alt") == await titles.first.get_attribute("title")
    assert await shown.locator("[title='Gold III']").count() == 1
    assert await visitor.until(
        "() => [...document.querySelector('grux-presence').shadowRoot"
        ".querySelectorAll('img')].every((image) => image.naturalWidth)"
    )


async def test_a_change_is_shown_in_place(visitor: Visitor) -> None:
    """Without a new picture, a new link or a reload: what stays the same stays the same element."""
    await visitor.embeds(WIDGET)
    await visitor.sees("Online")
    face = await visitor.card.locator("[part~=avatar-image]").element_handle()
    does(visitor, "dnd", GAME)
    await visitor.sees("Do not disturb")
    await visitor.sees("Starfall Arena")
    visitor.stack.simulator.world.update_user(ROBIN, global_name="Robin the Second")
    await visitor.sees("Robin the Second")
    assert face is not None
    assert await face.evaluate("(image) => image.isConnected")
    visitor.stack.simulator.world.update_user(ROBIN, global_name="Robin")
    does(visitor, "offline")
    await visitor.sees("Offline")
    assert await visitor.card.locator("section").count() == 0


async def test_a_song_moves(visitor: Visitor) -> None:
    """Time and bar go on by themselves, and the title leads to the song."""
    does(visitor, "online", song())
    await visitor.embeds(WIDGET)
    await visitor.sees("Paper Lanterns")
    await visitor.sees("Juniper Vale, Ola Fenn")
    await visitor.sees("3:07")
    link = visitor.card.locator("a[part~=title]")
    assert await link.get_attribute("href") == (
        "https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN"
    )
    read = """() => {
      const root = document.querySelector("grux-presence").shadowRoot;
      const bar = root.querySelector("[role=progressbar]");
      return [root.querySelector("[data-time=reached]").textContent,
        new DOMMatrix(getComputedStyle(bar.firstChild).transform).a, bar.ariaValueNow];
    }"""
    time_shown, share, percent = await visitor.page.evaluate(read)
    assert re.fullmatch(r"0:\d\d", time_shown)
    assert 0.1 < share < 1
    assert 10 < int(percent) < 100
    await visitor.until(f"(was) => ({read})()[0] !== was", time_shown)
    assert (await visitor.page.evaluate(read))[1] > share


async def test_running_times(visitor: Visitor) -> None:
    """Since when, how long still, or both."""
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
    does(visitor, "online", *games)
    await visitor.embeds(WIDGET)
    await visitor.sees(re.compile(r"^1:02:\d\d$"))
    await visitor.sees(re.compile(r"^(10:00|9:\d\d) left$"))
    await visitor.sees("2 d 7 h")


async def test_what_strangers_typed_stays_text(visitor: Visitor) -> None:
    """Markup in every text that a person can choose, a script as a link, and nothing happens."""
    world = visitor.stack.simulator.world
    hostile: dict[str, Any] = dict.fromkeys(("name", "details", "state"), HOSTILE)
    stream = {"id": "s", "type": 1, "created_at": 1, "url": "javascript:window.hacked=1"}
    assets = {"large_image": "javascript:window.hacked=1", "large_text": HOSTILE}
    said = {**CUSTOM, "state": HOSTILE, "emoji": {"name": HOSTILE}}
    world.update_user(ROBIN, global_name=HOSTILE)
    await visitor.embeds(WIDGET)
    does(visitor, "online", said, {**stream, **hostile, "assets": assets})
    await visitor.card.locator("[part~=custom-status]").get_by_text(HOSTILE).wait_for()
    await visitor.card.locator("[part~=name]").get_by_text(HOSTILE).wait_for()
    assert await visitor.page.evaluate("() => window.hacked") is None
    assert await visitor.card.locator("script").count() == 0
    hrefs = await visitor.card.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    sources = await visitor.card.locator("img").evaluate_all("(all) => all.map((i) => i.src)")
    assert all(re.match(r"https?://", url) for url in [*hrefs, *sources])
    assert not any(url.endswith("/x") for url in sources)
    await visitor.embeds(WIDGET.replace("></", " size=compact></"))
    await visitor.card.locator("[part~=name]").get_by_text(HOSTILE).wait_for()
    assert await visitor.page.evaluate("() => window.hacked") is None
    world.update_user(ROBIN, global_name="Robin")


@pytest.mark.parametrize(
    "url", ["javascript:window.hacked=1", "http://evil.example/x.png", "data:,x"]
)
async def test_what_a_hostile_server_says_is_not_loaded(visitor: Visitor, url: str) -> None:
    """Every address in an answer is a bad one: no picture is asked for, and no script is a link."""
    does(visitor, "online", {**CUSTOM, "emoji": {"name": "x", "id": ROBIN}}, song(), GAME)
    data = await visitor.stack.shows(ROBIN, lambda data: bool(data["spotify"]))
    text = re.sub(rb'"https?://[^"]*"', msgspec.json.encode(url), msgspec.json.encode(data))
    frame = b'{"op":"initial_data","user_id":"%b","d":%b}' % (ROBIN.encode(), text)
    await visitor.page.route_web_socket(
        re.compile("user_id"), lambda socket: socket.send(frame.decode())
    )
    await visitor.embeds(WIDGET)
    await visitor.sees("Paper Lanterns")
    assert await visitor.card.locator("img").count() == 0
    hrefs = await visitor.card.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    assert [href for href in hrefs if not href.startswith("http")] == []


async def test_who_is_not_monitored(visitor: Visitor) -> None:
    """Plain words, and where to go."""
    await visitor.embeds('<grux-presence user="1274150219482660897"></grux-presence>')
    await visitor.sees("Not monitored")
    link = visitor.card.locator("a[part=join]")
    assert await link.get_attribute("href") == "https://discord.gg/example"
    await visitor.embeds('<grux-presence user="robin"></grux-presence>')
    await visitor.sees("Not a Discord id")
    await visitor.sees(re.compile("Developer Mode"))


async def test_events_and_subscribe(visitor: Visitor) -> None:
    """The page is told of each change, with the data, from the element and without one."""
    await visitor.embeds("<p>nothing yet</p>")
    await visitor.page.evaluate("""(id) => {
      window.told = { events: [], states: [], calls: [] };
      document.addEventListener("grux:update", (event) => told.events.push(event.detail));
      document.addEventListener("grux:state", (event) => told.states.push(event.detail.state));
      const element = document.createElement("grux-presence");
      element.user = id;
      document.body.append(element);
      customElements.whenDefined("grux-presence").then(() => {
        window.stop = Grux.subscribe(id, (data, info) => told.calls.push([data, info.state]));
      });
    }""", ROBIN)  # fmt: skip
    await visitor.until("() => told.events.length && told.calls.at(-1)?.[0]")
    does(visitor, "idle")
    await visitor.until("() => told.events.at(-1).status === 'idle'")
    told = await visitor.page.evaluate("() => told")
    assert set(told["events"][-1]) == {"profile", "status", "spotify", "activity", "custom_status"}
    assert told["calls"][-1] == [told["events"][-1], "live"]
    assert told["states"] == ["live"]
    assert await visitor.page.evaluate("() => document.querySelector('grux-presence').data.status")
    calls = len(told["calls"])
    await visitor.page.evaluate("() => stop()")
    does(visitor, "online")
    await visitor.until("() => told.events.at(-1).status === 'online'")
    assert await visitor.page.evaluate("() => told.calls.length") == calls
    assert len(visitor.sockets) == 1


async def test_another_user_on_the_same_element(visitor: Visitor) -> None:
    """The attribute may change, and the element may go and come."""
    other = next(id for id in sorted(visitor.stack.everybody()) if id != ROBIN)
    await visitor.embeds(WIDGET)
    await visitor.sees("Robin")
    await visitor.page.evaluate("(id) => document.querySelector('grux-presence').user = id", other)
    read = "() => document.querySelector('grux-presence').data?.profile.id"
    await visitor.until(f"(id) => ({read})() === id", other)
    await visitor.page.evaluate(
        "() => { window.kept = document.querySelector('grux-presence');kept.remove(); }"
    )
    await visitor.connected(0)
    await visitor.page.evaluate("() => document.body.append(kept)")
    await visitor.connected(1)
    await visitor.until(f"(id) => ({read})() === id", other)
