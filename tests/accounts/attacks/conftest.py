"""A site on which a victim and an attacker are signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.api.accounts.limits import LimitCounts
from shared.redis.store import Store
from tests.accounts.attacks.victims import other_person
from tests.accounts.visitor import SAME_ORIGIN, Site, Visitor, site


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Site]:
    """Without limits, which would end the attacks before they are refused."""
    many = LimitCounts(sign_ins_per_address=10_000, sign_ins=10_000, changes_per_user=10_000)
    async with site(store, limits=many) as here:
        here.sim.options.rest_limit = here.sim.options.rest_global_limit = 10_000
        yield here


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """Signed in, with settings and a key."""
    async with here.visitor() as visitor:
        await visitor.sign_in()
        await visitor.patch(bio="as before")
        reply = await visitor.send("POST", "/me/key", SAME_ORIGIN)
        assert reply.status == 200, reply.body
        yield visitor


@pytest.fixture
async def mallory(here: Site) -> AsyncIterator[Visitor]:
    """The attacker's own browser, signed in as somebody else."""
    async with here.visitor() as visitor:
        await visitor.sign_in(other_person(here))
        yield visitor
