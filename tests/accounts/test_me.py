"""What a person who has signed in can do: by the forms of the page, and as programs do it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.api.accounts.limits import LimitCounts
from shared.model.user_settings import TIME_MAX_MS, UserSettings
from shared.redis import keys
from shared.redis.store import Store
from tests.accounts.visitor import HTML, ROBIN, SAME_ORIGIN, Site, Visitor, site


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("PATCH", "/me"),
        ("DELETE", "/me"),
        ("POST", "/me/key"),
        ("DELETE", "/me/key"),
        ("GET", "/me/export"),
        ("POST", "/me/join"),
    ],
)
async def test_a_stranger_gets_nothing(here: Site, method: str, path: str) -> None:
    """401 for programs; people are led to the page on which they sign in."""
    async with here.visitor() as stranger:
        reply = await stranger.send(method, path, SAME_ORIGIN)
        assert (reply.status, reply.json()["error"]["code"]) == (401, "unauthorized")
        assert reply.headers["cache-control"] == "no-store"
        page = await stranger.send(method, path, {**SAME_ORIGIN, **HTML})
        assert page.status in (200, 303)
        assert page.status == 200 or page.location.endswith("me")


async def test_settings_are_patched(here: Site, robin: Visitor) -> None:
    """What is not named stays."""
    await robin.patch(bio="I listen to vinyl.")
    reply = await robin.patch(
        hide=["spotify"], links=[{"label": "Mine", "url": "https://r.example"}]
    )
    assert reply.status == 200
    data = reply.json()["data"]
    assert data["bio"] == "I listen to vinyl."
    assert data["hide"] == ["spotify"]
    assert (await robin.get("/me")).json()["data"]["settings"] == data
    assert (await here.accounts.user_settings.get(ROBIN)).hide == ("spotify",)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"bio": "x" * 191}, "bio"),
        ({"hide": ["everything"]}, "hide"),
        ({"history": "on"}, "history"),
        ({"past": "off"}, "past"),
        ({"links": [{"label": "x", "url": "javascript:alert(1)"}]}, "links[0].url"),
        ({"visible": "no"}, "visible"),
    ],
)
async def test_a_setting_that_is_not_allowed(
    here: Site, robin: Visitor, patch: dict[str, object], field: str
) -> None:
    """It is named, and nothing of the request is done."""
    reply = await robin.patch(pronouns="they/them", **patch)
    assert reply.status == 400
    error = reply.json()["error"]
    assert (error["code"], error["field"]) == ("invalid_settings", field)
    assert await here.accounts.user_settings.get(ROBIN) == UserSettings()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 5000, b'"bio"'])
async def test_a_body_that_is_no_object(robin: Visitor, body: bytes) -> None:
    """400, which says what is expected."""
    reply = await robin.send("PATCH", "/me", SAME_ORIGIN, body=body)
    assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_body")


async def test_a_large_body(robin: Visitor) -> None:
    """413 for programs and for people."""
    assert (await robin.patch(bio="x" * 100_000)).status == 413
    assert (await robin.post("/me", bio="x" * 100_000)).status == 413
    many = "&".join(f"a{n}=1" for n in range(600)).encode()
    headers = {"content-type": "application/x-www-form-urlencoded", **SAME_ORIGIN, **HTML}
    assert (await robin.send("POST", "/me", headers, body=many)).status == 400


async def test_a_session_that_ends_while_the_body_arrives(here: Site, robin: Visitor) -> None:
    """Nothing is written: what was erased meanwhile stays erased."""

    async def body() -> AsyncIterator[bytes]:  # once the server has looked at the session
        assert (await robin.send("DELETE", "/me", SAME_ORIGIN)).status == 204
        yield b'{"bio":"I am back."}'

    headers = {"content-type": "application/json", **SAME_ORIGIN}
    async with robin.http.patch(
        f"{here.base}/me", data=body(), headers=headers, expect100=True
    ) as response:
        assert response.status == 401
    assert await here.accounts.user_settings.get(ROBIN) == UserSettings()


@pytest.mark.parametrize("time_ms", [TIME_MAX_MS, TIME_MAX_MS + 1, 2**53 - 1])
async def test_a_pause_without_an_end(robin: Visitor, time_ms: int) -> None:
    """The page shows the last date that there is; what is later is refused."""
    reply = await robin.patch(paused_until=time_ms)
    if time_ms > TIME_MAX_MS:
        assert (reply.status, reply.json()["error"]["field"]) == (400, "paused_until")
    else:
        page = await robin.page()
        assert page.status == 200
        assert "9999-12-31 23:59 UTC" in page.body


async def test_the_form_saves(here: Site, robin: Visitor) -> None:
    """A redirect back to the page, which says so."""
    reply = await robin.post("/me", visible="on", bio="By form", show="status")
    assert (reply.status, reply.location) == (303, f"{here.base}/me?done=saved")
    saved = await here.accounts.user_settings.get(ROBIN)
    assert saved.bio == "By form"
    assert "spotify" in saved.hide
    assert "Saved." in (await robin.page("/me?done=saved")).body


async def test_a_form_that_is_refused_keeps_what_was_written(here: Site, robin: Visitor) -> None:
    """It is shown again, with the error at its field."""
    reply = await robin.post("/me", visible="on", bio="x" * 191, pronouns="they/them")
    assert reply.status == 400
    assert "x" * 191 in reply.body
    assert "they/them" in reply.body
    assert 'aria-invalid="true"' in reply.body
    assert await here.accounts.user_settings.get(ROBIN) == UserSettings()


async def test_a_key_is_shown_once(robin: Visitor) -> None:
    """On the page that the form leads to; it writes the key-value store until it is deleted."""
    reply = await robin.post("/me/key")
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    key = reply.body.partition('<code id="new-key">')[2].partition("<")[0]
    assert key not in (await robin.page()).body
    wrote = await robin.send("PUT", "/v1/users/@me/kv/a", {"authorization": key}, body=b"1")
    assert wrote.status == 204
    assert (await robin.get("/me")).json()["data"]["key"]["created_at"] > 0
    assert (await robin.post("/me/key/delete")).location.endswith("/me?done=key-deleted")
    wrote = await robin.send("PUT", "/v1/users/@me/kv/a", {"authorization": key}, body=b"1")
    assert wrote.status == 401
    assert (await robin.get("/me")).json()["data"]["key"] is None


async def test_programs_create_and_delete_a_key(robin: Visitor) -> None:
    """By JSON."""
    created = await robin.send("POST", "/me/key", SAME_ORIGIN)
    assert created.json()["data"]["key"].startswith("grux_")
    assert (await robin.send("DELETE", "/me/key", SAME_ORIGIN)).status == 204


async def test_an_export_is_a_file(robin: Visitor) -> None:
    """Without tokens."""
    await robin.patch(bio="I listen to vinyl.")
    reply = await robin.page("/me/export")
    assert reply.headers["content-disposition"] == f'attachment; filename="grux-{ROBIN}.json"'
    data = reply.json()["data"]
    assert data["user_id"] == str(ROBIN)
    assert data["settings"]["bio"] == "I listen to vinyl."
    assert "access." not in reply.body
    assert "refresh." not in reply.body


async def test_everything_is_erased(here: Site, robin: Visitor) -> None:
    """At Discord as well; the browser is signed out, and no key of the person is left."""
    await robin.patch(bio="I listen to vinyl.")
    await robin.post("/me/key")
    assert here.sim.grants.scopes(str(ROBIN)) != ()
    unsure = await robin.post("/me/erase", confirm="no")
    assert unsure.status == 400
    assert "Nothing was erased" in unsure.body
    reply = await robin.post("/me/erase", confirm="erase")
    assert (reply.status, reply.location) == (303, f"{here.base}/me?done=erased")
    assert robin.cookie() == ""
    assert here.sim.grants.scopes(str(ROBIN)) == ()
    left = [name async for name in here.durable.redis.scan_iter(f"*{ROBIN}*")]
    volatile = [key.encode() for key in (keys.fence(ROBIN), keys.kv_revision(ROBIN))]
    assert [name for name in left if name not in volatile] == []


async def test_discord_is_away_while_everything_is_erased(here: Site, robin: Visitor) -> None:
    """Nothing is left but encrypted tokens, until Discord has revoked them."""
    here.break_discord("/oauth2/token/revoke", 503)
    assert (await robin.send("DELETE", "/me", SAME_ORIGIN)).status == 204
    assert (await robin.get("/me")).status == 401
    assert here.sim.grants.scopes(str(ROBIN)) != ()
    assert await here.accounts.grants.get(ROBIN) is None
    waiting = await here.accounts.grants.revocation(ROBIN)
    assert waiting is not None
    assert b"refresh." not in waiting
    await here.accounts.keeper.revoke_due()
    assert here.sim.grants.scopes(str(ROBIN)) == ()
    assert await here.accounts.grants.revocation(ROBIN) is None


async def test_signing_in_again_drops_a_revocation(here: Site, robin: Visitor) -> None:
    """It would end the new tokens as well."""
    here.break_discord("/oauth2/token/revoke", 503)
    await robin.send("DELETE", "/me", SAME_ORIGIN)
    await robin.sign_in()
    await here.accounts.keeper.revoke_due()
    assert here.sim.grants.scopes(str(ROBIN)) != ()
    assert await here.accounts.keeper.usable_access(ROBIN) is not None


async def test_changes_are_limited(store: Store) -> None:
    """Of each user; reading is not."""
    async with site(store, limits=LimitCounts(changes_per_user=3)) as here, here.visitor() as robin:
        await robin.sign_in()
        for _ in range(3):
            assert (await robin.patch(bio="x")).status == 200
        reply = await robin.patch(bio="y")
        assert reply.status == 429
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert (await robin.get("/me")).status == 200


async def test_answers_allow_no_credentials(robin: Visitor) -> None:
    """A page of another site cannot read them, nor ask whether it may change something."""
    evil = {"origin": "https://evil.example"}
    reply = await robin.get("/me", **evil)
    assert "access-control-allow-credentials" not in reply.headers
    preflight = await robin.send(
        "OPTIONS", "/me", {**evil, "access-control-request-method": "PATCH"}
    )
    assert "PATCH" not in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["allow"] == "GET, HEAD, POST, PATCH, DELETE, OPTIONS"


async def test_other_methods(robin: Visitor) -> None:
    """405, which names those that there are."""
    reply = await robin.send("PUT", "/me", SAME_ORIGIN, json={})
    assert (reply.status, reply.headers["allow"]) == (
        405,
        "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    )
    assert (await robin.send("POST", "/me", SAME_ORIGIN, json={})).status == 400
