"""Attacks on signing in and on what a session may do, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from shared.model.user_settings import UserSettings
from tests.accounts.visitor import HTML, ROBIN, SAME_ORIGIN, Site, Visitor


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """The victim: not signed in yet."""
    async with here.visitor() as visitor:
        yield visitor


@pytest.fixture
async def mallory(here: Site) -> AsyncIterator[Visitor]:
    """The attacker, with a browser and an account of their own."""
    async with here.visitor() as visitor:
        yield visitor


def somebody_else(here: Site) -> int:
    return next(
        int(user_id)
        for user_id, person in here.sim.world.people.items()
        if int(user_id) != ROBIN and person.user.bot is not True
    )


async def test_a_victim_is_not_signed_in_as_the_attacker(
    here: Site, robin: Visitor, mallory: Visitor
) -> None:
    """Login CSRF: the attacker's callback is opened in the victim's browser."""
    path = await mallory.agree(await mallory.to_discord(), somebody_else(here))
    assert (await robin.page(path)).status == 400
    assert robin.cookie() == ""
    await robin.to_discord()  # with a sign-in of their own under way
    reply = await robin.page(path)
    assert reply.status == 400
    assert "does not belong here" in reply.body
    assert robin.cookie() == ""


async def test_a_stolen_code_is_of_no_use(here: Site, robin: Visitor, mallory: Visitor) -> None:
    """The attacker has the victim's code, and puts it into a sign-in of their own."""
    stolen = parse_qs(urlsplit(await robin.agree(await robin.to_discord())).query)["code"][0]
    state = parse_qs(urlsplit(await mallory.to_discord()).query)["state"][0]
    reply = await mallory.page(f"/auth/callback?code={quote(stolen)}&state={state}")
    assert reply.status == 400  # PKCE: the verifier is in the victim's browser
    assert mallory.cookie() == ""


async def test_a_callback_works_once(robin: Visitor) -> None:
    """Also with the cookie of the sign-in, copied before it was used."""
    path = await robin.agree(await robin.to_discord())
    copied = robin.cookie("grux-sign-in")
    assert (await robin.page(path)).status == 303
    session = robin.cookie()
    robin.set_cookie(copied, "grux-sign-in")
    reply = await robin.page(path)
    assert reply.status == 400
    assert "has been used" in reply.body
    assert robin.cookie() == session


async def test_a_session_cannot_be_prepared(here: Site, robin: Visitor, mallory: Visitor) -> None:
    """Fixation: the victim's browser holds the attacker's cookie, and signs in."""
    await mallory.sign_in(somebody_else(here))
    prepared = mallory.cookie()
    robin.set_cookie(prepared)
    await robin.sign_in()
    assert robin.cookie() != prepared
    assert (await robin.get("/me")).json()["data"]["id"] == str(ROBIN)
    # The session that was in the browser has ended: it is on a machine where somebody else is.
    assert (await mallory.get("/me")).status == 401


async def test_a_sign_in_cookie_is_no_session(robin: Visitor) -> None:
    """Nor the other way round: each is encrypted or signed for one purpose."""
    await robin.to_discord()
    robin.set_cookie(robin.cookie("grux-sign-in"))
    assert (await robin.get("/me")).status == 401
    await robin.sign_in()
    robin.set_cookie(robin.cookie(), "grux-sign-in")
    assert (await robin.page("/auth/callback?code=1&state=2")).status == 400


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "https:evil.example",
        "/me%0d%0aSet-Cookie:%20a=b",
        "/../../evil",
        "javascript:alert(1)",
        "@evil.example",
        "/" + "a" * 5000,
    ],
)
async def test_nobody_is_led_elsewhere(here: Site, robin: Visitor, target: str) -> None:
    """Open redirects: after signing in the browser is on this site."""
    path = await robin.agree(await robin.to_discord(f"/auth/login?return_to={quote(target)}"))
    reply = await robin.page(path)
    assert reply.location == f"{here.base}/me"
    assert not [cookie for cookie in reply.cookies if cookie.startswith("a=")]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
async def test_other_sites_change_nothing(
    here: Site, robin: Visitor, headers: Mapping[str, str]
) -> None:
    """CSRF, by forms and by scripts: each route, with the victim's cookie."""
    await robin.sign_in()
    form = {"visible": "", "confirm": "erase"}
    for path in ("/me", "/me/key", "/me/key/delete", "/me/erase", "/me/join", "/auth/logout"):
        reply = await robin.send("POST", path, {**headers, **HTML}, form=form)
        assert reply.status == 403, path
        assert "Nothing was changed" in reply.body
    for method, path in (("PATCH", "/me"), ("DELETE", "/me"), ("DELETE", "/me/key")):
        reply = await robin.send(method, path, headers, json={"visible": False})
        assert (reply.status, reply.json()["error"]["code"]) == (403, "forbidden"), path
    assert await here.accounts.user_settings.get(ROBIN) == UserSettings()
    assert await here.accounts.api_keys.created_at(ROBIN) is None
    assert (await robin.get("/me")).status == 200


async def test_a_form_of_another_session(here: Site, robin: Visitor, mallory: Visitor) -> None:
    """The attacker's token is no token of the victim."""
    await robin.sign_in()
    await mallory.sign_in(somebody_else(here))
    form = {"csrf": await mallory.csrf(), "confirm": "erase"}
    reply = await robin.send("POST", "/me/erase", {**SAME_ORIGIN, **HTML}, form=form)
    assert reply.status == 403
    assert (await robin.get("/me")).status == 200


async def test_one_account_cannot_reach_another(
    here: Site, robin: Visitor, mallory: Visitor
) -> None:
    """The account is that of the session: no request can name one."""
    await robin.sign_in()
    await mallory.sign_in(somebody_else(here))
    reply = await mallory.send(
        "PATCH", f"/me?user_id={ROBIN}", SAME_ORIGIN, json={"bio": "mine", "user_id": str(ROBIN)}
    )
    assert reply.status == 400
    await mallory.patch(bio="mine")
    await mallory.send("DELETE", f"/me?id={ROBIN}", SAME_ORIGIN)
    assert (await here.accounts.user_settings.get(ROBIN)).bio is None
    assert (await robin.get("/me")).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=1",
        "?state=1",
        "?code=&state=",
        "?error=access_denied",
        "?error=%3Cscript%3E&state=1",
        "?code=1&state=%00%ff",
        f"?code={'x' * 5000}&state=1",
    ],
)
async def test_callbacks_that_nobody_began(robin: Visitor, query: str) -> None:
    """With and without a sign-in under way: a page, and no session."""
    for _ in range(2):
        reply = await robin.page(f"/auth/callback{query}")
        assert reply.status == 400
        assert "<script>" not in reply.body.partition("</head>")[2]
        assert robin.cookie() == ""
        await robin.to_discord()


async def test_a_code_that_is_too_long(here: Site, robin: Visitor) -> None:
    """It is not sent to Discord."""
    state = parse_qs(urlsplit(await robin.to_discord()).query)["state"][0]
    reply = await robin.page(f"/auth/callback?code={'x' * 600}&state={state}")
    assert reply.status == 400


async def test_names_of_discord_are_text(here: Site, robin: Visitor) -> None:
    """Whatever the person is called."""
    here.sim.world.people[str(ROBIN)].user.global_name = '"><script>alert(1)</script>'
    await robin.sign_in()
    page = (await robin.page()).body
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_cookies_are_kept_from_scripts_and_other_sites(robin: Visitor) -> None:
    """HttpOnly and SameSite; Secure and the prefix are tested where the address is https."""
    reply = await robin.sign_in()
    [session] = [cookie for cookie in reply.cookies if cookie.startswith("grux-session=")]
    assert session.endswith("; Path=/; HttpOnly; SameSite=Lax")
    [used] = [cookie for cookie in reply.cookies if cookie.startswith("grux-sign-in=")]
    assert "Max-Age=0" in used


async def test_pages_cannot_be_framed_or_stored(robin: Visitor) -> None:
    """Nor can they load or send anything elsewhere."""
    await robin.sign_in()
    for path in ("/me", "/me/erase", "/auth/callback"):
        reply = await robin.page(path)
        assert reply.headers["cache-control"] == "no-store"
        policy = reply.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert reply.headers["x-frame-options"] == "DENY"
