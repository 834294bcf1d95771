"""The documents at /docs and /docs/websocket, as a reader clicks through them."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.browser.browser_fixture import BrowserTab
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_request_is_made_from_the_page(tab: BrowserTab) -> None:
    """Opened, filled in, sent to this very server, and answered with a presence."""
    await tab.goto("/docs")
    user = tab.page.locator("#operations-Presence-getUser")
    await user.locator(".opblock-summary-control").click()
    await user.get_by_placeholder("user_id").fill(ROBIN)
    await user.get_by_role("button", name="Execute").click()
    answer = user.locator(".live-responses-table")
    await tab.wait_for_text(re.compile("^200$"), answer.locator(".response-col_status").last)
    body = msgspec.json.decode(await answer.locator("pre.microlight").first.inner_text())
    assert body["data"]["profile"]["id"] == ROBIN
    asked = await user.locator(".request-url pre").inner_text()
    assert asked.strip() == f"{tab.api}/user/{ROBIN}"


async def test_every_operation_is_there(tab: BrowserTab) -> None:
    """As /openapi.json has them."""
    await tab.goto("/docs")
    answer = await tab.page.request.get(f"{tab.api}/openapi.json")
    paths = {path for path, ways in (await answer.json())["paths"].items() if "get" in ways}
    shown = tab.page.locator(".opblock-get .opblock-summary-path")
    await shown.first.wait_for()
    assert {await one.get_attribute("data-path") for one in await shown.all()} == paths


async def test_the_sockets_frames(tab: BrowserTab) -> None:
    """Each message of /asyncapi.json has its name and an example on the page."""
    await tab.goto("/docs/websocket")
    answer = await tab.page.request.get(f"{tab.api}/asyncapi.json")
    messages = (await answer.json())["components"]["messages"]
    assert messages
    await tab.wait_for_text("Grux", tab.page.locator("body"))
    text = await tab.page.locator("body").inner_text()
    for name in messages:
        assert name in text
