"""Discord refuses the intents: at the start, and after they have worked."""

from __future__ import annotations

import pytest

from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from tests.e2e.stack import quiet, running


@pytest.mark.parametrize(
    ("portal", "missing"),
    [
        ({"allow_presences": False}, "switch on PRESENCE INTENT; save"),
        ({"allow_members": False}, "switch on SERVER MEMBERS INTENT; save"),
        (
            {"allow_presences": False, "allow_members": False},
            "switch on PRESENCE INTENT and SERVER MEMBERS INTENT; save",
        ),
    ],
)
async def test_missing_intents_are_a_clear_error(portal: dict[str, bool], missing: str) -> None:
    """Close code 4014: the error says which intent to switch on, no other, and where."""
    async with running(quiet(**portal), services=()) as stack:
        gateway = await stack.start("gateway")
        assert await gateway.ended() == 1
        assert missing in "\n".join(gateway.lines)


async def test_an_intent_that_worked_and_is_gone_has_its_own_error() -> None:
    """The operator learns that it is no mistake of the first start, and what is shown meanwhile."""
    async with running(quiet(), services=("gateway",)) as stack:
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await eventually_async(store.any_user)  # the session has begun before
        stack.simulator.options.allow_presences = False
        stack.simulator.drop("invalid")
        gateway = stack.processes["gateway"]
        assert await gateway.ended() == 1
        said = "\n".join(gateway.lines)
        assert "worked before: PRESENCE INTENT is switched off now" in said
