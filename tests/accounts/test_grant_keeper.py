"""Tokens are refreshed by one process, and the end of a consent erases what came from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from cryptography.fernet import Fernet

from services.api.accounts.discord_answers import DiscordAway
from services.api.accounts.grant_keeper import GrantKeeper, GrantTimings
from services.api.accounts.secret_key import KeyRings
from services.api.accounts.service import AccountService
from shared.redis.grants import GrantStore, StoredGrant
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.accounts.visitor import ROBIN, Site, Visitor, site

OLD_KEY, NEW_KEY = "o" * 32, "n" * 32
OTHER_KEY = Fernet.generate_key()
WEEK_S = 604_800


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Site]:
    async with site(store, secret_key=OLD_KEY) as here:
        yield here


def another_process(here: Site, secret_key: str = OLD_KEY) -> GrantKeeper:
    rings = KeyRings(GrantStore(here.durable), secret_key.split(","))
    return GrantKeeper(here.durable, here.accounts.discord, rings)


async def grant_of(here: Site) -> StoredGrant:
    grant = await here.accounts.grants.get(ROBIN)
    assert grant is not None
    return grant


async def ends_soon(here: Site) -> None:
    """The next check refreshes the tokens."""
    grant = await grant_of(here)
    await here.durable.redis.hset(f"durable:{{{ROBIN}}}:grant", "expires_at", "1")
    assert (await grant_of(here)).tokens == grant.tokens


async def access(here: Site) -> str:
    found = await here.accounts.keeper.known(ROBIN)
    assert found is not None
    return found.access


async def is_gone(here: Site) -> bool:
    """Everything that came from the grant."""
    accounts = here.accounts
    settings = await accounts.user_settings.get(ROBIN)
    return (
        await accounts.grants.get(ROBIN) is None
        and await accounts.connections.get(ROBIN) == []
        and await accounts.session_store.count(ROBIN) == 0
        and settings.connected_accounts == ()
    )


async def test_connections_are_fetched_again(here: Site, robin: Visitor) -> None:
    """Each day: what the person has removed at Discord is gone here."""
    assert await here.accounts.connections.get(ROBIN) != []
    here.sim.accounts.replace(str(ROBIN), None)
    await here.accounts.grants.schedule(ROBIN, 0)
    await here.accounts.keeper.check_due()
    assert await here.accounts.connections.get(ROBIN) == []
    assert await here.accounts.grants.due(0, 10) == []


async def test_tokens_are_refreshed_before_they_end(here: Site, robin: Visitor) -> None:
    """The new pair is stored, and it works."""
    before = await access(here)
    await ends_soon(here)
    await here.accounts.keeper.check(ROBIN)
    assert await access(here) != before
    assert (await here.accounts.discord.signed_in_user(await access(here))).id == ROBIN


async def test_tokens_that_have_ended_are_refreshed(here: Site, robin: Visitor) -> None:
    """Once; the session goes on."""
    here.sim.clock.advance(WEEK_S + 1)
    await here.accounts.keeper.check(ROBIN)
    assert (await here.accounts.discord.signed_in_user(await access(here))).id == ROBIN
    assert (await robin.get("/me")).status == 200


async def test_one_process_refreshes(here: Site, robin: Visitor) -> None:
    """A refresh token works once: a second refresh would end the grant."""
    await ends_soon(here)
    keepers = [here.accounts.keeper, *(another_process(here) for _ in range(7))]
    await asyncio.gather(*(keeper.check(ROBIN) for keeper in keepers))
    assert (await here.accounts.discord.signed_in_user(await access(here))).id == ROBIN
    assert (await robin.get("/me")).status == 200


async def test_a_withdrawn_consent(here: Site, robin: Visitor) -> None:
    """What came from it is erased; what the person wrote stays."""
    connection = (await here.accounts.connections.get(ROBIN))[0].key
    await robin.patch(bio="I listen to vinyl.", connected_accounts=[connection])
    here.sim.grants.remove(str(ROBIN))
    await here.accounts.keeper.check(ROBIN)
    assert await is_gone(here)
    assert (await here.accounts.user_settings.get(ROBIN)).bio == "I listen to vinyl."
    assert (await robin.get("/me")).status == 401


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_discord_is_away(here: Site, robin: Visitor, status: int) -> None:
    """That is no withdrawal. The next check is later."""
    before = await grant_of(here)
    await ends_soon(here)
    here.break_discord("/oauth2/token", status, times=1 if status == 429 else 2)
    await here.accounts.grants.schedule(ROBIN, 0)
    await here.accounts.keeper.check_due()
    assert (await grant_of(here)).tokens == before.tokens
    assert await here.accounts.connections.get(ROBIN) != []
    assert (await robin.get("/me")).status == 200
    assert await here.accounts.grants.due(0, 10) == []
    await here.accounts.keeper.check(ROBIN)
    assert (await grant_of(here)).tokens != before.tokens


async def test_a_refresh_that_failed_after_it_was_done(here: Site, robin: Visitor) -> None:
    """The answer is lost, so the tokens are. It is not taken for a withdrawal at once; the next
    clear answer decides."""
    await ends_soon(here)
    here.break_discord("/oauth2/token", 503, carried_out=True)
    with pytest.raises(DiscordAway):
        await here.accounts.keeper.check(ROBIN)
    assert (await robin.get("/me")).status == 200
    await here.accounts.keeper.check(ROBIN)
    assert await is_gone(here)


async def test_a_token_that_is_refused_for_ever(here: Site, robin: Visitor) -> None:
    """It is refreshed once, not in a circle, and the consent is not taken as withdrawn."""
    here.sim.clock.advance(WEEK_S + 1)
    here.sim.faults.issue_dead_tokens(None)
    before = await grant_of(here)
    await here.accounts.keeper.check(ROBIN)
    assert (await grant_of(here)).tokens != before.tokens
    assert await here.accounts.connections.get(ROBIN) != []
    assert (await robin.get("/me")).status == 200


async def test_a_late_refresh_does_not_bring_a_grant_back(here: Site, robin: Visitor) -> None:
    """The person erases everything while Discord answers: the new tokens are revoked."""
    await ends_soon(here)
    known = await grant_of(here)
    grants = here.accounts.grants
    await here.accounts.keeper.consent_ended(ROBIN)
    assert await grants.replace(ROBIN, known, b"new", 1) == "gone"
    assert await is_gone(here)


async def test_a_new_sign_in_during_a_refresh_counts(here: Site, robin: Visitor) -> None:
    """The refresh finds other tokens, and leaves them."""
    known = await grant_of(here)
    await robin.sign_in()
    newest = await grant_of(here)
    assert await here.accounts.grants.replace(ROBIN, known, b"late", 1) == "outdated"
    assert await grant_of(here) == newest


async def test_keys_are_replaced(here: Site, robin: Visitor) -> None:
    """A grant is encrypted anew at its next check; then the old key is not needed any more."""
    await another_process(here, f"{NEW_KEY},{OLD_KEY}").check(ROBIN)
    assert await another_process(here, NEW_KEY).known(ROBIN) is not None
    assert await another_process(here, OLD_KEY).known(ROBIN) is None


async def test_a_wrong_key_erases_nothing(
    here: Site, robin: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a mistake of one process: the others go on."""
    before = await grant_of(here)
    wrong = another_process(here, NEW_KEY)
    await wrong.check(ROBIN)
    await wrong.check(ROBIN)
    assert await grant_of(here) == before
    said = [one.message for one in caplog.records if one.name.endswith("token_box")]
    assert len(said) == 1
    assert "SECRET_KEY" in said[0]
    await here.accounts.keeper.check(ROBIN)
    assert (await robin.get("/me")).status == 200


async def test_a_revocation_waits_for_the_key(here: Site, robin: Visitor) -> None:
    """A process with a wrong key leaves it to the others; after 40 days no token lives."""
    grants = here.accounts.grants
    sealed = (await grant_of(here)).tokens
    await grants.end(ROBIN, revoke_at_ms=0)
    await another_process(here, NEW_KEY).revoke_due()
    assert await grants.revocation(ROBIN) == sealed
    assert await grants.revocations_due(0, 10) == []
    await here.accounts.keeper.revoke(ROBIN)
    assert await grants.revocation(ROBIN) is None
    assert here.sim.grants.scopes(str(ROBIN)) == ()
    await grants.request_revocation(ROBIN, Fernet(OTHER_KEY).encrypt_at_time(b"old", 1), 0)
    await another_process(here, NEW_KEY).revoke_due()
    assert await grants.revocation(ROBIN) is None


async def test_newer_tokens_that_wait_by_then_are_kept(
    here: Site, robin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh that was under way brings them while Discord is asked to end the older ones, which
    does not end them."""
    grants, asked = here.accounts.grants, here.accounts.discord.revoke
    await grants.end(ROBIN, revoke_at_ms=0)

    async def revoke(token: str) -> None:
        await asked(token)
        await grants.request_revocation(ROBIN, b"newer", 0)

    monkeypatch.setattr(here.accounts.discord, "revoke", revoke)
    await here.accounts.keeper.revoke(ROBIN)
    assert await grants.revocation(ROBIN) == b"newer"
    assert await grants.revocations_due(10**15, 10) == [ROBIN]


async def test_tokens_of_another_user_are_of_no_use(here: Site, robin: Visitor) -> None:
    """Whoever can write to Redis cannot give one user the grant of another."""
    grant = await grant_of(here)
    other = ROBIN + 1
    await here.accounts.grants.store(other, grant, 0)
    assert await here.accounts.keeper.known(other) is None
    assert await here.accounts.keeper.usable_access(other) is None


async def test_checks_run_by_themselves(store: Store) -> None:
    """In the api process, without anything else."""
    quick = GrantTimings(round_interval=0.02)
    async with site(store, timings=quick) as here, here.visitor() as visitor:
        await visitor.sign_in()
        here.sim.grants.remove(str(ROBIN))
        await here.accounts.grants.schedule(ROBIN, 0)
        await eventually_async(lambda: is_gone(here))


async def test_a_wrong_secret_is_not_tried_all_the_time(
    here: Site, robin: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator is told, and nothing is erased."""
    accounts = AccountService(
        here.store,
        here.durable,
        here.accounts.settings,
        GrantTimings(round_interval=0.02, retry=3600.0),
    )
    accounts.discord._client_secret = "wrong"
    await ends_soon(here)
    await here.accounts.grants.schedule(ROBIN, 0)

    def told() -> int:
        found = [one for one in caplog.records if "DISCORD_CLIENT_SECRET" in one.message]
        return len(found)

    async def is_told() -> bool:
        return told() > 0

    async with accounts.running():
        await eventually_async(is_told)
    assert told() == 1
    assert (await robin.get("/me")).status == 200
