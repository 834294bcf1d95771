"""Tokens over HTTP: how a client gets them, what they open, and how they end."""

from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from simulator import BOT_ID, DEFAULT_CLIENT_SECRET
from simulator.connected_accounts import some_accounts
from simulator.people import FIRST_GUILDS, FIRST_PERSON, some_population
from simulator.server import Simulator
from testing import samples
from tests.simulator.browser import CALLBACK, VERIFIER, Browser, Headers, basic
from tests.simulator.client import Post, quiet


def fits(answer: Any, schema: str) -> None:
    components = samples.read("discord-openapi.json")["components"]
    reference = {"$ref": f"#/components/schemas/{schema}", "components": components}
    Draft202012Validator(reference).validate(answer)


async def test_tokens_have_discords_shape(browser: Browser) -> None:
    """At sign-in and after a refresh."""
    first = await browser.sign_in()
    refreshed = await browser.token(
        grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert refreshed[0] == 200
    for answer in (first, refreshed[1]):
        assert answer.keys() == {
            "token_type",
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
        }
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 604_800)
        assert answer["scope"] == "identify connections"


async def test_the_client_may_send_its_secret_as_fields(browser: Browser) -> None:
    fields = {
        "client_id": BOT_ID,
        "client_secret": browser.sim.options.client_secret,
        "grant_type": "authorization_code",
        "code": await browser.code(),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    async with browser.http.post(f"{browser.sim.api_url}/oauth2/token", data=fields) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
    ],
)
async def test_refusals_are_of_the_rfc(
    browser: Browser, form: dict[str, str], status: int, error: str
) -> None:
    found, answer = await browser.token(**form)
    assert (found, answer["error"]) == (status, error)
    assert "code" not in answer


@pytest.mark.parametrize(
    "client",
    [
        basic("1", DEFAULT_CLIENT_SECRET),
        basic(BOT_ID, "wrong"),
        basic(BOT_ID, ""),
        {"Authorization": "Basic nonsense"},
        {"Authorization": "Bearer x"},
    ],
)
async def test_the_client_must_prove_itself(browser: Browser, client: Headers) -> None:
    """On both routes; a code survives it."""
    code = await browser.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert await browser.token(client, **form) == (401, {"error": "invalid_client"})
    async with browser.http.post(
        f"{browser.sim.api_url}/oauth2/token/revoke", data={"token": "x"}, headers=client
    ) as response:
        assert response.status == 401
    assert (await browser.token(**form, code_verifier=VERIFIER))[0] == 200


@pytest.mark.parametrize("path", ["token", "token/revoke"])
async def test_json_is_refused(browser: Browser, path: str) -> None:
    async with browser.http.post(
        f"{browser.sim.api_url}/oauth2/{path}",
        json={"grant_type": "refresh_token", "refresh_token": "x", "token": "x"},
        headers=browser.client,
    ) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


async def test_a_revocation_is_final(browser: Browser) -> None:
    tokens = await browser.sign_in()
    for _ in range(2):  # an unknown token is no error
        async with browser.http.post(
            f"{browser.sim.api_url}/oauth2/token/revoke",
            data={"token": tokens["refresh_token"], "token_type_hint": "refresh_token"},
            headers=browser.client,
        ) as response:
            assert (response.status, await response.json()) == (200, {})
    status, answer = await browser.get("/users/@me", tokens["access_token"])
    assert (status, answer) == (401, {"message": "401: Unauthorized", "code": 0})
    assert await browser.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    ) == (
        400,
        {"error": "invalid_grant", "error_description": 'Invalid "refresh_token" in request.'},
    )


async def test_a_bearer_reads_who_it_is(browser: Browser) -> None:
    """As the OpenAPI describes it, and without e-mail."""
    token = (await browser.sign_in())["access_token"]
    status, user = await browser.get("/users/@me", token)
    assert (status, user["id"]) == (200, FIRST_PERSON)
    assert "email" not in user
    fits(user, "UserPIIResponse")
    status, answer = await browser.get("/oauth2/@me", token)
    assert status == 200
    fits(answer, "OAuth2GetAuthorizationResponse")
    assert (answer["scopes"], answer["user"]["id"]) == (["connections", "identify"], FIRST_PERSON)


async def test_scopes_open_routes(browser: Browser) -> None:
    """What was not granted looks like a dead token."""
    path = f"/users/@me/guilds/{FIRST_GUILDS[0]}/member"
    wide = (await browser.sign_in(scope="guilds.members.read email identify"))["access_token"]
    status, member = await browser.get(path, wide)
    assert (status, member["user"]["id"]) == (200, FIRST_PERSON)
    assert (await browser.get("/users/@me", wide))[1]["verified"] is True
    assert (await browser.get(path.replace(FIRST_GUILDS[0], "999"), wide))[0] == 404
    narrow = (await browser.sign_in(scope="connections"))["access_token"]
    for closed in (path, "/users/@me"):
        assert (await browser.get(closed, narrow))[0] == 401
    assert "user" not in (await browser.get("/oauth2/@me", narrow))[1]
    assert (await browser.get("/users/@me/connections", wide))[0] == 401


async def test_a_bearer_is_no_bot(browser: Browser) -> None:
    """And the bot is no bearer."""
    token = (await browser.sign_in())["access_token"]
    for path in ("/gateway/bot", f"/users/{FIRST_PERSON}", "/applications/@me"):
        assert (await browser.get(path, token))[0] == 401
    headers = {"Authorization": f"Bot {browser.sim.token}"}
    for path in ("/users/@me/connections", "/oauth2/@me"):
        async with browser.http.get(browser.sim.api_url + path, headers=headers) as response:
            assert response.status == 401


async def test_each_person_has_their_own_limits(browser: Browser) -> None:
    robin = (await browser.sign_in())["access_token"]
    other = next(
        person.user.id
        for person in browser.sim.world.people.values()
        if person.user.bot is not True and person.user.id != FIRST_PERSON
    )
    second = (await browser.sign_in(user_id=other))["access_token"]
    browser.sim.options.rest_limit = 1
    statuses = [(await browser.get("/users/@me", token))[0] for token in (robin, robin, second)]
    assert statuses == [200, 429, 200]


async def test_connections_are_of_every_kind(browser: Browser) -> None:
    """Hidden, revoked, unverified, unknown, without a name, two of a kind; the rest is in order."""
    token = (await browser.sign_in())["access_token"]
    status, found = await browser.get("/users/@me/connections", token)
    assert status == 200
    assert {one["visibility"] for one in found} == {0, 1, 2}
    assert {one["verified"] for one in found} == {True, False}
    assert {one.get("revoked") for one in found} == {True, False, None}
    kinds = [one["type"] for one in found]
    assert len(kinds) > len(set(kinds))
    assert "newservice" in kinds
    assert None in {one["name"] for one in found}


async def test_connections_can_be_replaced(browser: Browser, post: Post) -> None:
    """By anything that Discord could answer."""
    token = (await browser.sign_in())["access_token"]
    for connections in ([{"type": "steam"}], [], None):
        await post("set_connections", user_id=FIRST_PERSON, connections=connections)
        assert await browser.get("/users/@me/connections", token) == (200, connections)
    assert (await post("set_connections", user_id="999999999999999999", connections=[]))[
        "status"
    ] == 400


def test_connections_of_others_are_repeatable() -> None:
    """Some people have none; most of what they have may be shown, and not all."""
    users = [person.user for person in some_population(300, 1_784_053_200_000, 5)]
    drawn = [some_accounts(user) for user in users]
    assert drawn == [some_accounts(user) for user in users]
    assert None in drawn
    assert [] in drawn
    accounts = [one for found in drawn for one in found or ()]
    shown = sum(one["visibility"] == 1 and one["verified"] for one in accounts)
    assert 0.5 < shown / len(accounts) < 0.9


async def test_tokens_age(browser: Browser, post: Post) -> None:
    """By a control command, so that no test waits."""
    tokens = await browser.sign_in()
    code = await browser.code()
    await post("pass_time", seconds=100)
    form = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    status, answer = await browser.token(grant_type="authorization_code", code=code, **form)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert (await browser.get("/users/@me", tokens["access_token"]))[0] == 200
    await post("pass_time", seconds=604_800)
    assert (await browser.get("/users/@me", tokens["access_token"]))[0] == 401


async def test_the_person_removes_the_application(browser: Browser, post: Post) -> None:
    tokens = await browser.sign_in()
    assert (await post("remove_app", user_id=FIRST_PERSON))["granted"] is True
    assert (await browser.get("/users/@me", tokens["access_token"]))[0] == 401
    assert (await post("remove_app", user_id=FIRST_PERSON))["granted"] is False


async def test_a_token_is_dead_for_ever(browser: Browser, post: Post) -> None:
    """401 although it was just issued; the next one works."""
    await post("issue_dead_tokens", times=1)
    dead = await browser.sign_in()
    assert (await browser.get("/oauth2/@me", dead["access_token"]))[0] == 401
    _, alive = await browser.token(grant_type="refresh_token", refresh_token=dead["refresh_token"])
    assert (await browser.get("/oauth2/@me", alive["access_token"]))[0] == 200
    await post("issue_dead_tokens")
    await post("clear")
    assert not browser.sim.faults.take_dead_token()


async def test_the_token_route_is_limited_without_headers(browser: Browser, post: Post) -> None:
    """Only Discord's body and Retry-After say so."""
    await post("break_rest", prefix="/oauth2/token", status=429, retry_after=2.5, times=1)
    status, answer = await browser.token(grant_type="refresh_token", refresh_token="x")
    assert status == 429
    assert answer == {
        "message": "You are being rate limited.",
        "retry_after": 2.5,
        "global": False,
    }


async def test_a_failed_answer_may_hide_a_rotation(browser: Browser, post: Post) -> None:
    """502, and yet the old refresh token is used up."""
    tokens = await browser.sign_in()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    await post("break_rest", prefix="/oauth2/token", status=502, carried_out=True, times=1)
    async with browser.http.post(
        f"{browser.sim.api_url}/oauth2/token", data=form, headers=browser.client
    ) as response:
        assert response.status == 502
    assert (await browser.token(**form))[1]["error"] == "invalid_grant"


async def test_the_application_lists_its_redirect_uris() -> None:
    """They are an option."""
    async with Simulator(quiet(redirect_uris="https://a.example/x, https://b.example/y")) as sim:
        headers = {"Authorization": f"Bot {sim.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{sim.api_url}/applications/@me") as response,
        ):
            answer = await response.json()
    assert answer["redirect_uris"] == ["https://a.example/x", "https://b.example/y"]
