"""Several api processes behind one address: any of them continues what another has begun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import pytest

from services.api.accounts.service import AccountService
from services.api.accounts.sign_in import SIGN_IN_COOKIE
from shared.redis.store import Store
from tests.accounts.visitor import HTML, SAME_ORIGIN, Site, Visitor, site
from tests.api.replica import serving

PUBLIC: Final = "http://localhost:9"
"""The address of the proxy in front of them, which this test does not need."""


@pytest.fixture
async def first(store: Store) -> AsyncIterator[Site]:
    async with site(store, public_url=PUBLIC) as first:
        first.sim.options.redirect_uris = f"{PUBLIC}/auth/callback"
        yield first


@pytest.fixture
async def second(store: Store, first: Site) -> AsyncIterator[str]:
    """The address of another process, with the same settings, and no SECRET_KEY: the first one
    made it."""
    accounts = AccountService(store, store, first.accounts.settings)
    async with serving(store, accounts=accounts) as port:
        yield f"http://localhost:{port}"
    await accounts.discord.close()


async def callback_of(visitor: Visitor) -> str:
    """Sign in at the process of the visitor, as far as Discord's answer."""
    host = {"host": urlsplit(PUBLIC).netloc}
    login = await visitor.send("GET", "/auth/login", {**HTML, **host})
    assert login.status == 302, login
    back = urlsplit(await visitor.agree(login.location))
    return f"{back.path}?{back.query}"


async def test_another_process_ends_what_one_began(first: Site, second: str) -> None:
    """The sign-in, the session, and the sign-out."""
    async with first.visitor() as visitor:
        back = await callback_of(visitor)
        pending = visitor.cookie(SIGN_IN_COOKIE)
        reply = await visitor.page(second + back)
        assert (reply.status, reply.location) == (303, f"{PUBLIC}/me")
        for process in (first.base, second):
            assert (await visitor.get(f"{process}/me")).status == 200
        again = {**HTML, "cookie": f"{SIGN_IN_COOKIE}={pending}"}
        for process in (first.base, second):  # and a sign-in that was used is used everywhere
            assert (await visitor.send("GET", process + back, again)).status == 400
        session = visitor.cookie()
        assert (await visitor.send("POST", f"{second}/auth/logout", SAME_ORIGIN)).status == 204
        visitor.set_cookie(session)
        assert (await visitor.get(f"{first.base}/me")).status == 401


async def test_each_process_sees_what_another_stores(first: Site, second: str) -> None:
    """What one process stores, the other one shows; erasing there ends the session here."""
    async with first.visitor() as visitor:
        await visitor.page(second + await callback_of(visitor))
        reply = await visitor.send("PATCH", "/me", SAME_ORIGIN, json={"bio": "of the first"})
        assert reply.status == 200
        found = (await visitor.get(f"{second}/me")).json()["data"]
        assert found["settings"]["bio"] == "of the first"
        session = visitor.cookie()
        assert (await visitor.send("DELETE", f"{second}/me", SAME_ORIGIN)).status == 204
        visitor.set_cookie(session)
        assert (await visitor.get("/me")).status == 401
