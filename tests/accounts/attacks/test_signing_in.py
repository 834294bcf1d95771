"""Sign-ins that were prepared, stolen, repeated, or lead elsewhere."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from services.api.accounts.limits import LimitCounts
from services.api.accounts.sign_in import SIGN_IN_COOKIE
from services.api.accounts.webhook import WEBHOOK_PATH
from shared.redis import keys
from shared.redis.store import Store
from simulator.faults import RestFault
from simulator.signing import forged_headers
from tests.accounts.attacks.victims import held, other_person
from tests.accounts.visitor import HTML, ROBIN, Site, Visitor, site

EVIL: Final = "https://evil.example"


async def test_nobody_is_signed_in_as_the_attacker(
    here: Site, robin: Visitor, mallory: Visitor
) -> None:
    """A callback that the attacker prepared, opened by somebody who is signed in, or who is about
    to be, or who is neither."""
    prepared = await mallory.agree(await mallory.to_discord(), other_person(here))
    assert (await robin.page(prepared)).status == 400
    assert (await held(robin))["user_id"] == str(ROBIN)
    await robin.to_discord()  # a sign-in is under way
    assert (await robin.page(prepared)).status == 400
    assert (await held(robin))["user_id"] == str(ROBIN)
    async with here.visitor() as fresh:
        assert (await fresh.page(prepared)).status == 400
        assert fresh.cookie() == ""
    assert (await mallory.page(prepared)).status == 303  # where it belongs, it is good


async def test_a_stolen_callback_is_of_no_use(here: Site, mallory: Visitor) -> None:
    """The victim's code and state in the attacker's browser, with and without a sign-in of its own;
    the victim's own is not disturbed."""
    async with here.visitor() as victim:
        back = await victim.agree(await victim.to_discord(), ROBIN)
        assert (await mallory.page(back)).status == 400
        state = parse_qs(urlsplit(await mallory.to_discord()).query)["state"][0]
        code = parse_qs(urlsplit(back).query)["code"][0]
        mixed = await mallory.page(f"/auth/callback?{urlencode({'code': code, 'state': state})}")
        assert mixed.status == 400  # the verifier is another one
        assert (await held(mallory))["user_id"] == str(other_person(here))


async def test_a_callback_works_once(here: Site) -> None:
    """Also if the cookie is put back, and if many are sent at the same time."""
    async with here.visitor() as visitor:
        back = await visitor.agree(await visitor.to_discord())
        cookie = visitor.cookie(SIGN_IN_COOKIE)
        header = {**HTML, "cookie": f"{SIGN_IN_COOKIE}={cookie}"}
        async with here.visitor() as copy:
            replies = await asyncio.gather(*(copy.send("GET", back, header) for _ in range(6)))
        assert sorted(reply.status for reply in replies) == [303, 400, 400, 400, 400, 400]
        assert (await visitor.send("GET", back, header)).status == 400


async def test_one_cookie_does_not_pass_for_another(here: Site, robin: Visitor) -> None:
    """What is encrypted for one purpose is of no use for another: a session, a sign-in, tokens."""
    back = await robin.agree(await robin.to_discord())
    session, pending = robin.cookie(), robin.cookie(SIGN_IN_COOKIE)
    tokens = await here.durable.redis.hget(keys.grant(ROBIN), "tokens")
    assert isinstance(tokens, bytes)
    async with here.visitor() as other:
        for value in (session, tokens.decode()):
            other.set_cookie(value, SIGN_IN_COOKIE)
            assert (await other.page(back)).status == 400
        for value in (pending, tokens.decode()):
            other.set_cookie(value)
            assert (await other.get("/me")).status == 401


async def test_a_session_is_not_fixed(here: Site, mallory: Visitor) -> None:
    """A session that the attacker has put into the victim's browser, a real or an invented one, is
    not the one that the victim has after signing in."""
    planted = mallory.cookie()
    invented = f"{ROBIN}.{'x' * 43}.{'0' * 32}"
    for value in (planted, invented):
        async with here.visitor() as victim:
            victim.set_cookie(value)
            await victim.sign_in()
            assert victim.cookie() != value
            assert (await held(victim))["user_id"] == str(ROBIN)
    async with here.visitor() as attacker:
        for value in (planted, invented):
            attacker.set_cookie(value)
            assert (await attacker.get("/me")).status == 401


REDIRECTS: Final = (
    EVIL,
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/..//evil.example",
    "/me/..//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "@evil.example",
    ".evil.example",
    ":80@evil.example",
    "/me@evil.example",
    "/me\r\nSet-Cookie: grux-session=evil",
    "/me\tx",
    "\t//evil.example",
    " //evil.example",
    "/me#//evil.example",
    "/me?x=//evil.example",
    "/" + "a" * 10_000,
    "/ünïcode",
    "\x00//evil.example",
)


async def test_signing_in_leads_nowhere_else(here: Site) -> None:
    """However the address is written."""
    async with here.visitor() as visitor:
        for target in REDIRECTS:
            login = f"/auth/login?return_to={quote(target)}"
            back = await visitor.agree(await visitor.to_discord(login))
            reply = await visitor.page(back)
            assert reply.status == 303, target
            parts = urlsplit(reply.location)
            assert f"{parts.scheme}://{parts.netloc}" == here.base, target
            assert parts.path.startswith("/")
            assert not parts.path.startswith(("//", "/\\"))
            assert not any("evil" in cookie for cookie in reply.cookies)


@pytest.mark.parametrize("status", [401, 429])
async def test_a_crowd_does_not_reach_discord(here: Site, status: int) -> None:
    """While Discord refuses, one request is sent for all of them: too many refusals, and Discord
    blocks this address for the gateway as well. Forged events and sign-ins cause the same one."""
    here.sim.faults.add_rest(RestFault(prefix="/applications", status=status, retry_after=60.0))
    asked = here.sim.stats.rest_by_route["GET /applications/@me"]
    forged = forged_headers(1795867200, b"{}", "another_key")
    async with here.visitor() as visitor:
        replies = await asyncio.gather(
            *(visitor.page("/auth/login") for _ in range(20)),
            *(visitor.send("POST", WEBHOOK_PATH, forged, body=b"{}") for _ in range(20)),
        )
        replies += [await visitor.page("/auth/login") for _ in range(3)]
    assert {reply.status for reply in replies} == {503}
    assert here.sim.stats.rest_by_route["GET /applications/@me"] == asked + 1


async def test_other_hosts_are_not_believed(here: Site) -> None:
    """The redirect URI never names a host that only a header names."""
    async with here.visitor() as visitor:
        for name in ("x-forwarded-host", "forwarded", "x-original-host", "x-host"):
            value = f"host={EVIL}" if name == "forwarded" else "evil.example"
            reply = await visitor.send("GET", "/auth/login", {name: value})
            query = parse_qs(urlsplit(reply.location).query)
            assert query["redirect_uri"] == [f"{here.base}/auth/callback"], name
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil"):
            reply = await visitor.send("GET", "/auth/login", {**HTML, "host": host})
            assert reply.status == 404, host
            assert reply.cookies == []
            assert "evil" not in reply.body


async def test_invented_addresses_do_not_help(store: Store) -> None:
    """Only what the proxy has appended counts: the limit of an address holds."""
    few = LimitCounts(sign_ins_per_address=3)
    async with (
        site(store, limits=few, trusted_proxies="127.0.0.1") as here,
        here.visitor() as visitor,
    ):
        statuses = []
        for number in range(20):
            state = parse_qs(urlsplit(await visitor.to_discord()).query)["state"][0]
            made_up = f"8.8.8.{number}"
            names = ("x-real-ip", "cf-connecting-ip", "true-client-ip")
            headers = {
                **HTML,
                **dict.fromkeys(names, made_up),
                "forwarded": f"for={made_up}",
                "x-forwarded-for": f"{made_up}, 8.8.4.4",
            }
            callback = f"/auth/callback?{urlencode({'code': 'x', 'state': state})}"
            reply = await visitor.send("GET", callback, headers)  # which asks Discord
            statuses.append(reply.status)
        assert set(statuses) == {400, 429}
        assert statuses.count(400) <= 2 * 3  # a minute may end meanwhile
