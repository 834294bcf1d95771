"""How the widget reads presences: over few sockets that reconnect, and without sockets.

Minutes pass on the page's clock only: no test waits for them.
"""

from __future__ import annotations

import re
import signal

import pytest
from playwright.async_api import WebSocketRoute

from testing.eventually import eventually
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import WIDGET, show
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATE = "() => document.querySelector('grux-presence').info?.state"
ALL_SHOWN = "() => [...document.querySelectorAll('grux-presence')].every((one) => one.data)"
APPEND = "(html) => document.body.insertAdjacentHTML('beforeend', html)"
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


def people(tab: BrowserTab, count: int) -> list[str]:
    return sorted(tab.stack.member_ids())[:count]


def widgets(user_ids: list[str]) -> str:
    return "".join(f'<grux-presence user="{id}" size="compact"></grux-presence>' for id in user_ids)


def requested(url: str) -> int:
    return len(re.findall(r"user_id=\d+", url))


async def test_fifty_widgets_share_one_socket(tab: BrowserTab) -> None:
    """The fifty-first widget needs a second one."""
    await tab.embed(widgets(people(tab, 50)))
    await tab.until(ALL_SHOWN)
    (socket,) = await tab.connected(1)
    assert requested(socket.url) == 50
    tab.sockets.clear()
    await tab.embed(widgets(people(tab, 51) + people(tab, 51)))
    await tab.until(ALL_SHOWN)
    assert sorted(requested(socket.url) for socket in await tab.connected(2)) == [1, 50]


async def test_widgets_come_and_go_on_one_socket(tab: BrowserTab) -> None:
    """The first widget is never disconnected. A page without any keeps the socket for a while."""
    first, second, third, last = people(tab, 4)
    await tab.embed(widgets([first]))
    await tab.until(ALL_SHOWN)
    states = "() => { window.states = []; document.addEventListener('grux:state', (event) => {"
    await tab.page.evaluate(states + "states.push([event.target.user, event.detail.state]) }) }")
    for come, go in (([second, third], []), ([last], [second]), ([second], [third, last])):
        await _change(tab, come, go)
    told = await tab.page.evaluate("() => states")
    assert [user for user, _ in told if user == first] == []
    (socket,) = await tab.connected(1)
    async with socket.expect_event("framesent"):  # the server hears that nobody is left
        await _change(tab, [], [first, second])
    await _change(tab, [first], [])
    assert len(tab.sockets) == len(tab.open_sockets()) == 1


async def _change(tab: BrowserTab, come: list[str], go: list[str]) -> None:
    """Replace these widgets by those, and wait until all have their data."""
    await tab.page.evaluate(
        """([html, go]) => {
            for (const user of go) document.querySelector(`[user="${user}"]`).remove();
            document.body.insertAdjacentHTML("beforeend", html);
        }""",
        [widgets(come), go],
    )
    await tab.until(ALL_SHOWN)


async def test_recovers_from_a_slow_server(tab: BrowserTab) -> None:
    """Without an answer there is a new WebSocket; a minute later, users come by messages again."""
    await tab.page.clock.install()
    opened: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        opened.append(route)
        server = route.connect_to_server()
        if len(opened) == 1:
            route.on_message(lambda _: None)  # the server answers none of them in time
        else:
            route.on_message(server.send)

    await tab.page.route_web_socket(re.compile("user_id"), relay)
    first, second, third = people(tab, 3)
    await tab.embed(widgets([first]))
    await tab.until(ALL_SHOWN)
    await tab.page.evaluate(APPEND, widgets([second]))
    await tab.page.clock.run_for(100)
    await tab.page.clock.fast_forward(5000)
    await tab.until(ALL_SHOWN)
    assert [requested(route.url) for route in opened] == [1, 2]
    await tab.page.clock.run_for(60_000)  # not at once, as after a machine's sleep
    now_ms = await tab.page.evaluate("() => Date.now()")
    await tab.page.clock.pause_at(now_ms / 1000 + 1)  # this answer may take its time
    await tab.page.evaluate(APPEND, widgets([third]))
    await tab.page.clock.run_for(2000)  # longer than between two changes
    await tab.until(ALL_SHOWN)
    assert len(opened) == 2


async def test_reconnects_when_ws_was_killed(tab: BrowserTab) -> None:
    """Without the server the widget polls, and is live again when it is back."""
    tab.allow_errors(*REFUSED)
    await tab.page.clock.install()
    await tab.embed(WIDGET)
    await tab.wait_for_text("Online")
    ws = tab.stack.processes["ws"]
    ws.send(signal.SIGKILL)
    await ws.ended()
    await tab.connected(0)
    show(tab, "dnd")
    await tab.page.clock.fast_forward(9000)
    # REST still works, and its answers are shown.
    await tab.wait_for_text("Do not disturb")
    assert await tab.page.evaluate(STATE) == "polling"
    restarted = await tab.stack.start("ws")
    await restarted.line_with("listening")
    show(tab, "idle")
    await tab.page.clock.fast_forward(31_000)
    await tab.until(f"() => ({STATE})() === 'live'")
    await tab.wait_for_text("Idle")
    assert len(tab.open_sockets()) == 1


async def test_shows_the_age_of_a_stale_card(tab: BrowserTab) -> None:
    """With neither socket nor REST the last state stays, with its age."""
    tab.allow_errors(*REFUSED, "ERR_FAILED")
    await tab.page.clock.install()
    servers: list[WebSocketRoute] = []

    async def relay(route: WebSocketRoute) -> None:
        servers.append(route)
        if len(servers) == 1:
            route.connect_to_server()
        else:
            await route.close(code=1013)

    await tab.page.route_web_socket(re.compile("user_id"), relay)
    await tab.embed(WIDGET)
    await tab.wait_for_text("Online")
    await tab.page.route("**/user/*", lambda route: route.abort())
    await servers[0].close(code=1013)
    await tab.page.clock.fast_forward(2000)
    assert await tab.page.evaluate(STATE) == "live"  # a short disconnect is not shown
    await tab.page.clock.fast_forward(8000)
    await tab.wait_for_text("Not live: last updated less than a minute ago.")
    await tab.page.clock.fast_forward(300_000)
    await tab.wait_for_text(re.compile("last updated 5 min ago"))
    await tab.wait_for_text("Online")
    assert await tab.page.evaluate(STATE) == "stale"


async def test_sleeps_in_a_hidden_tab(tab: BrowserTab) -> None:
    """The socket closes after a while, and reopens when the tab is shown."""
    await tab.page.clock.install()
    await tab.embed(WIDGET)
    await tab.wait_for_text("Online")
    await tab.set_hidden(True)
    await tab.page.clock.run_for(15_000)
    await tab.set_hidden(False)
    await tab.page.clock.run_for(18_000)
    await tab.connected(1)  # a short time in another tab changes nothing
    assert len(tab.sockets) == 1
    await tab.set_hidden(True)
    await tab.page.clock.run_for(31_000)
    await tab.connected(0)
    show(tab, "dnd")
    polls = tab.collect_requests(lambda url: "/user/" in url)
    await tab.page.clock.fast_forward(3_600_000)
    assert len(tab.sockets) == 1
    assert polls == []
    await tab.set_hidden(False)
    await tab.wait_for_text("Do not disturb")
    await tab.connected(1)
    assert await tab.page.evaluate(STATE) == "live"


@pytest.mark.parametrize(
    ("code", "earliest", "latest"),
    [(1012, 1000, 5000), (1013, 5000, 15_000), (4429, 30_000, 90_000), (1006, 500, 1000)],
)
async def test_the_delay_after_a_close(
    tab: BrowserTab, code: int, earliest: int, latest: int
) -> None:
    """It depends on the close code, is random, and never zero."""
    opened: list[WebSocketRoute] = []

    async def server(route: WebSocketRoute) -> None:
        opened.append(route)
        if len(opened) == 1:
            # A code that no server can send is what a browser reports for a lost connection.
            await route.close(code=code if code != 1006 else 3999)

    await tab.page.route_web_socket(re.compile("user_id"), server)
    await tab.page.add_init_script(COUNTS_CLOSES)
    await tab.page.clock.install()
    await tab.page.clock.pause_at(await tab.page.evaluate("() => Date.now() + 1000"))
    await tab.embed(WIDGET)
    await tab.until("() => Boolean(customElements.get('grux-presence'))")
    await tab.page.clock.run_for(100)
    await tab.until("() => window.closes === 1")  # the delay begins
    await tab.page.clock.run_for(earliest - 150)
    assert len(opened) == 1
    await tab.page.clock.run_for(latest - earliest + 400)
    await eventually(lambda: len(opened) == 2)


@pytest.mark.parametrize(
    ("code", "name"), [(4404, "user_not_monitored"), (4400, "invalid_user_id")]
)
async def test_does_not_retry_after_a_refusal(tab: BrowserTab, code: int, name: str) -> None:
    """The only user is refused: no further socket, and no polling."""
    opened: list[WebSocketRoute] = []

    async def server(route: WebSocketRoute) -> None:
        opened.append(route)
        problem = f'{{"op":"error","user_id":"{ROBIN}","d":{{"code":"{name}","message":""}}}}'
        route.send(problem)
        await route.close(code=code)

    await tab.page.route_web_socket(re.compile("user_id"), server)
    polls = tab.collect_requests(lambda url: "/user/" in url)
    await tab.page.clock.install()
    await tab.embed(WIDGET)
    await tab.until(f"() => ({STATE})() === 'error'")
    for _ in range(10):
        await tab.page.clock.fast_forward(60_000)
    assert len(opened) == 1
    assert polls == []
    await tab.set_hidden(True)
    await tab.page.clock.fast_forward(60_000)
    await tab.set_hidden(False)  # they may have joined meanwhile
    await tab.page.clock.fast_forward(1000)
    await eventually(lambda: len(opened) == 2)


async def test_a_user_who_leaves_affects_no_other(tab: BrowserTab) -> None:
    """Of two users on one socket one leaves the server; the other stays connected."""
    leaver = next(id for id in people(tab, 80) if id != ROBIN)
    await tab.embed(widgets([ROBIN, leaver]))
    await tab.until(ALL_SHOWN)
    world = tab.stack.simulator.world
    homes = list(world.people[leaver].guilds)
    for guild in homes:
        world.remove_member(guild, leaver)
    await tab.page.get_by_text("Not monitored").wait_for()
    show(tab, "dnd")
    await tab.wait_for_text("Do not disturb")
    assert len(tab.sockets) == 1
    for guild in homes:
        world.add_member(guild, leaver)
    await tab.stack.shows(leaver, lambda data: True)
