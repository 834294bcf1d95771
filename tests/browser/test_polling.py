"""Where sockets are blocked: the widget asks, as often as it may, and says how old it is.

Minutes pass on the page's clock alone: no test waits for them.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Route

from testing.eventually import eventually, eventually_async
from tests.browser.browser_fixture import Visitor
from tests.browser.demo_person import WIDGET, does
from tests.browser.test_connection import REFUSED, STATE
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

# An answer that comes after a jump of the page's clock is too late for the widget.
ANSWERED = """
const json = Response.prototype.json;
Response.prototype.json = async function () {
  const body = await json.call(this);
  window.answered = true;
  return body;
};
"""
NO_SOCKET = WIDGET.replace("><", ' socket="ws://127.0.0.1:1"><')


async def test_asks_where_sockets_are_blocked(visitor: Visitor) -> None:
    """REST every ten seconds; an answer that has not changed costs its headers."""
    visitor.expects(*REFUSED)
    await visitor.page.context.unroute_all()  # it would turn the browser's cache off
    answers: list[int] = []
    session = await visitor.page.context.new_cdp_session(visitor.page)
    await session.send("Network.enable")
    session.on(
        "Network.responseReceivedExtraInfo",
        lambda event: answers.append(event["statusCode"]),
    )
    await visitor.page.clock.install()
    await visitor.embeds(NO_SOCKET)
    for _ in range(3):  # sockets that fail, and the pauses between them
        await visitor.page.clock.fast_forward(4000)
    await visitor.sees("Online")
    await visitor.until(f"() => ({STATE})() === 'polling'")
    answers.clear()
    await visitor.page.clock.fast_forward(10_001)
    await eventually(lambda: answers)
    assert set(answers) == {304}
    does(visitor, "dnd")
    await visitor.stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
    await visitor.page.clock.fast_forward(10_001)
    await visitor.sees("Do not disturb")


async def asks_and_is_told(visitor: Visitor, **answer: Any) -> list[str]:
    """A widget without sockets that gets this answer to every question, and has got one."""
    visitor.expects(*REFUSED, "429", "404")
    exposed = {"access-control-allow-origin": "*"}
    exposed["access-control-expose-headers"] = "Retry-After, X-Grux-Stale"
    headers = {**exposed, **answer.pop("headers", {})}

    async def say(route: Route) -> None:
        if "json" in answer:
            await route.fulfill(headers=headers, **answer)
        else:
            response = await route.fetch()
            await route.fulfill(response=response, headers={**response.headers, **headers})

    await visitor.page.route("**/user/*", say)
    questions = visitor.collects(lambda url: "/user/" in url)
    await visitor.page.add_init_script(ANSWERED)
    await visitor.page.clock.install()
    await visitor.embeds(NO_SOCKET)
    for _ in range(3):
        await visitor.page.clock.fast_forward(4000)
    await visitor.until("() => window.answered")
    return questions


async def test_waits_as_long_as_it_is_told(visitor: Visitor) -> None:
    """429 with Retry-After: no question before that."""
    limited = {"error": {"code": "rate_limited", "message": ""}, "success": False}
    headers = {"retry-after": "600"}
    questions = await asks_and_is_told(visitor, status=429, json=limited, headers=headers)
    for _ in range(5):
        await visitor.page.clock.fast_forward(100_000)
    assert len(questions) == 1

    async def asked_again() -> bool:
        await visitor.page.clock.fast_forward(100_000)
        return len(questions) > 1

    await eventually_async(asked_again)


async def test_says_when_the_server_itself_hears_nothing(visitor: Visitor) -> None:
    """X-Grux-Stale: the answer is new, and what it tells is not."""
    await asks_and_is_told(visitor, headers={"x-grux-stale": "240"})
    await visitor.sees("Online")
    await visitor.sees(re.compile("last updated 4 min ago"))


async def test_says_when_nobody_is_there(visitor: Visitor) -> None:
    """Nothing was ever heard: plain words instead of a card that waits for ever."""
    visitor.expects(*REFUSED, "ERR_FAILED")
    await visitor.page.route("**/user/*", lambda route: route.abort())
    await visitor.page.clock.install()
    await visitor.embeds(NO_SOCKET)
    await visitor.page.clock.run_for(10_000)
    await visitor.sees(re.compile("cannot be reached"))
