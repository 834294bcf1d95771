"""What an attacker tries at /auth and /me, from another site, another browser, or by hand.

In each case somebody is signed in, the attack is refused, and everything of theirs is as before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from itertools import product
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
import pytest
from starlette.routing import Route

from services.api.accounts.limits import LimitCounts
from services.api.accounts.routes import account_routes
from services.api.accounts.service import AccountService
from services.api.accounts.sign_in import SIGN_IN_COOKIE
from shared.redis import keys
from shared.redis.store import Store
from simulator.connected_accounts import account
from simulator.signing import FORGERIES, forged_headers, signed_headers
from tests.accounts.visitor import HTML, ROBIN, SAME_ORIGIN, Reply, Site, Visitor, site

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
EVIL: Final = "https://evil.example"
MARKUP: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Site]:
    """Without limits, which would end the attacks before they are refused."""
    many = LimitCounts(sign_ins_per_address=10_000, sign_ins=10_000, changes_per_user=10_000)
    async with site(store, limits=many) as here:
        here.sim.options.rest_limit = here.sim.options.rest_global_limit = 10_000
        yield here


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """Signed in, with settings and a key."""
    async with here.visitor() as visitor:
        await visitor.sign_in()
        await visitor.patch(bio="as before")
        reply = await visitor.send("POST", "/me/key", SAME_ORIGIN)
        assert reply.status == 200, reply.body
        yield visitor


@pytest.fixture
async def mallory(here: Site) -> AsyncIterator[Visitor]:
    """The attacker's own browser, signed in as somebody else."""
    async with here.visitor() as visitor:
        await visitor.sign_in(other_person(here))
        yield visitor


def other_person(here: Site) -> int:
    """Somebody who is not Robin."""
    return next(
        int(person.user.id)
        for person in here.sim.world.people.values()
        if person.user.bot is not True and int(person.user.id) != ROBIN
    )


async def held(visitor: Visitor) -> dict[str, Any]:
    """Everything about the person who is signed in."""
    reply = await visitor.get("/me/export")
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.json()["data"]
    del data["exported_at"]
    return data


def changing_routes(here: Site) -> list[tuple[str, str]]:
    """Every route of accounts that changes something: a new one is attacked as well."""
    users: Any = None  # reads nothing here
    routes = account_routes(here.accounts, users)
    return [
        (method, route.path)
        for route in routes
        if isinstance(route, Route) and route.path != "/webhooks/discord"
        for method in sorted(route.methods or ())
        if method not in ("GET", "HEAD")
    ]


# --- another site -------------------------------------------------------------------------------

CROSS_SITE: Final[Mapping[str, Mapping[str, str]]] = {
    "a form of another site": {"sec-fetch-site": "cross-site", "origin": EVIL},
    "a form of a sibling": {"sec-fetch-site": "same-site", "origin": "http://a.localhost"},
    "a link": {"sec-fetch-site": "none"},
    "an old browser": {"origin": EVIL},
    "another port": {"origin": "http://localhost:1"},
    "another scheme": {"origin": "https://localhost"},
    "a hidden origin": {"origin": "null"},
    "a word for an origin": {"sec-fetch-site": "same-origin, cross-site"},
    "nothing": {},
}


async def test_another_site_changes_nothing(here: Site, robin: Visitor, mallory: Visitor) -> None:
    """Whatever it sends to whichever route, also with a token that is the attacker's own."""
    before = await held(robin)
    token = await mallory.csrf()
    assert len(token) > 20
    routes = changing_routes(here)
    assert ("DELETE", "/me") in routes
    bodies = (
        (urlencode({"csrf": token, "bio": "evil", "confirm": "erase"}), FORM),
        (urlencode({"csrf": "", "bio": "evil"}), FORM),
        ('{"bio": "evil"}', {"content-type": "text/plain"}),
        ('{"bio": "evil"}', {"content-type": "application/json"}),
        ("", {}),
    )
    for (what, headers), (body, kind), (method, path) in product(
        CROSS_SITE.items(), bodies, routes
    ):
        reply = await robin.send(method, path, {**headers, **kind}, body=body.encode())
        assert reply.status == 403, (what, method, path, body, reply)
    assert await held(robin) == before


async def test_the_token_alone_is_not_enough_elsewhere(robin: Visitor) -> None:
    """A token that leaked is of no use to another site, as browsers say where a form is from."""
    token = await robin.csrf()
    form = {"csrf": token, "bio": "evil"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": EVIL}):
        reply = await robin.send("POST", "/me", {**HTML, **headers}, form=form)
        assert reply.status == 403
    assert (await held(robin))["settings"]["bio"] == "as before"


async def test_a_form_needs_its_token_even_here(robin: Visitor, mallory: Visitor) -> None:
    """The token of another person, a shortened one and one in the URL are none."""
    token = await robin.csrf()
    for wrong in ("", token[:-1], token + "0", token.upper() + " ", await mallory.csrf(), "ü"):
        reply = await robin.send(
            "POST", f"/me?csrf={token}", SAME_ORIGIN, form={"csrf": wrong, "bio": "evil"}
        )
        assert reply.status == 403, wrong
    assert (await held(robin))["settings"]["bio"] == "as before"


async def test_no_site_reads_with_the_cookie(robin: Visitor) -> None:
    """No answer allows credentials, or names the origin that asked; none may be framed or kept."""
    for path in ("/me", "/me/export", "/me/erase", "/auth/login", "/auth/callback"):
        for accept in (HTML, {}):
            reply = await robin.get(path, origin=EVIL, **accept)
            assert "access-control-allow-credentials" not in reply.headers, path
            assert reply.headers.get("access-control-allow-origin", "*") == "*"
            assert reply.headers["cache-control"] == "no-store", path
            if reply.headers.get("content-type", "").startswith("text/html"):
                assert reply.headers["x-frame-options"] == "DENY"
                assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    for method in ("PATCH", "DELETE", "POST"):
        asked = {"origin": EVIL, "access-control-request-method": method}
        reply = await robin.send("OPTIONS", "/me", asked)
        assert "access-control-allow-credentials" not in reply.headers


async def test_a_link_changes_nothing(robin: Visitor) -> None:
    """Not by GET, and not by what some frameworks take for a method."""
    before = await held(robin)
    token = await robin.csrf()
    for path in ("/auth/logout", "/me/key", "/me/key/delete", "/me/join"):
        assert (await robin.get(f"{path}?csrf={token}")).status == 405
    assert (await robin.get("/me/erase?confirm=erase&csrf=" + token)).status == 200
    await robin.send("GET", "/me", {"x-http-method-override": "DELETE"})
    await robin.send("GET", f"/me?_method=DELETE&csrf={token}&bio=evil")
    assert await held(robin) == before


# --- signing in ---------------------------------------------------------------------------------


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


# --- cookies by hand ----------------------------------------------------------------------------


async def test_changed_cookies_open_nothing(here: Site, robin: Visitor, mallory: Visitor) -> None:
    """Another person's id, another signature, parts of it, and what no cookie is."""
    mine, theirs = mallory.cookie(), robin.cookie()
    user, secret, signature = mine.split(".")
    victim, _, their_signature = theirs.split(".")
    changed = [
        f"{victim}.{secret}.{signature}",
        f"{victim}.{secret}.{their_signature}",
        f"{victim}..{their_signature}",
        f"{victim}.{secret}.",
        f"0{user}.{secret}.{signature}",
        f"{user}.{secret}",
        f"{user}.{secret}.{signature}.{signature}",
        f"{user}.{secret}.{signature[:-1]}",
        f"{user}.{secret}.{signature.upper()}X",
        f"{user}.{secret[:-1]}.{signature}",
        mine + "=",
        mine * 40,
        "." * 100,
        "%00",
    ]
    async with here.visitor() as attacker:
        for value in changed:
            reply = await attacker.send("GET", "/me", {"cookie": f"grux-session={value}"})
            assert reply.status == 401, value
        many = "; ".join(f"grux-session={value}" for value in [*changed[:3], theirs])
        assert (await attacker.send("GET", "/me", {"cookie": many})).status == 401
    assert (await held(robin))["user_id"] == str(ROBIN)


async def test_nobody_reads_or_writes_for_another(robin: Visitor, mallory: Visitor) -> None:
    """No route takes an id; those that are sent along change nothing."""
    before = await held(robin)
    for query in (f"?id={ROBIN}", f"?user_id={ROBIN}", f"?user={ROBIN}"):
        reply = await mallory.get(f"/me{query}")
        assert reply.json()["data"]["id"] != str(ROBIN)
    for name in ("id", "user_id", "user", "__proto__", "settings"):
        reply = await mallory.send(
            "PATCH", "/me", SAME_ORIGIN, json={name: str(ROBIN), "bio": "evil"}
        )
        assert reply.status == 400, name
    # An account that only the victim has connected may be chosen, but there is nothing to show.
    theirs = next(iter(before["connections"]))
    chosen = f"{theirs['type']}:{theirs['id']}"
    await mallory.patch(connected_accounts=[chosen])
    mine = (await held(mallory))["connections"] or []
    assert chosen not in [f"{one['type']}:{one['id']}" for one in mine]
    assert await held(robin) == before


# --- what is too much, or no such thing ---------------------------------------------------------


async def test_oversized_and_broken_requests_change_nothing(robin: Visitor) -> None:
    """Each is the sender's mistake: never a 500, and nothing is half done."""
    before = await held(robin)
    token = await robin.csrf()
    prefix = f"csrf={token}&"
    json = {**SAME_ORIGIN, "content-type": "application/json"}
    form = {**SAME_ORIGIN, **FORM}
    links = [{"label": "x", "url": "https://x.example"}] * 1000
    bodies: list[tuple[str, Mapping[str, str], bytes]] = [
        ("PATCH", json, b'{"bio": "' + b"x" * 200_000 + b'"}'),
        ("PATCH", json, b'{"bio": "' + b"x" * 10_000 + b'"}'),
        ("PATCH", json, msgspec.json.encode({"links": links})),
        ("PATCH", json, msgspec.json.encode({"hide_applications": ["1" * 18] * 3000 + ["x"]})),
        ("PATCH", json, b"[" * 50_000),
        ("PATCH", json, b'{"a":' * 5_000),
        ("PATCH", json, b'{"bio": NaN}'),
        ("PATCH", json, b'{"paused_until": 1e400}'),
        ("PATCH", json, b'{"paused_until": -1}'),
        ("PATCH", json, b'{"bio": "\xff"}'),
        ("PATCH", json, b'{"bio": "\\ud800"}'),
        ("PATCH", json, b'{"bio": "a\\u0000b"}'),
        ("PATCH", json, b""),
        ("PATCH", json, b"null"),
        ("PATCH", json, b'[{"bio": "evil"}]'),
        ("PATCH", json, b'{"bio": ["evil"]}'),
        ("PATCH", json, b'{"hide": {"status": true}}'),
        ("POST", form, f"{prefix}bio={'x' * 200_000}".encode()),
        ("POST", form, (prefix + "&".join(f"a{n}=1" for n in range(5_000))).encode()),
        ("POST", form, (prefix + "bio=%ff%fe").encode()),
        ("POST", form, (prefix + "bio=").encode() + b"\xff"),
        ("POST", form, f"{prefix}bio={'x' * 10_000}".encode()),
    ]
    for method, headers, body in bodies:
        reply = await robin.send(method, "/me", headers, body=body)
        assert 400 <= reply.status < 500, (method, body[:40], reply.status)
    assert await held(robin) == before


async def test_oversized_sign_ins_are_refused(here: Site) -> None:
    """Long codes and states, several of them, and none."""
    async with here.visitor() as visitor:
        await visitor.to_discord()
        state = "x" * 3_000
        for query in (
            urlencode({"code": "x" * 3_000, "state": state}),
            urlencode({"code": "x"}),
            urlencode({"state": state}),
            "code=%ff&state=%ff",
            "code=a&code=b&state=a&state=b",
            "error=" + "x" * 3_000,
            "",
        ):
            assert (await visitor.page(f"/auth/callback?{query}")).status == 400, query[:30]
        assert visitor.cookie() == ""


async def test_markup_stays_text(here: Site, robin: Visitor) -> None:
    """From the person, from Discord, and from the address."""
    here.sim.world.update_user(str(ROBIN), global_name=MARKUP)
    here.sim.accounts.replace(
        str(ROBIN), [account("steam", MARKUP, MARKUP), account("github", "42", MARKUP)]
    )
    await robin.sign_in()
    await robin.patch(
        bio=MARKUP, pronouns=MARKUP[:30], links=[{"label": MARKUP[:40], "url": "https://x.example"}]
    )
    for path in ("/me", f"/me?done={quote(MARKUP)}", "/me/erase", f"/auth/callback?{MARKUP}"):
        text = (await robin.page(path)).body
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
    reply = await robin.send(
        "POST", "/me", {**HTML, **SAME_ORIGIN}, form={"csrf": await robin.csrf(), "bio": MARKUP * 9}
    )
    assert reply.status == 400  # what was written is shown again
    assert "<script>alert" not in reply.body
    for url in ("javascript:alert(1)", "data:text/html,x", "https://x.example/\"onclick='x"):
        refused = await robin.patch(links=[{"label": "x", "url": url}])
        assert refused.status == 400, url


# --- tokens -------------------------------------------------------------------------------------


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


# --- webhook events -----------------------------------------------------------------------------


async def post_event(here: Site, headers: Mapping[str, str], body: bytes) -> Reply:
    async with here.visitor() as sender:
        return await sender.send(
            "POST", "/webhooks/discord", {"content-type": "application/json", **headers}, body=body
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
