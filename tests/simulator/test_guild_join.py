"""Joining a guild with one click: every documented answer."""

from typing import Any

import aiohttp
import pytest

from simulator.guild_join import REFUSALS, Outcome
from simulator.options import Options
from simulator.people import FIRST_GUILDS, FIRST_PERSON, newcomers
from simulator.server import Simulator
from testing.eventually import eventually
from tests.simulator.browser import Browser
from tests.simulator.client import Post, connected

GUILD = FIRST_GUILDS[0]


@pytest.fixture
def newcomer(sim: Simulator) -> str:
    """Somebody who is in no guild."""
    [person] = newcomers(1, 1_784_053_200_000)
    sim.world.people[person.user.id] = person
    return person.user.id


async def consent(browser: Browser, user_id: str, scope: str = "identify guilds.join") -> str:
    """An access token."""
    token: str = (await browser.sign_in(user_id=user_id, scope=scope))["access_token"]
    return token


async def put(
    browser: Browser, user_id: str, access_token: str, guild_id: str = GUILD, **fields: Any
) -> tuple[int, Any]:
    """Add Guild Member, with the bot's token."""
    sim = browser.sim
    async with browser.http.put(
        f"{sim.api_url}/guilds/{guild_id}/members/{user_id}",
        json={"access_token": access_token, **fields},
        headers={"Authorization": f"Bot {sim.token}"},
    ) as response:
        return response.status, await response.json() if response.status != 204 else None


async def test_a_newcomer_joins(browser: Browser, newcomer: str) -> None:
    """201 and the member, GUILD_MEMBER_ADD on the gateway, and 204 the second time."""
    token = await consent(browser, newcomer)
    async with connected(browser.sim) as client:
        await client.start()
        status, member = await put(browser, newcomer, token, nick="Nick")
        assert status == 201
        assert (member["user"]["id"], member["nick"], member["pending"]) == (
            newcomer,
            "Nick",
            False,
        )
        added = await client.until("GUILD_MEMBER_ADD")
        assert (added["guild_id"], added["user"]["id"]) == (GUILD, newcomer)
    assert await put(browser, newcomer, token) == (204, None)


@pytest.mark.parametrize("outcome", sorted(REFUSALS))
async def test_a_refusal_has_its_code(
    browser: Browser, newcomer: str, post: Post, outcome: Outcome
) -> None:
    """And nobody has joined; after `clear` the same attempt succeeds."""
    token = await consent(browser, newcomer)
    await post("set_join", outcome=outcome, user_id=newcomer, guild_id=GUILD)
    status, code, message = REFUSALS[outcome]
    assert await put(browser, newcomer, token) == (status, {"code": code, "message": message})
    assert newcomer not in browser.sim.world.guild(GUILD).members
    assert (await put(browser, newcomer, token, FIRST_GUILDS[1]))[0] == 201
    await post("clear")
    assert (await put(browser, newcomer, token))[0] == 201


@pytest.mark.parametrize("outcome", ["banned", "server_limit", "limited"])
async def test_a_member_is_inside_already(browser: Browser, post: Post, outcome: str) -> None:
    token = await consent(browser, FIRST_PERSON)
    await post("set_join", outcome=outcome)
    assert await put(browser, FIRST_PERSON, token) == (204, None)


async def test_the_token_must_be_of_this_person(browser: Browser, newcomer: str) -> None:
    """Not of another one, not replaced by a refresh, not revoked, and with the scope."""
    invalid = (403, {"code": 50025, "message": "Invalid OAuth2 access token"})
    robin = await consent(browser, FIRST_PERSON)
    assert await put(browser, newcomer, robin) == invalid
    assert await put(browser, "999999999999999999", robin) == invalid
    narrow = await consent(browser, newcomer, "identify")
    assert (await put(browser, newcomer, narrow))[1]["code"] == 50026
    old = await browser.sign_in(user_id=newcomer, scope="guilds.join")
    await browser.token(grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert await put(browser, newcomer, old["access_token"]) == invalid
    fresh = await consent(browser, newcomer)
    browser.sim.grants.remove(newcomer)
    assert await put(browser, newcomer, fresh) == invalid


async def test_the_bot_must_be_in_the_guild(browser: Browser, newcomer: str) -> None:
    token = await consent(browser, newcomer)
    status, answer = await put(browser, newcomer, token, "999999999999999999")
    assert (status, answer["code"]) == (403, 50001)


async def test_only_the_bot_may_add(browser: Browser, newcomer: str) -> None:
    """A person's own token does not do."""
    token = await consent(browser, newcomer)
    async with browser.http.put(
        f"{browser.sim.api_url}/guilds/{GUILD}/members/{newcomer}",
        json={"access_token": token},
        headers={"Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": 1}'])
async def test_a_bad_body_is_named(browser: Browser, newcomer: str, body: bytes) -> None:
    async with browser.http.put(
        f"{browser.sim.api_url}/guilds/{GUILD}/members/{newcomer}",
        data=body,
        headers={"Authorization": f"Bot {browser.sim.token}"},
    ) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50035)


async def test_membership_screening_is_still_to_do(
    browser: Browser, newcomer: str, post: Post
) -> None:
    """The person is inside, and pending."""
    token = await consent(browser, newcomer)
    await post("set_join", outcome="pending", guild_id=GUILD)
    status, member = await put(browser, newcomer, token)
    assert (status, member["pending"]) == (201, True)
    assert browser.sim.world.guild(GUILD).members[newcomer].pending


async def test_a_request_is_let_in_later(browser: Browser, newcomer: str, post: Post) -> None:
    """201 although the person is not inside; they come when somebody lets them in, or never."""
    token = await consent(browser, newcomer)
    await post("set_join", outcome="requested", guild_id=GUILD)
    assert (await put(browser, newcomer, token))[0] == 201
    members = browser.sim.world.guild(GUILD).members
    assert newcomer not in members
    await post("set_join", outcome="requested", guild_id=GUILD, seconds=0)
    assert (await put(browser, newcomer, token))[0] == 201
    await eventually(lambda: newcomer in members)
    assert not members[newcomer].pending


async def test_an_unknown_rule_is_named(post: Post) -> None:
    assert (await post("set_join", outcome="vanished"))["error"]["field"] == "outcome"
    answer = await post("set_join", outcome="banned", guild_id="999999999999999999")
    assert answer["error"]["field"] == "guild_id"


async def test_newcomers_are_an_option() -> None:
    """They are on the consent page, in no guild, and the same in every run."""
    async with Simulator(Options(port=0, rate=0.0, members=5, newcomers=2)) as sim:
        homeless = [person for person in sim.world.people.values() if not person.guilds]
        assert [one.user for one in homeless] == [one.user for one in newcomers(2, 0)]
        assert len({one.user.id for one in homeless}) == 2
        assert all(one.presence.activities for one in homeless)
        async with aiohttp.ClientSession() as http:
            _, page = await Browser(sim, http).open()
    assert all(f'name="user_id" value="{one.user.id}"' in page for one in homeless)
