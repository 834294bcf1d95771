"""Tokens that leak, are refreshed at the same time, or outlive an erasure; and forged events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec
import pytest

from services.api.accounts.service import AccountService
from services.api.accounts.webhook import WEBHOOK_PATH
from simulator.signing import FORGERIES, forged_headers, signed_headers
from tests.accounts.attacks.victims import held
from tests.accounts.visitor import ROBIN, SAME_ORIGIN, Reply, Site, Visitor


async def test_nothing_secret_is_shown_or_logged(
    here: Site, robin: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens, the client secret, and the secrets of sessions."""
    caplog.set_level(logging.DEBUG)
    secret = robin.cookie().split(".")[1]
    here.sim.clock.advance(604_800)
    await here.accounts.keeper.check(ROBIN)
    await robin.sign_in()
    await robin.page(f"/auth/callback?code={secret}&state=x")
    shown = [
        *[(await robin.page(path)).body for path in ("/me", "/me/erase")],
        *[(await robin.get(path)).body for path in ("/me", "/me/export")],
        *[record.getMessage() for record in caplog.records if record.name.startswith("services")],
        *[record.getMessage() for record in caplog.records if record.name.startswith("shared")],
    ]
    stored: list[bytes] = []
    async for key in here.durable.redis.scan_iter("*"):
        stored.append(await here.durable.redis.dump(key) or b"")
    for text in ("access.", "refresh.", here.sim.options.client_secret, secret):
        assert not any(text in one for one in shown), text
        assert not any(text.encode() in one for one in stored), text


async def test_many_processes_refresh_once(here: Site, robin: Visitor) -> None:
    """Five processes check one grant at the same time: the tokens that are kept still work."""
    here.sim.clock.advance(604_800)  # the access token is refused
    before = here.sim.stats.rest_by_route["POST /oauth2/token"]
    services = [AccountService(here.store, here.durable, here.accounts.settings) for _ in range(5)]
    try:
        await asyncio.gather(*(one.keeper.check(ROBIN) for one in services for _ in range(3)))
        assert here.sim.stats.rest_by_route["POST /oauth2/token"] == before + 1
        access = await services[0].keeper.usable_access(ROBIN)
        assert access is not None
        assert here.sim.grants.find(access) is not None
        assert (await held(robin))["user_id"] == str(ROBIN)
    finally:
        for one in services:
            await one.discord.close()


async def test_what_is_erased_stays_erased(here: Site, robin: Visitor) -> None:
    """Although tokens were being refreshed at that moment, and another browser was signed in: no
    key of theirs is left but what revokes the tokens, and Discord ends the grant."""
    async with here.visitor() as second:
        await second.sign_in()
        here.sim.clock.advance(604_800)
        checks = asyncio.gather(*(here.accounts.keeper.check(ROBIN) for _ in range(2)))
        reply = await robin.send("DELETE", "/me", SAME_ORIGIN)
        assert reply.status == 204
        await checks
        await here.accounts.keeper.revoke_due()
        assert (await second.get("/me")).status == 401
        assert (await robin.get("/me")).status == 401
    assert here.sim.grants.scopes(str(ROBIN)) == ()
    left = [key async for key in here.durable.redis.scan_iter(f"*{ROBIN}*")]
    assert left == []


async def post_event(here: Site, headers: Mapping[str, str], body: bytes) -> Reply:
    async with here.visitor() as sender:
        return await sender.send(
            "POST", WEBHOOK_PATH, {"content-type": "application/json", **headers}, body=body
        )


async def test_a_forged_event_erases_nothing(here: Site, robin: Visitor) -> None:
    """In every way to forge one; the last one is Discord's own."""
    event = {
        "type": "APPLICATION_DEAUTHORIZED",
        "timestamp": "2096-11-28T11:59:58.064834",
        "data": {"user": {"id": str(ROBIN)}},
    }
    body = msgspec.json.encode(
        {"version": 1, "application_id": "970112316211200008", "type": 1, "event": event}
    )
    for forgery in FORGERIES:
        reply = await post_event(here, forged_headers(1795867200, body, forgery), body)
        assert reply.status == 401, forgery
    assert (await held(robin))["connections"]
    big = body[:-1] + b" " * 200_000 + b"}"
    assert (await post_event(here, signed_headers(1795867200, big), big)).status == 413
    assert (await held(robin))["connections"]
    assert (await post_event(here, signed_headers(1795867200, body), body)).status == 204
    assert (await robin.get("/me")).status == 401


async def test_an_old_event_does_not_end_a_new_consent(here: Site, robin: Visitor) -> None:
    """A delivery that was recorded, and is sent again after the person has signed in anew."""
    body = msgspec.json.encode(
        {
            "version": 1,
            "application_id": "970112316211200008",
            "type": 1,
            "event": {
                "type": "APPLICATION_DEAUTHORIZED",
                "timestamp": "2020-11-28T11:59:58.064834",
                "data": {"user": {"id": str(ROBIN)}},
            },
        }
    )
    reply = await post_event(here, signed_headers(1606564798, body), body)
    assert reply.status == 204
    await here.accounts.keeper.check_due()
    assert (await held(robin))["connections"]
