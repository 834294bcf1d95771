"""The recipes of docs/widget.md, each built with its own tool and looked at in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from testing.eventually import PATIENCE
from testing.free_port import free_port
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.documents import ROOT, blocks
from tests.e2e.stack import ROBIN, Stack
from tests.toolchains.conftest import needs_node, run
from tests.toolchains.prepare import HERE

pytestmark = [
    pytest.mark.toolchains,
    pytest.mark.asyncio(loop_scope="session"),
    needs_node,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]

SERVER = "https://grux.example.org"
EXAMPLE = "161092844126208001"
MOUNT = '<!doctype html><div id="app"></div><script type="module" src="/main.{}"></script>'
CONFIG = 'import plugin from "{}";\nexport default {{ plugins: [{}] }};\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the installed tools."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


def recipe(heading: str, language: str, stack: Stack) -> str:
    """A block of docs/widget.md, with the running server in it."""
    text = next(
        block.text
        for block in blocks(ROOT / "docs/widget.md")
        if (block.heading, block.language) == (heading, language)
    )
    return text.replace(SERVER, f"http://127.0.0.1:{stack.api_port}").replace(EXAMPLE, ROBIN)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """The address of a server of the built files."""

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "index.html")

    app = web.Application()
    app.add_routes([web.get("/", index), web.static("/", folder)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


async def shows_the_card(folder: Path) -> None:
    """The built page has one card, of Robin, and no script failed."""
    async with served(folder) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(url)
        name = page.locator("grux-presence .card").get_by_text("Robin", exact=True)
        await name.wait_for(state="visible", timeout=1000 * PATIENCE)
        assert await page.locator("grux-presence").count() == 1
        assert errors == []
        await browser.close()


async def test_react_with_typescript(stack: Stack, project: Path) -> None:
    """The compiler accepts the tag with the served declarations; Vite builds it."""
    types = f"http://127.0.0.1:{stack.api_port}/widget.d.ts"
    async with aiohttp.ClientSession() as http, http.get(types) as answer:
        (project / "widget.d.ts").write_text(await answer.text())
    (project / "presence.tsx").write_text(recipe("React, Next.js", "tsx", stack))
    (project / "main.tsx").write_text(
        'import { createRef } from "react";\n'
        'import { createRoot } from "react-dom/client";\n'
        'import { Presence } from "./presence";\n'
        'import type { GruxPresence, User } from "./widget";\n'
        "export const name = (user: User): string => user.profile.display_name;\n"
        "const ref = createRef<GruxPresence>();\n"
        'export const all = <grux-presence key="a" ref={ref} user="1" theme="dark" size="compact"\n'
        '  hide="badges clan" server="https://a.example" socket="wss://a.example" />;\n'
        'const root = document.getElementById("app");\n'
        f'if (root) createRoot(root).render(<Presence user="{ROBIN}" />);\n'
    )
    (project / "index.html").write_text(MOUNT.format("tsx"))
    (project / "vite.config.js").write_text(CONFIG.format("@vitejs/plugin-react", "plugin()"))
    strict = ["--strict", "--noEmit", "--jsx", "react-jsx", "--target", "es2022"]
    modules = ["--module", "esnext", "--moduleResolution", "bundler", "main.tsx", "widget.d.ts"]
    await run("tsc", *strict, *modules, cwd=project)
    await run("vite", "build", "--logLevel", "warn", cwd=project)
    await shows_the_card(project / "dist")


async def test_vue(stack: Stack, project: Path) -> None:
    """The component and the configuration of the recipe."""
    (project / "App.vue").write_text(recipe("Vue", "vue", stack))
    (project / "vite.config.js").write_text(recipe("Vue", "js", stack))
    (project / "main.js").write_text(
        'import { createApp } from "vue";\nimport App from "./App.vue";\n'
        'createApp(App).mount("#app");\n'
    )
    (project / "index.html").write_text(MOUNT.format("js"))
    await run("vite", "build", "--logLevel", "warn", cwd=project)
    await shows_the_card(project / "dist")


async def test_svelte(stack: Stack, project: Path) -> None:
    """The component of the recipe."""
    (project / "App.svelte").write_text(recipe("Svelte", "svelte", stack))
    config = CONFIG.replace("import plugin", "import {{ svelte }}")
    config = config.format("@sveltejs/vite-plugin-svelte", "svelte()")
    (project / "vite.config.js").write_text(config)
    (project / "main.js").write_text(
        'import { mount } from "svelte";\nimport App from "./App.svelte";\n'
        'mount(App, { target: document.getElementById("app") });\n'
    )
    (project / "index.html").write_text(MOUNT.format("js"))
    await run("vite", "build", "--logLevel", "warn", cwd=project)
    await shows_the_card(project / "dist")


async def test_astro(stack: Stack, project: Path) -> None:
    """The recipe as a page."""
    (project / "src/pages").mkdir(parents=True)
    text = recipe("Astro", "astro", stack)
    (project / "src/pages/index.astro").write_text(f"<html><body>{text}</body></html>")
    await run("astro", "build", "--silent", cwd=project)
    await shows_the_card(project / "dist")
