"""Signing in with Discord and signing out, at the simulator: from the button to the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request

from services.api.accounts.discord_api import REQUEST_TIMEOUT_S
from services.api.accounts.limits import AccountLimits, LimitCounts
from services.api.accounts.service import JoinTimings
from shared.http.connection_limits import ConnectionLimits
from shared.http.errors import AccountRateLimited
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.accounts.visitor import ROBIN, SAME_ORIGIN, Site, Visitor, site


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """A browser in which nobody has signed in."""
    async with here.visitor() as visitor:
        yield visitor


async def test_a_person_signs_in(here: Site, robin: Visitor) -> None:
    """What Discord is asked for, what is stored, and where they are then."""
    authorize = await robin.to_discord()
    query = parse_qs(urlsplit(authorize).query)
    assert query["scope"] == ["identify connections"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{here.base}/auth/callback"]
    reply = await robin.page(await robin.agree(authorize))
    assert (reply.status, reply.location) == (303, f"{here.base}/me")
    assert reply.headers["cache-control"] == "no-store"
    assert "access-control-allow-credentials" not in reply.headers
    data = (await robin.get("/me")).json()["data"]
    assert data["id"] == str(ROBIN)
    assert data["signed_in"]["scopes"] == ["connections", "identify"]
    assert data["connections"]
    grant = await here.accounts.grants.get(ROBIN)
    assert grant is not None
    stored = repr([await here.durable.redis.hgetall(f"durable:{{{ROBIN}}}:grant")])
    assert "access." not in stored
    assert "refresh." not in stored


async def test_the_page_says_who_is_signed_in(robin: Visitor) -> None:
    """And before that, how to sign in."""
    before = await robin.page()
    assert before.status == 200
    assert 'href="./auth/login"' in before.body
    await robin.sign_in()
    after = await robin.page()
    assert "Signed in as" in after.body
    assert after.headers["cache-control"] == "no-store"


async def test_signing_out_ends_the_session_on_the_server(robin: Visitor) -> None:
    """A copy of the cookie is of no use afterwards. Other browsers stay signed in."""
    await robin.sign_in()
    copied = robin.cookie()
    reply = await robin.post("/auth/logout")
    assert (reply.status, reply.location) == (303, f"{robin.base}/")
    assert robin.cookie() == ""
    robin.set_cookie(copied)
    assert (await robin.get("/me")).status == 401


async def test_other_browsers_stay_signed_in(here: Site, robin: Visitor) -> None:
    """Each has a session of its own."""
    async with here.visitor() as other:
        await robin.sign_in()
        await other.sign_in()
        await robin.post("/auth/logout")
        assert (await other.get("/me")).status == 200


async def test_programs_sign_out_by_json(robin: Visitor) -> None:
    """204, and the cookie is gone."""
    await robin.sign_in()
    assert (await robin.send("POST", "/auth/logout", SAME_ORIGIN)).status == 204
    assert robin.cookie() == ""


async def test_a_person_refuses(robin: Visitor) -> None:
    """They are told that nothing has happened, and what else they can do."""
    query = parse_qs(urlsplit(await robin.to_discord()).query)
    state = query["state"][0]
    reply = await robin.page(f"/auth/callback?error=access_denied&state={state}")
    assert reply.status == 403
    assert "You did not agree" in reply.body
    assert robin.cookie("grux-sign-in") == ""


async def test_discord_refuses_the_request(robin: Visitor) -> None:
    """For instance a scope that the application may not ask for."""
    state = parse_qs(urlsplit(await robin.to_discord()).query)["state"][0]
    reply = await robin.page(f"/auth/callback?error=invalid_scope&state={state}")
    assert reply.status == 502
    assert "Discord refused this sign-in" in reply.body


async def test_a_code_that_has_expired(here: Site, robin: Visitor) -> None:
    """Discord gives 100 seconds."""
    path = await robin.agree(await robin.to_discord())
    here.sim.clock.advance(101)
    reply = await robin.page(path)
    assert reply.status == 400
    assert "took too long" in reply.body
    assert robin.cookie() == ""


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_discord_is_away(here: Site, robin: Visitor, status: int) -> None:
    """The page says so; the next try works."""
    path = await robin.agree(await robin.to_discord())
    here.break_discord("/oauth2/token", status)
    reply = await robin.page(path)
    assert reply.status == 503
    assert "Discord does not answer" in reply.body
    await robin.sign_in()


async def test_discord_is_away_before_the_start(here: Site, robin: Visitor) -> None:
    """Not even the application's id is known then."""
    here.break_discord("/applications", 503)
    reply = await robin.page("/auth/login")
    assert reply.status == 503
    here.break_discord("/applications", 503)
    assert (await robin.get("/auth/login")).json()["error"]["code"] == "discord_unavailable"
    await robin.sign_in()


async def test_without_connections(here: Site, robin: Visitor) -> None:
    """They are fetched later, and the person is signed in nevertheless."""
    here.break_discord("/users/@me/connections", 503)
    await robin.sign_in()
    assert (await robin.get("/me")).json()["data"]["connections"] == []


async def test_a_wrong_client_secret(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """People are told that the operator has to act, and the log tells the operator what to do."""
    async with site(store, discord_client_secret="wrong") as here, here.visitor() as visitor:
        reply = await visitor.page(await visitor.agree(await visitor.to_discord()))
    assert reply.status == 502
    assert "does not work at the moment" in reply.body
    assert "DISCORD_CLIENT_SECRET" not in reply.body
    assert "DISCORD_CLIENT_SECRET" in caplog.text


async def test_where_to_go_afterwards(here: Site, robin: Visitor) -> None:
    """A path of this site."""
    path = await robin.agree(await robin.to_discord("/auth/login?return_to=/docs"))
    assert (await robin.page(path)).location == f"{here.base}/docs"


async def test_who_signed_in_before_is_asked_nothing(here: Site, robin: Visitor) -> None:
    """Unless they want to use another account."""
    await robin.sign_in()
    assert "prompt=none" in await robin.to_discord()
    assert "prompt=consent" in await robin.to_discord("/auth/login?switch=1")


async def test_sign_in_is_off(store: Store) -> None:
    """The page explains the commands, and programs get an error that names them."""
    async with site(store, discord_client_secret="") as here, here.visitor() as visitor:
        for path in ("/me", "/auth/login", "/auth/callback?code=1&state=2"):
            page = await visitor.page(path)
            assert page.status == 200, path
            assert "/grux hide" in page.body
            reply = await visitor.get(path)
            assert (reply.status, reply.json()["error"]["code"]) == (404, "sign_in_off")


async def test_an_address_at_which_nobody_can_sign_in(store: Store) -> None:
    """The operator is told what to set."""
    async with (
        site(store, public_url="http://presence.example.org") as here,
        here.visitor() as visitor,
    ):
        page = await visitor.page()
        assert page.status == 404
        assert "PUBLIC_URL" in page.body
        assert (await visitor.get("/me")).json()["error"]["code"] == "sign_in_off"


async def test_the_public_address_comes_first(store: Store) -> None:
    """The cookie is of the host that Discord leads back to; a proxy that changes the Host header
    makes this no endless circle."""
    public = "https://presence.example.org/live"
    async with site(store, public_url=public) as here, here.visitor() as visitor:
        first = await visitor.get("/auth/login?return_to=/docs")
        assert first.location == f"{public}/auth/login?return_to=%2Fdocs&here=1"
        second = await visitor.get("/auth/login?return_to=/docs&here=1")
        assert "presence.example.org%2Flive%2Fauth%2Fcallback" in second.location
        [cookie] = second.cookies
        assert cookie.startswith("__Host-grux-sign-in=")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie


async def test_many_sign_ins_are_limited(store: Store) -> None:
    """Discord blocks addresses that send many invalid requests."""
    async with site(store, limits=LimitCounts(sign_ins=2)) as here, here.visitor() as visitor:
        for _ in range(5):  # nobody began these, and Discord is not asked
            assert (await visitor.page("/auth/callback?code=1&state=2")).status == 400
        for _ in range(2):
            await visitor.sign_in()
        reply = await visitor.page(await visitor.agree(await visitor.to_discord()))
        assert reply.status == 429
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert "too often" in reply.body


def test_one_address_does_not_use_up_the_sign_ins_of_all() -> None:
    """It has a limit of its own, which comes first."""
    limits = AccountLimits((), LimitCounts(sign_ins=3, sign_ins_per_address=2))

    def sign_in(address: str) -> None:
        scope = {"type": "http", "headers": [], "client": (address, 1), "path": "/"}
        limits.count_callback(Request(scope))
        limits.count_sign_in()

    for _ in range(2):
        sign_in("8.8.8.8")
    for _ in range(5):
        with pytest.raises(AccountRateLimited):
            sign_in("8.8.8.8")
    sign_in("1.1.1.1")
    with pytest.raises(AccountRateLimited):
        sign_in("9.9.9.9")


async def test_redis_is_away(store: Store) -> None:
    """A page for people, 503 for programs; and Discord is not asked for anything."""
    async with (
        Store.connect("redis://127.0.0.1:1", timeout=1.0) as nowhere,
        site(store, nowhere) as here,
        here.visitor() as visitor,
    ):
        visitor.set_cookie("1.2.3")
        page = await visitor.page()
        assert page.status == 503
        assert "cannot be reached" in page.body
        assert (await visitor.get("/me")).status == 503
        assert (await visitor.page("/auth/login")).status == 503


async def test_a_late_start_of_redis_makes_a_key(here: Site, robin: Visitor) -> None:
    """One key for all processes, unless SECRET_KEY names one."""
    await robin.sign_in()

    async def is_kept() -> bool:
        return await here.accounts.grants.secret_key(None) is not None

    await eventually_async(is_kept)


def test_a_slow_discord_gets_a_page() -> None:
    """Not a connection that is reset: three requests fit into the time that a response may take."""
    assert 3 * REQUEST_TIMEOUT_S + JoinTimings().wait < ConnectionLimits().response_timeout_s
