"""How the widget comes by its news: few sockets, which come back, and other ways without them.

Where minutes pass, they pass on the page's clock alone: no test waits for them.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import WebSocketRoute

from testing.eventually import eventually
from tests.browser.browser_fixture import Visitor
from tests.browser.demo_person import WIDGET, does
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATE = "() => document.querySelector('grux-presence').info?.state"
ALL_SHOWN = "() => [...document.querySelectorAll('grux-presence')].every((one) => one.data)"
COUNTS_CLOSES = """
  window.closes = 0;
  window.WebSocket = class extends WebSocket {
    constructor(...place) {
      super(...place);
      this.addEventListener("close", () => { closes += 1; });
    }
  };
"""
REFUSED = ("ERR_CONNECTION_REFUSED", "ERR_UNSAFE_PORT", "WebSocket connection to")


def people(visitor: Visitor, count: int) -> list[str]:
    return sorted(visitor.stack.everybody())[:count]


def widgets(user_ids: list[str]) -> str:
    return "".join(f'<grux-presence user="{id}" size="compact"></grux-presence>' for id in user_ids)


def asked(url: str) -> int:
    return len(re.findall(r"user_id=\d+", url))


async def test_fifty_widgets_share_one_socket(visitor: Visitor) -> None:
    """And the fifty-first needs a second."""
    await visitor.embeds(widgets(people(visitor, 50)))
    await visitor.until(ALL_SHOWN)
    (socket,) = await visitor.connected(1)
    assert asked(socket.url) == 50
    visitor.sockets.clear()
    await visitor.embeds(widgets(people(visitor, 51) + people(visitor, 51)))
    await visitor.until(ALL_SHOWN)
    assert sorted(asked(socket.url) for socket in await visitor.connected(2)) == [1, 50]


async def test_a_widget_that_comes_later(visitor: Visitor) -> None:
    """One socket in the end, without a moment in which the first does not hear."""
    first, *later = people(visitor, 4)
    await visitor.embeds(widgets([first]))
    await visitor.until(ALL_SHOWN)
    states = "() => { window.states = []; document.addEventListener('grux:state', (event) => {"
    await visitor.page.evaluate(
        states + "states.push([event.target.user, event.detail.state]) }) }"
    )
    await visitor.page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)",
                                widgets(later))  # fmt: skip
    await visitor.until(ALL_SHOWN)
    (socket,) = await visitor.connected(1)
    assert asked(socket.url) == 4
    told = await visitor.page.evaluate("() => states")
    assert [user for user, _ in told if user == first] == []


async def test_reconnects_when_ws_was_killed(visitor: Visitor) -> None:
    """A killed server is noticed, said after a while, and forgotten when it is back."""
    visitor.expects(*REFUSED)
    await visitor.page.clock.install()
    await visitor.embeds(WIDGET)
    await visitor.sees("Online")
    ws = visitor.stack.processes["ws"]
    ws.process.kill()
    await ws.ended()
    await visitor.connected(0)
    does(visitor, "dnd")
    await visitor.page.clock.fast_forward(9000)
    # REST goes on meanwhile: what it tells is shown.
    await visitor.sees("Do not disturb")
    assert await visitor.page.evaluate(STATE) == "polling"
    restarted = await visitor.stack.start("ws")
    await restarted.said("listening")
    does(visitor, "idle")
    await visitor.page.clock.fast_forward(31_000)
    await visitor.until(f"() => ({STATE})() === 'live'")
    await visitor.sees("Idle")
    assert len(visitor.open_sockets()) == 1


async def test_says_when_it_is_old(visitor: Visitor) -> None:
    """Neither socket nor REST: the last that was seen stays, with its age, and goes grey."""
    visitor.expects(*REFUSED, "ERR_FAILED")
    await visitor.page.clock.install()
    servers: list[WebSocketRoute] = []

    async def relay(route: WebSocketRoute) -> None:
        servers.append(route)
        if len(servers) == 1:
            route.connect_to_server()
        else:
            await route.close(code=1013)

    await visitor.page.route_web_socket(re.compile("user_id"), relay)
    await visitor.embeds(WIDGET)
    await visitor.sees("Online")
    await visitor.page.route("**/user/*", lambda route: route.abort())
    await servers[0].close(code=1013)
    await visitor.page.clock.fast_forward(2000)
    assert await visitor.page.evaluate(STATE) == "live"  # a short cut is nobody's business
    await visitor.page.clock.fast_forward(8000)
    await visitor.sees("Not live: last updated less than a minute ago.")
    await visitor.page.clock.fast_forward(300_000)
    await visitor.sees(re.compile("last updated 5 min ago"))
    await visitor.sees("Online")
    assert await visitor.page.evaluate(STATE) == "stale"


async def test_sleeps_in_a_hidden_tab(visitor: Visitor) -> None:
    """The socket closes after a while, and is there at once when somebody looks again."""
    await visitor.page.clock.install()
    await visitor.embeds(WIDGET)
    await visitor.sees("Online")
    await visitor.hides(True)
    await visitor.page.clock.run_for(15_000)
    await visitor.hides(False)
    await visitor.page.clock.run_for(18_000)
    await visitor.connected(1)  # a short look elsewhere costs nothing
    assert len(visitor.sockets) == 1
    await visitor.hides(True)
    await visitor.page.clock.run_for(31_000)
    await visitor.connected(0)
    does(visitor, "dnd")
    polls = visitor.collects(lambda url: "/user/" in url)
    await visitor.page.clock.fast_forward(3_600_000)
    assert len(visitor.sockets) == 1
    assert polls == []
    await visitor.hides(False)
    await visitor.sees("Do not disturb")
    await visitor.connected(1)
    assert await visitor.page.evaluate(STATE) == "live"


@pytest.mark.parametrize(
    ("code", "earliest", "latest"),
    [(1012, 1000, 5000), (1013, 5000, 15_000), (4429, 30_000, 90_000), (1006, 500, 1000)],
)
async def test_how_long_it_waits_after_a_close(
    visitor: Visitor, code: int, earliest: int, latest: int
) -> None:
    """By what the server said; never at once, never all at the same time."""
    opened: list[WebSocketRoute] = []

    async def server(route: WebSocketRoute) -> None:
        opened.append(route)
        if len(opened) == 1:
            # A code that no server can send is what a browser reports for a lost connection.
            await route.close(code=code if code != 1006 else 3999)

    await visitor.page.route_web_socket(re.compile("user_id"), server)
    await visitor.page.add_init_script(COUNTS_CLOSES)
    await visitor.page.clock.install()
    await visitor.page.clock.pause_at(await visitor.page.evaluate("() => Date.now() + 1000"))
    await visitor.embeds(WIDGET)
    await visitor.until("() => Boolean(customElements.get('grux-presence'))")
    await visitor.page.clock.run_for(100)
    await visitor.until("() => window.closes === 1")  # from then on it waits
    await visitor.page.clock.run_for(earliest - 150)
    assert len(opened) == 1
    await visitor.page.clock.run_for(latest - earliest + 400)
    await eventually(lambda: len(opened) == 2)


@pytest.mark.parametrize(
    ("code", "name"), [(4404, "user_not_monitored"), (4400, "invalid_user_id")]
)
async def test_stops_when_trying_again_does_not_help(
    visitor: Visitor, code: int, name: str
) -> None:
    """The only user is not there: no further socket, and no REST either."""
    opened: list[WebSocketRoute] = []

    async def server(route: WebSocketRoute) -> None:
        opened.append(route)
        problem = f'{{"op":"error","user_id":"{ROBIN}","d":{{"code":"{name}","message":""}}}}'
        route.send(problem)
        await route.close(code=code)

    await visitor.page.route_web_socket(re.compile("user_id"), server)
    questions = visitor.collects(lambda url: "/user/" in url)
    await visitor.page.clock.install()
    await visitor.embeds(WIDGET)
    await visitor.until(f"() => ({STATE})() === 'error'")
    for _ in range(10):
        await visitor.page.clock.fast_forward(60_000)
    assert len(opened) == 1
    assert questions == []
    await visitor.hides(True)
    await visitor.page.clock.fast_forward(60_000)
    await visitor.hides(False)  # they may have joined meanwhile
    await visitor.page.clock.fast_forward(1000)
    await eventually(lambda: len(opened) == 2)


async def test_one_who_leaves_takes_nobody_along(visitor: Visitor) -> None:
    """Of two on one socket, one leaves the server: gone from the page at once, the other stays."""
    leaver = next(id for id in people(visitor, 80) if id != ROBIN)
    await visitor.embeds(widgets([ROBIN, leaver]))
    await visitor.until(ALL_SHOWN)
    world = visitor.stack.simulator.world
    homes = list(world.people[leaver].guilds)
    for guild in homes:
        world.remove_member(guild, leaver)
    await visitor.page.get_by_text("Not monitored").wait_for()
    does(visitor, "dnd")
    await visitor.sees("Do not disturb")
    assert len(visitor.sockets) == 1
    for guild in homes:
        world.add_member(guild, leaver)
    await visitor.stack.shows(leaver, lambda data: True)
