"""One-click join: every answer of Discord has its own sentence, and nothing happens unasked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.api.accounts.service import JoinTimings
from shared.redis.store import Fields, Save, Store
from simulator.guild_join import JoinRule, Outcome
from testing.eventually import eventually
from tests.accounts.visitor import SAME_ORIGIN, Site, Visitor, site
from tests.api.golden import GOLDEN

IMPATIENT = JoinTimings(wait=0.05, poll=0.01)


def newcomer(here: Site) -> int:
    """Somebody who is in no server yet."""
    return next(
        int(person.user.id)
        for person in here.sim.world.people.values()
        if not person.guilds and person.user.bot is not True
    )


def guild_id() -> str:
    """The simulator's first server."""
    return "816976062578688017"


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Site]:
    async with site(store, join_timings=IMPATIENT, join_guild_id=guild_id()) as here:
        yield here


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """Signed in, and in no server."""
    async with here.visitor() as visitor:
        await visitor.sign_in(newcomer(here))
        yield visitor


def members(here: Site) -> set[str]:
    return set(here.sim.world.guild(guild_id()).members)


async def show(store: Store, user_id: int) -> None:
    """As the gateway does when it has heard of the member."""
    found = next(iter(GOLDEN.values())).save()
    assert isinstance(found.fields, Fields)
    await store.save([Save(user_id, found.fields, joined=(int(guild_id()),))])


async def test_it_is_offered(here: Site, robin: Visitor) -> None:
    """With the server's name; signing in alone joins nothing."""
    assert "guilds.join" in await robin.to_discord()
    page = (await robin.page()).body
    name = here.sim.world.guild(guild_id()).name
    assert f"Join <bdi>{name}</bdi> and show me" in page
    assert str(newcomer(here)) not in members(here)


async def test_it_is_not_offered_to_members(here: Site, robin: Visitor) -> None:
    """Their card is there already."""
    await show(here.store, newcomer(here))
    assert "and show me" not in (await robin.page()).body


async def test_without_a_server_nothing_is_offered(store: Store) -> None:
    """Nor is the permission asked for."""
    async with site(store) as here, here.visitor() as visitor:
        assert "guilds.join" not in await visitor.to_discord()
        await visitor.sign_in(newcomer(here))
        assert "and show me" not in (await visitor.page()).body
        reply = await visitor.send("POST", "/me/join", SAME_ORIGIN)
        assert (reply.status, reply.json()["error"]["code"]) == (409, "join_failed")


async def test_a_person_joins(store: Store) -> None:
    """The answer waits until the gateway shows them."""
    patient = JoinTimings(poll=0.01, wait=60.0)
    async with (
        site(store, join_timings=patient, join_guild_id=guild_id()) as here,
        here.visitor() as visitor,
    ):
        user_id = newcomer(here)
        await visitor.sign_in(user_id)
        joining = asyncio.create_task(visitor.post("/me/join"))
        await eventually(lambda: str(user_id) in members(here))
        assert not joining.done()
        await show(store, user_id)
        reply = await joining
        assert (reply.status, reply.location) == (303, f"{here.base}/me?done=joined")
        assert "You have joined the server" in (await visitor.page("/me?done=joined")).body


async def test_discord_takes_its_time(here: Site, robin: Visitor) -> None:
    """The person is told that the card comes later; programs too."""
    reply = await robin.post("/me/join")
    assert reply.location.endswith("/me?done=joining")
    again = await robin.send("POST", "/me/join", SAME_ORIGIN)  # a member by now: 204
    assert again.json()["data"] == {"joined": True, "shown": False}


async def test_rules_are_still_to_be_accepted(here: Site, robin: Visitor) -> None:
    """Membership screening, which is in Discord."""
    here.sim.joins.set_rule(None, None, JoinRule("pending"))
    reply = await robin.post("/me/join")
    assert reply.location.endswith("/me?done=join-pending")
    assert "accept its rules" in (await robin.page("/me?done=join-pending")).body


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("server_limit", "as many servers as Discord allows"),
        ("server_full", "The server is full"),
        ("unverified", "verify your account"),
        ("not_verified_yet", "verify your account"),
        ("under_age", "a higher age"),
        ("banned", "banned from this server"),
        ("missing_permission", "Create Invite"),
        ("limited", "does not let your account join servers"),
    ],
)
async def test_discord_refuses(here: Site, robin: Visitor, outcome: Outcome, sentence: str) -> None:
    """Why, and what the person can do."""
    here.sim.joins.set_rule(None, None, JoinRule(outcome))
    page = await robin.post("/me/join")
    assert page.status == 409
    assert sentence in page.body
    reply = await robin.send("POST", "/me/join", SAME_ORIGIN)
    assert sentence in reply.json()["error"]["message"]
    assert str(newcomer(here)) not in members(here)


async def test_a_token_that_has_ended_is_refreshed(here: Site, robin: Visitor) -> None:
    """Discord does not accept it (50025); a new one works."""
    user_id = newcomer(here)
    here.sim.clock.advance(604_801)
    assert (await robin.post("/me/join")).status == 303
    assert str(user_id) in members(here)


async def test_a_withdrawn_consent(here: Site, robin: Visitor) -> None:
    """The person is asked to sign in again."""
    here.sim.grants.remove(str(newcomer(here)))
    reply = await robin.send("POST", "/me/join", SAME_ORIGIN)
    assert reply.status == 409
    assert "sign in again" in reply.json()["error"]["message"]


async def test_discord_is_away(here: Site, robin: Visitor) -> None:
    """503, and the page is there nevertheless."""
    here.break_discord("/guilds", 503, times=None)
    assert (await robin.post("/me/join")).status == 503
    reply = await robin.send("POST", "/me/join", SAME_ORIGIN)
    assert reply.json()["error"]["code"] == "discord_unavailable"
    assert (await robin.page()).status == 200


async def test_who_asked_to_be_shown_is_shown(store: Store) -> None:
    """With CONSENT=asking, the button that says so is the person's word."""
    async with (
        site(store, join_timings=IMPATIENT, join_guild_id=guild_id(), consent="asking") as here,
        here.visitor() as visitor,
    ):
        user_id = newcomer(here)
        await visitor.sign_in(user_id)
        assert not (await here.accounts.user_settings.get(user_id)).opted_in
        await visitor.post("/me/join")
        assert (await here.accounts.user_settings.get(user_id)).opted_in


async def test_who_is_hidden_stays_hidden(here: Site, robin: Visitor) -> None:
    """Joining changes no choice."""
    user_id = newcomer(here)
    await robin.patch(visible=False)
    reply = await robin.send("POST", "/me/join", SAME_ORIGIN)
    assert reply.json()["data"] == {"joined": True, "shown": False}
    assert not (await here.accounts.user_settings.get(user_id)).visible
