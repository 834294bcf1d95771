"""The examples of docs/events.md in a browser's own EventSource, on a page of another site."""

from __future__ import annotations

import signal

import pytest

from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import show
from tests.documents import ROOT, blocks
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHORT, LONG = (one.text for one in blocks(ROOT / "docs/events.md") if one.language == "js")
STRANGER = "1274150219482660999"
DOCUMENTED = "http://127.0.0.1:8001/events?user_id=161092844126208001"


async def run(tab: BrowserTab, script: str) -> None:
    tab.site.html = f"<!doctype html><title>A site</title><script>{script}</script>"
    await tab.page.goto(tab.site.url)


def url(tab: BrowserTab, user: str = ROBIN) -> str:
    return f"http://127.0.0.1:{tab.stack.ws_port}/events?user_id={user}"


async def test_the_state_of_a_user(tab: BrowserTab) -> None:
    """It is whole after the first event, and right after each."""
    show(tab, "online")
    await run(tab, SHORT.replace(DOCUMENTED, url(tab)))
    await tab.until("() => state.status === 'online' && state.profile.id")
    show(tab, "idle")
    await tab.until("() => state.status === 'idle'")


async def test_a_stranger(tab: BrowserTab) -> None:
    """The browser gives up, and the page opens the stream again later."""
    tab.allow_errors("404")
    count = "const shown = [], opened = []; const Real = EventSource;"
    count += (
        "EventSource = class extends Real { constructor(url) { super(url); opened.push(this) } };"
    )
    count += "EventSource.CLOSED = Real.CLOSED;"
    await run(tab, f"{count}{LONG} follow('{url(tab, STRANGER)}', (frame) => shown.push(frame));")
    await tab.until("() => opened.length === 1 && opened[0].readyState === Real.CLOSED")
    assert await tab.page.evaluate("shown.length") == 0


async def test_an_error_event_has_data(tab: BrowserTab) -> None:
    """A problem with one of several users is told as a frame, and the stream goes on."""
    show(tab, "online")
    address = f"{url(tab, STRANGER)},{ROBIN}"
    await run(tab, f"const shown = [];{LONG} follow('{address}', (frame) => shown.push(frame));")
    await tab.until("() => shown.length === 2")
    ops = await tab.page.evaluate("shown.map(({ op }) => op).sort()")
    assert ops == ["error", "initial_data"]
    show(tab, "dnd")
    await tab.until("() => shown.at(-1).d.status === 'dnd'")


async def test_ws_restarts(tab: BrowserTab) -> None:
    """The browser reconnects by itself, and the page has what changed meanwhile."""
    tab.allow_errors("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE", "ERR_CONNECTION_RESET")
    show(tab, "online")
    await run(tab, SHORT.replace(DOCUMENTED, url(tab)))
    await tab.until("() => state.status === 'online'")
    ws = tab.stack.processes["ws"]
    ws.send(signal.SIGTERM)
    assert await ws.ended() == 0
    show(tab, "idle")
    restarted = await tab.stack.start("ws")
    await restarted.line_with("listening")
    await tab.until("() => state.status === 'idle'")
