"""What another site sends with the browser of somebody who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final
from urllib.parse import urlencode

from services.api.accounts.routes import account_routes
from services.api.accounts.webhook import WEBHOOK_PATH
from tests.accounts.attacks.victims import held
from tests.accounts.visitor import HTML, SAME_ORIGIN, Site, Visitor

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
EVIL: Final = "https://evil.example"


def changing_routes(here: Site) -> list[tuple[str, str]]:
    """Every route of accounts that changes something: a new one is attacked as well."""
    users: Any = None  # reads nothing here
    routes = account_routes(here.accounts, users)
    return [
        (method, route.path)
        for route in routes
        if route.path != WEBHOOK_PATH
        for method in sorted(route.methods or ())
        if method not in ("GET", "HEAD")
    ]


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
    bodies: tuple[tuple[str, Mapping[str, str]], ...] = (
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


async def test_another_site_signs_nobody_out(here: Site, robin: Visitor) -> None:
    """Browsers add no cookie to its form (SameSite=Lax), but take those of the answer."""
    async with here.visitor() as without_cookie:
        for accept in (HTML, {}):
            headers = {"sec-fetch-site": "cross-site", "origin": EVIL, **FORM, **accept}
            reply = await without_cookie.send("POST", "/auth/logout", headers, body=b"")
            assert (reply.status, reply.cookies) == (303, [])
    robin.set_cookie("ended")
    reply = await robin.send("POST", "/auth/logout", {**SAME_ORIGIN, **FORM}, body=b"")
    assert reply.cookies[0].startswith("grux-session=; Max-Age=0")


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
