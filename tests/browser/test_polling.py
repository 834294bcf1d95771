"""Where sockets are blocked: the widget polls, and shows its age.

Minutes pass on the page's clock only: no test waits for them.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Route

from testing.eventually import eventually_async
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import WIDGET, show
from tests.browser.test_connection import REFUSED, STATE
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The widget ignores an answer that arrives after a jump of the page's clock.
ANSWERED = """
const json = Response.prototype.json;
Response.prototype.json = async function () {
  const body = await json.call(this);
  window.answered = true;
  return body;
};
"""
NO_SOCKET = WIDGET.replace("><", ' socket="ws://127.0.0.1:1"><')


async def test_polls_where_sockets_are_blocked(tab: BrowserTab) -> None:
    """REST every ten seconds; an unchanged answer is a 304."""
    tab.allow_errors(*REFUSED)
    await tab.page.context.unroute_all()  # routes turn the browser's cache off
    answers: list[int] = []
    session = await tab.page.context.new_cdp_session(tab.page)
    await session.send("Network.enable")
    session.on(
        "Network.responseReceivedExtraInfo",
        lambda event: answers.append(event["statusCode"]),
    )
    await tab.page.clock.install()
    await tab.embed(NO_SOCKET)
    for _ in range(3):  # failing sockets, and the delays between them
        await tab.page.clock.fast_forward(4000)
    await tab.wait_for_text("Online")
    await tab.until(f"() => ({STATE})() === 'polling'")

    async def is_unchanged() -> bool:
        """Not the first poll for sure: the browser reports an answer later than the page has it,
        and the user may still be changing back from the last test."""
        await tab.page.clock.fast_forward(10_001)
        return 304 in answers

    await eventually_async(is_unchanged)
    show(tab, "dnd")
    await tab.stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
    await tab.page.clock.fast_forward(10_001)
    await tab.wait_for_text("Do not disturb")


async def poll_with_answer(tab: BrowserTab, **answer: Any) -> list[str]:
    """Embed a widget without sockets that gets this answer to every request; wait for the first."""
    tab.allow_errors(*REFUSED, "429", "404")
    exposed = {"access-control-allow-origin": "*"}
    exposed["access-control-expose-headers"] = "Retry-After, X-Grux-Stale"
    headers = {**exposed, **answer.pop("headers", {})}

    async def say(route: Route) -> None:
        if "json" in answer:
            await route.fulfill(headers=headers, **answer)
        else:
            response = await route.fetch()
            await route.fulfill(response=response, headers={**response.headers, **headers})

    await tab.page.route("**/user/*", say)
    requests = tab.collect_requests(lambda url: "/user/" in url)
    await tab.page.add_init_script(ANSWERED)
    await tab.page.clock.install()
    await tab.embed(NO_SOCKET)
    for _ in range(3):
        await tab.page.clock.fast_forward(4000)
    await tab.until("() => window.answered")
    return requests


async def test_obeys_retry_after(tab: BrowserTab) -> None:
    """After a 429 there is no request until Retry-After has passed."""
    limited = {"error": {"code": "rate_limited", "message": ""}, "success": False}
    headers = {"retry-after": "600"}
    requests = await poll_with_answer(tab, status=429, json=limited, headers=headers)
    for _ in range(5):
        await tab.page.clock.fast_forward(100_000)
    assert len(requests) == 1

    async def asked_again() -> bool:
        await tab.page.clock.fast_forward(100_000)
        return len(requests) > 1

    await eventually_async(asked_again)


async def test_shows_that_the_server_is_stale(tab: BrowserTab) -> None:
    """X-Grux-Stale: the answer is new, but its data are not."""
    await poll_with_answer(tab, headers={"x-grux-stale": "240"})
    await tab.wait_for_text("Online")
    await tab.wait_for_text(re.compile("last updated 4 min ago"))


async def test_shows_that_the_server_is_unreachable(tab: BrowserTab) -> None:
    """Without any answer the card says so, instead of loading for ever."""
    tab.allow_errors(*REFUSED, "ERR_FAILED")
    await tab.page.route("**/user/*", lambda route: route.abort())
    await tab.page.clock.install()
    await tab.embed(NO_SOCKET)
    await tab.page.clock.run_for(10_000)
    await tab.wait_for_text(re.compile("cannot be reached"))
