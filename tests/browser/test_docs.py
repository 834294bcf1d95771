"""The documents at /docs and /docs/websocket, as a reader clicks through them."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.browser.browser_fixture import Visitor
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_request_is_made_from_the_page(visitor: Visitor) -> None:
    """Opened, filled in, sent to this very server, and answered with somebody's presence."""
    await visitor.opens("/docs")
    user = visitor.page.locator("#operations-Presence-getUser")
    await user.locator(".opblock-summary-control").click()
    await user.get_by_placeholder("user_id").fill(ROBIN)
    await user.get_by_role("button", name="Execute").click()
    answer = user.locator(".live-responses-table")
    await visitor.sees(re.compile("^200$"), answer.locator(".response-col_status").last)
    body = msgspec.json.decode(await answer.locator("pre.microlight").first.inner_text())
    assert body["data"]["profile"]["id"] == ROBIN
    asked = await user.locator(".request-url pre").inner_text()
    assert asked.strip() == f"{visitor.api}/user/{ROBIN}"


async def test_every_operation_is_there(visitor: Visitor) -> None:
    """As /openapi.json has them."""
    await visitor.opens("/docs")
    answer = await visitor.page.request.get(f"{visitor.api}/openapi.json")
    paths = {path for path, ways in (await answer.json())["paths"].items() if "get" in ways}
    shown = visitor.page.locator(".opblock-get .opblock-summary-path")
    await shown.first.wait_for()
    assert {await one.get_attribute("data-path") for one in await shown.all()} == paths


async def test_the_sockets_frames(visitor: Visitor) -> None:
    """Each message of /asyncapi.json has its name and an example on the page."""
    await visitor.opens("/docs/websocket")
    answer = await visitor.page.request.get(f"{visitor.api}/asyncapi.json")
    messages = (await answer.json())["components"]["messages"]
    assert messages
    await visitor.sees("Grux", visitor.page.locator("body"))
    text = await visitor.page.locator("body").inner_text()
    for name in messages:
        assert name in text
