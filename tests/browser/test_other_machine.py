"""The page and the widget, loaded from another machine: loopback addresses lead elsewhere there."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright

from testing.free_port import free_port
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOST = "grux.test"  # for the browser, a name of the machine that Grux runs on
LOADED = """() => {
  const images = [...document.querySelector("grux-presence").shadowRoot.querySelectorAll("img")];
  return images.length && images.every((image) => image.naturalWidth)
    && images.map((image) => new URL(image.src).hostname);
}"""


async def test_sockets_and_images_are_where_the_page_is(stack: Stack) -> None:
    """With API_HOST=0.0.0.0, nothing is loaded from the machine of the browser."""
    stack.simulator.world.set_presence(ROBIN, "online", [], {"desktop": "online"})
    port = free_port()
    api = await stack.launch("api", API_HOST="0.0.0.0", API_PORT=str(port))
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1"
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*FLAGS, rules]
            )
            page = await browser.new_page()
            errors: list[str] = []
            page.on("console", lambda said: errors.append(said.text))
            page.on("pageerror", lambda error: errors.append(str(error)))
            sockets: list[str] = []
            page.on("websocket", lambda socket: sockets.append(socket.url))
            await page.goto(f"http://{HOST}:{port}/")
            await page.locator("grux-presence .card").get_by_text("Robin").first.wait_for()
            loaded = await page.wait_for_function(LOADED)
            assert set(await loaded.json_value()) == {HOST}
            assert {url.split("?")[0] for url in sockets} == {f"ws://{HOST}:{stack.ws_port}/"}
            await page.get_by_role("tab", name="Data").click()
            await page.locator("#forms").get_by_text("WebSocket").click()
            code = await page.locator("#code").text_content() or ""
            assert f"ws://{HOST}:{stack.ws_port}/?user_id=" in code
            avatar = await page.request.get(
                f"http://127.0.0.1:{port}/avatar/{ROBIN}",
                headers={"Host": f"{HOST}:{port}"},
                max_redirects=0,
            )
            assert avatar.headers["location"].startswith(f"http://{HOST}:")
            # Of every page that is neither HTTPS nor on the browser's own machine.
            assert [text for text in errors if "Cross-Origin-Opener-Policy" not in text] == []
            await browser.close()
    finally:
        await api.stop()
