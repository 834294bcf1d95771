"""REST answers, checked against Discord's own OpenAPI description."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from simulator import BOT_ID, catalogue
from simulator.model import User
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing import samples
from tests.simulator.client import connected, quiet

GUILD = FIRST_GUILDS[0]


@pytest.fixture
async def http(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the right token."""
    headers = {"Authorization": f"Bot {sim.token}"}
    async with aiohttp.ClientSession(f"{sim.api_url}/", headers=headers) as session:
        yield session


def check(answer: Any, schema: dict[str, Any]) -> None:
    """Raise unless ``answer`` is what the OpenAPI's ``schema`` describes."""
    components = samples.read("discord-openapi.json")["components"]
    Draft202012Validator({**schema, "components": components}).validate(answer)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("gateway", "/gateway"),
        ("gateway/bot", "/gateway/bot"),
        ("users/@me", "/users/@me"),
        ("users/@me/guilds", "/users/@me/guilds"),
        ("users/@me/guilds?with_counts=true&limit=1&after=0", "/users/@me/guilds"),
        (f"users/{FIRST_PERSON}", "/users/{user_id}"),
        (f"users/{BOT_ID}", "/users/{user_id}"),
        ("applications/@me", "/applications/@me"),
        ("oauth2/applications/@me", "/oauth2/applications/@me"),
        (f"guilds/{GUILD}", "/guilds/{guild_id}"),
        (f"guilds/{GUILD}?with_counts=true", "/guilds/{guild_id}"),
        (f"guilds/{GUILD}/members?limit=1000", "/guilds/{guild_id}/members"),
        (f"guilds/{GUILD}/members/search?query=r", "/guilds/{guild_id}/members/search"),
        (f"guilds/{GUILD}/members/{FIRST_PERSON}", "/guilds/{guild_id}/members/{user_id}"),
    ],
)
async def test_answers_fit_the_openapi(
    http: aiohttp.ClientSession, path: str, template: str
) -> None:
    """The answer validates, and the rate-limit headers are there and are numbers."""
    async with http.get(path) as response:
        assert response.status == 200
        answer = await response.json()
    described = samples.read("discord-openapi.json")["paths"][template]["get"]["responses"]["200"]
    check(answer, described["content"]["application/json"]["schema"])
    for name in described["headers"]:
        assert response.headers[name]
    assert float(response.headers["X-RateLimit-Reset-After"]) <= 10
    assert response.content_type == "application/json"


async def test_every_person_fits_the_openapi(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """Whatever a seed draws is a user, with every key that a bot sees."""
    wanted = {user["id"]: user["user"] for user in samples.read("user-samples.json")["users"]}[
        "U01"
    ]
    sim.options.rest_limit = 1000
    for user_id in sim.world.people:
        async with http.get(f"users/{user_id}") as response:
            answer = await response.json()
        check(answer, {"$ref": "#/components/schemas/UserResponse"})
        assert wanted.keys() <= answer.keys()


@pytest.mark.parametrize("token", [None, "Bot wrong", "wrong", "Bearer wrong"])
async def test_without_the_token_there_is_401(sim: Simulator, token: str | None) -> None:
    """No, or another, Authorization gets Discord's body."""
    headers = {} if token is None else {"Authorization": token}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{sim.api_url}/users/@me") as response,
    ):
        assert response.status == 401
        assert await response.json() == {"message": "401: Unauthorized", "code": 0}


async def test_some_routes_need_no_token(sim: Simulator) -> None:
    """/gateway, applications' rpc and the detectable games are open."""
    game = catalogue.GAMES[0]
    async with aiohttp.ClientSession() as http:
        for path in ("gateway", f"applications/{game.application_id}/rpc", "games/detectable"):
            async with http.get(f"{sim.api_url}/{path}") as response:
                assert response.status == 200


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("users/999999999999999999", 404, 10013, "Unknown User"),
        ("guilds/999999999999999999", 404, 10004, "Unknown Guild"),
        (f"guilds/{GUILD}/members/999999999999999999", 404, 10013, "Unknown User"),
        ("applications/999999999999999999/rpc", 404, 10002, "Unknown Application"),
        ("nothing/here", 404, 0, "404: Not Found"),
        (f"users/{FIRST_PERSON}/profile", 403, 20001, "Bots cannot use this endpoint"),
        ("users/abc", 400, 50035, "Invalid Form Body"),
        (f"guilds/{GUILD}/members?limit=0", 400, 50035, "Invalid Form Body"),
    ],
)
async def test_errors_have_discords_bodies(
    http: aiohttp.ClientSession, path: str, status: int, code: int, message: str
) -> None:
    """Status, code and message are Discord's, and fit the OpenAPI's error."""
    async with http.get(path) as response:
        answer = await response.json()
        assert (response.status, answer["code"], answer["message"]) == (status, code, message)
    # Inner errors have words for codes (reference, "Error Messages"); the OpenAPI says integers.
    answer.pop("errors", None)
    check(answer, {"$ref": "#/components/schemas/ErrorResponse"})


async def test_applications_have_the_samples_keys(sim: Simulator) -> None:
    """With an icon and without one."""
    wanted = samples.read("gateway-event-samples.json")["rest"]["GET /applications/:id/rpc 200"]
    icons = set()
    async with aiohttp.ClientSession() as http:
        for game in catalogue.GAMES:
            async with http.get(
                f"{sim.api_url}/applications/{game.application_id}/rpc"
            ) as response:
                answer = await response.json()
            assert wanted.keys() == answer.keys()
            assert answer["id"] == game.application_id
            icons.add(answer["icon"])
    assert None in icons
    assert len(icons) > 2


async def test_a_wrong_method_is_405(http: aiohttp.ClientSession) -> None:
    """POST where only GET is."""
    async with http.post("gateway/bot") as response:
        assert response.status == 405
        assert (await response.json())["message"] == "405: Method Not Allowed"


async def test_a_known_user_of_another_guild_is_an_unknown_member(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    """10007 for a user who is not in the guild."""
    sim.world.remove_member(GUILD, FIRST_PERSON)
    async with http.get(f"guilds/{GUILD}/members/{FIRST_PERSON}") as response:
        assert await response.json() == {"message": "Unknown Member", "code": 10007}


async def test_a_route_is_limited(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """Remaining counts down; then 429 with body and headers; another route is free."""
    sim.options.rest_limit = 3
    for remaining in (2, 1, 0):
        async with http.get(f"users/{FIRST_PERSON}") as response:
            assert response.status == 200
            assert response.headers["X-RateLimit-Limit"] == "3"
            assert response.headers["X-RateLimit-Remaining"] == str(remaining)
    async with http.get(f"users/{BOT_ID}") as response:
        assert response.status == 429
        answer = await response.json()
        check(answer | {"code": 0}, {"$ref": "#/components/schemas/RatelimitedResponse"})
        assert answer["global"] is False
        assert 0 < answer["retry_after"] <= 10
        assert int(response.headers["Retry-After"]) >= answer["retry_after"]
        assert response.headers["X-RateLimit-Scope"] == "user"
        assert response.headers["X-RateLimit-Remaining"] == "0"
    async with http.get("users/@me") as response:
        assert response.status == 200


async def test_everything_together_is_limited(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """Too many requests a second, over all routes: the global 429."""
    sim.options.rest_global_limit = 2
    statuses = []
    for path in ("users/@me", "gateway/bot", "applications/@me"):
        async with http.get(path) as response:
            statuses.append(response.status)
            answer = await response.json()
            headers = response.headers
    assert statuses == [200, 200, 429]
    assert answer["global"] is True
    assert headers["X-RateLimit-Global"] == "true"
    assert headers["X-RateLimit-Scope"] == "global"


async def test_session_starts_are_counted_down(http: aiohttp.ClientSession, sim: Simulator) -> None:
    """Each Identify takes one from what /gateway/bot says remains."""
    async with http.get("gateway/bot") as response:
        before = await response.json()
    async with connected(sim) as client:
        await client.start()
    async with http.get("gateway/bot") as response:
        after = await response.json()
    assert before["url"] == sim.gateway_url
    assert before["session_start_limit"]["remaining"] == 1000
    assert after["session_start_limit"]["remaining"] == 999
    assert after["session_start_limit"]["reset_after"] <= 86_400_000


async def test_members_come_in_pages(http: aiohttp.ClientSession, sim: Simulator) -> None:
    """``after`` goes on where the last page ended, by id."""
    found: list[str] = []
    after = "0"
    while True:
        async with http.get(f"guilds/{GUILD}/members?limit=4&after={after}") as response:
            page = [member["user"]["id"] for member in await response.json()]
        if not page:
            break
        found += page
        after = page[-1]
    assert found == sorted(sim.world.guild(GUILD).members, key=int)


async def test_members_need_the_intent() -> None:
    """With GUILD_MEMBERS off in the portal the list is refused."""
    async with Simulator(quiet(allow_members=False)) as sim:
        headers = {"Authorization": f"Bot {sim.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{sim.api_url}/guilds/{GUILD}/members") as response,
        ):
            assert (await response.json())["code"] == 50001


async def test_a_change_is_seen_at_once(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """REST shows what the world is now."""
    sim.world.add_member(GUILD, User(id="574461543710720003", username="newbie"))
    sim.world.update_user("574461543710720003", accent_color=0)
    async with http.get("users/574461543710720003") as response:
        answer = await response.json()
    assert answer["accent_color"] == 0
    assert "bot" not in answer


async def test_my_guilds_come_in_pages(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """By id, forwards and backwards, with counts where they are asked for."""
    first, second = sorted(sim.world.guilds, key=int)

    async def page(query: str) -> list[dict[str, Any]]:
        async with http.get(f"users/@me/guilds?{query}") as response:
            found: list[dict[str, Any]] = await response.json()
        return found

    assert [guild["id"] for guild in await page("")] == [first, second]
    assert [guild["id"] for guild in await page("limit=1")] == [first]
    assert [guild["id"] for guild in await page(f"after={first}")] == [second]
    assert [guild["id"] for guild in await page(f"limit=1&before={int(second) + 1}")] == [second]
    (counted,) = await page("limit=1&with_counts=true")
    assert counted["approximate_member_count"] == len(sim.world.guilds[first].members)
    assert "approximate_member_count" not in (await page("limit=1"))[0]
