"""Requests that no browser sends: changed cookies, other people's ids, too much, markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from simulator.connected_accounts import account
from tests.accounts.attacks.victims import held
from tests.accounts.visitor import HTML, ROBIN, SAME_ORIGIN, Site, Visitor

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
MARKUP: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


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
