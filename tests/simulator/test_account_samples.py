"""The simulator answers as the samples of Discord's answers do: same keys, same errors."""

from typing import Any

import msgspec
import pytest

from simulator.people import FIRST_GUILDS, FIRST_PERSON, newcomers
from simulator.server import Simulator
from simulator.webhook_events import event_user
from testing import samples
from tests.simulator.browser import CALLBACK, VERIFIER, Browser, basic


@pytest.fixture(scope="module")
def documented() -> Any:
    return samples.read("oauth-and-interaction-samples.json")


async def test_what_a_bearer_reads(browser: Browser, documented: Any) -> None:
    """The tokens, who they are of, and the accounts."""
    oauth2 = documented["oauth2"]
    tokens = await browser.sign_in(scope="identify connections guilds.join")
    assert tokens.keys() == oauth2["token_answer"]["body"].keys()
    assert tokens["scope"] == oauth2["token_answer"]["body"]["scope"]
    _, authorization = await browser.get("/oauth2/@me", tokens["access_token"])
    wanted = oauth2["oauth2_me"]["body"]
    assert authorization.keys() == wanted.keys()
    assert authorization["user"].keys() == wanted["user"].keys()
    assert wanted["application"].keys() <= {*authorization["application"], "bot_public"}
    assert authorization["scopes"] == wanted["scopes"]
    _, user = await browser.get("/users/@me", tokens["access_token"])
    assert oauth2["users_me"]["body"].keys() <= user.keys()
    _, connections = await browser.get("/users/@me/connections", tokens["access_token"])
    keys = {frozenset(one) for one in documented["connections"]["body"]}
    cases = [case["item"] for case in documented["connections"]["edge_cases"]]
    keys |= {frozenset(case) for case in cases if isinstance(case, dict)}
    assert {frozenset(one) for one in connections} <= keys


async def test_errors_are_the_documented_ones(browser: Browser, documented: Any) -> None:
    """Status and body."""
    oauth2 = documented["oauth2"]
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    for case, client, fields in (
        ("refresh_error", None, {"grant_type": "refresh_token", "refresh_token": "x"}),
        ("code_error", None, {**form, "code": "x", "code_verifier": VERIFIER}),
        ("verifier_error", None, {**form, "code": "x", "code_verifier": "short"}),
        ("client_error", basic("1", "x"), form),
    ):
        wanted = oauth2[case]
        assert await browser.token(client, **fields) == (wanted["status"], wanted["body"]), case
    wanted = oauth2["bearer_refused"]
    assert await browser.get("/users/@me", "x") == (wanted["status"], wanted["body"])


async def test_joining(browser: Browser, sim: Simulator, documented: Any) -> None:
    """The member that 201 answers with."""
    [person] = newcomers(1, 0)
    sim.world.people[person.user.id] = person
    token = (await browser.sign_in(user_id=person.user.id, scope="guilds.join"))["access_token"]
    async with browser.http.put(
        f"{sim.api_url}/guilds/{FIRST_GUILDS[0]}/members/{person.user.id}",
        json={"access_token": token},
        headers={"Authorization": f"Bot {sim.token}"},
    ) as response:
        member = await response.json()
    answers = documented["guild_join"]["answers"]
    wanted = next(case["body"] for case in answers if case["case"] == "added")
    assert wanted.keys() <= member.keys()
    assert wanted["user"].keys() <= member["user"].keys()


def test_webhook_events_name_users_alike(sim_user: Any, documented: Any) -> None:
    """As in a captured APPLICATION_DEAUTHORIZED."""
    requests = documented["webhook_events"]["requests"]
    bodies = [msgspec.json.decode(one["body"]) for one in requests if one["case"] == "valid"]
    assert bodies[0]["event"]["data"]["user"].keys() == event_user(sim_user).keys()


@pytest.fixture
def sim_user(sim: Simulator) -> Any:
    return sim.world.person(FIRST_PERSON).user
