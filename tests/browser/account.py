"""A Grux in which people sign in at a simulated Discord, and what a person does on its pages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from simulator import DEFAULT_CLIENT_SECRET
from simulator.model import User
from testing.eventually import eventually_async
from testing.free_port import free_port
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import GAME
from tests.e2e.stack import FIRST, ROBIN, Stack, quiet, running

HOMELESS = User(id="1190000000000000001", username="noor", global_name="Noor", avatar="a" * 32)
"""Somebody who is in no server yet."""


@asynccontextmanager
async def accounts_stack(members: int = 80) -> AsyncIterator[Stack]:
    """All services, with signing in and one-click joining."""
    api_port, simulator_port = free_port(), free_port()
    public_url = f"http://127.0.0.1:{api_port}"
    options = quiet(
        members=members, port=simulator_port, redirect_uris=f"{public_url}/auth/callback"
    )
    env = {
        "PROFILE_SOURCE": "off",
        "EXAMPLE_USERS": ROBIN,
        "PUBLIC_URL": public_url,
        "DISCORD_CLIENT_SECRET": DEFAULT_CLIENT_SECRET,
        "DISCORD_AUTHORIZE_URL": f"http://127.0.0.1:{simulator_port}/oauth2/authorize",
        "SECRET_KEY": "a-key-of-the-tests-that-is-long-enough",
        "JOIN_GUILD_ID": FIRST,
    }
    services = ("api", "ws", "gateway", "cards")
    async with running(options, services, env=env, api_port=api_port) as stack:
        yield stack


async def sign_in(tab: BrowserTab, name: str = "Robin") -> None:
    """From the page, over the simulated Discord, to `/me`."""
    await tab.goto("/me")
    await tab.page.get_by_role("link", name="Sign in with Discord").click()
    await tab.page.get_by_role("button", name=f"Authorise as {name}").click()
    await _live(tab)


async def sign_in_by_id(tab: BrowserTab, user_id: str, *, scripts: bool = True) -> None:
    """The same as any simulated person."""
    await tab.goto("/me")
    await tab.page.get_by_role("link", name="Sign in with Discord").click()
    await tab.page.get_by_label("Another user's ID").fill(user_id)
    await tab.page.get_by_role("button", name="Authorise", exact=True).click()
    await _live(tab, scripts=scripts)


async def _live(tab: BrowserTab, *, scripts: bool = True) -> None:
    """Wait for the page, and for its script: a change that comes before it is not saved."""
    await tab.page.get_by_role("heading", name="Your presence").wait_for()
    if scripts:
        await tab.page.locator("#settings.live").wait_for()


async def saved(tab: BrowserTab) -> None:
    """Wait until the page says that the last change is saved."""
    await tab.wait_for_text(re.compile("^Saved"), tab.page.locator("#announce"))


async def erase(tab: BrowserTab, *, stay_hidden: bool = True) -> None:
    """By the page that asks once more."""
    page = tab.page
    await page.get_by_role("link", name="Erase everything").click()
    await page.get_by_role("button", name="Erase everything").click()  # without the word
    await page.get_by_text("Nothing was erased").wait_for()
    if not stay_hidden:
        await page.get_by_role("switch", name="Keep me hidden").uncheck()
    await page.get_by_label("to confirm").fill("erase")
    await page.get_by_role("button", name="Erase everything").click()
    await page.get_by_role("heading", name="Everything is erased").wait_for()


def exported(path: Path) -> dict[str, Any]:
    """What a downloaded file holds."""
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def member(stack: Stack, number: int) -> str:
    """One of the others, who is online: tests do not share them."""
    user_id = sorted(stack.member_ids() - {ROBIN})[number]
    stack.simulator.world.set_presence(user_id, "online", [GAME], {"desktop": "online"})
    return user_id


async def user(stack: Stack, user_id: str = ROBIN) -> dict[str, Any]:
    """What everyone reads; empty for somebody who is not shown."""
    status, body = await stack.get(f"/user/{user_id}")
    return body["data"] if status == 200 else {}


async def shows_profile(stack: Stack, user_id: str = ROBIN, **fields: object) -> None:
    """Wait until everyone reads these fields of the profile."""

    async def shown() -> bool:
        profile = (await user(stack, user_id)).get("profile", {})
        return {name: profile.get(name) for name in fields} == fields

    await eventually_async(shown)
