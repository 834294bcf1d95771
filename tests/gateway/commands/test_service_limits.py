"""What a service does when there is too much to do, and when answers do not reach Discord."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from prometheus_client import REGISTRY

from services.gateway.commands.callbacks import AnswerLost, Callbacks, CallbackTimings
from services.gateway.commands.interaction import UserInteraction, read
from services.gateway.commands.replies import Reply
from shared.commands.texts import ENGLISH
from shared.net.http_client import HttpClient
from simulator.faults import RestFault
from simulator.people import FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import eventually
from tests.gateway.commands.service_fixture import (
    CALM,
    SLOW,
    HeldSettings,
    Use,
    seen,
)


def counted(outcome: str) -> float:
    """What /metrics says."""
    name = "grux_gateway_interactions_total"
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


async def test_one_person_cannot_occupy_the_bot(sim: Simulator, answering: Any, use: Use) -> None:
    """Too many commands are told so; still more are not answered."""
    limits = msgspec.structs.replace(CALM, workers=1, per_minute=1, ignored_per_minute=2)
    async with answering(limits) as service:
        sent = [use("erase") for _ in range(3)]
        for used in sent:
            service.offer(used.event)
        other = next(one for one in sim.world.people if one != FIRST_PERSON)
        options = [{"name": "erase", "type": 1}]
        last = sim.interactions.use_command(other, "grux", options)
        service.offer(last.event)
        assert (await seen(sim, last))["content"] == ENGLISH.data.erase
    contents = [used.message and used.message["content"] for used in sent]
    assert contents == [ENGLISH.data.erase, ENGLISH.problems.too_many, None]


async def test_a_busy_gateway_says_so(
    sim: Simulator, answering: Any, use: Use, held: HeldSettings
) -> None:
    """What has waited is not begun any more, and what would be late is not answered at all."""
    for limits, content in (
        (msgspec.structs.replace(CALM, workers=1, busy_after_s=-1.0), ENGLISH.problems.busy),
        (msgspec.structs.replace(CALM, workers=1, first_answer_s=-1.0), None),
    ):
        async with answering(limits) as service:
            used = use("hide", what="spotify")
            service.offer(used.event)
            await eventually(lambda service=service: service.idle)  # type: ignore[misc]
            assert (used.message and used.message["content"]) == content
    assert held.asked == 0


async def test_the_queue_is_bounded(
    sim: Simulator, answering: Any, use: Use, held: HeldSettings
) -> None:
    """What does not fit is left out; what fits is answered."""
    held.may_go_on.clear()
    dropped_before = counted("dropped")
    limits = msgspec.structs.replace(CALM, workers=1, max_queued=1)
    async with answering(limits) as service:
        first, second, third = (use("hide", what="clan") for _ in range(3))
        service.offer(first.event)
        await eventually(lambda: held.asked)  # the worker has taken it
        service.offer(second.event)
        service.offer(third.event)
        held.may_go_on.set()
        await seen(sim, second)
        await eventually(lambda: service.idle)
    assert third.answer_type is None
    assert counted("dropped") == dropped_before + 1


async def test_nothing_is_changed_before_discord_has_taken_the_answer(
    sim: Simulator, answering: Any, use: Use, held: HeldSettings
) -> None:
    """An answer that fails is not repeated: whether it was taken is not known."""
    sim.faults.add_rest(RestFault(prefix="/interactions", status=500))
    async with answering() as service:
        used = use("hide", what="everything")
        service.offer(used.event)
        await eventually(lambda: sim.stats.rest_by_status[500])
        await eventually(lambda: service.idle)
    assert held.asked == 0
    assert sim.stats.rest_by_status[500] == 1


async def test_what_was_done_is_told_at_the_second_attempt(
    sim: Simulator, answering: Any, use: Use
) -> None:
    """A new key cannot be asked for again."""
    sim.faults.add_rest(RestFault(prefix="/webhooks", status=503, times=1))
    sim.faults.add_rest(RestFault(prefix="/webhooks", status=429, retry_after=0.01, times=1))
    async with answering() as service:
        used = use("key")
        service.offer(used.event)
        assert (await seen(sim, used))["content"] == ENGLISH.key.none


class LossyCallbacks(Callbacks):
    """Discord takes the first answer, and its response is lost."""

    async def defer(self, asked: UserInteraction, timeout_s: float) -> None:
        await super().defer(asked, timeout_s)
        raise AnswerLost("timeout")


async def test_an_answer_that_may_be_lost_is_explained(
    sim: Simulator, answering: Any, use: Use, held: HeldSettings
) -> None:
    """Nothing is changed, and the person is not left waiting."""
    async with answering(callbacks=LossyCallbacks) as service:
        used = use("hide", what="everything")
        service.offer(used.event)
        assert (await seen(sim, used))["content"] == ENGLISH.problems.busy
    assert held.asked == 0


async def test_an_edit_waits_for_an_answer_that_is_on_its_way(sim: Simulator, use: Use) -> None:
    """Until it has come there is nothing to edit."""
    used = use("hide")
    async with HttpClient(timeout_s=None, max_body_bytes=1 << 20) as http:
        timings = CallbackTimings(edit_pause_s=0.001, edit_attempts=1_000_000)
        callbacks = Callbacks(http, sim.api_url, timings)
        edit = asyncio.create_task(callbacks.edit(read(used.event), Reply(content="Done")))
        await eventually(lambda: sim.stats.rest_by_status[404])
        await sim.interactions.answer(used.id, used.token, {"type": SLOW, "data": {"flags": 64}})
        assert (await seen(sim, used))["content"] == "Done"
        await edit


async def test_what_is_not_for_grux_is_not_answered(
    sim: Simulator, answering: Any, use: Use
) -> None:
    """Other software may use the same bot."""
    async with answering() as service:
        used = use("hide")
        for change in (
            {"data": {"name": "other", "options": []}},
            {"type": 3, "data": {"custom_id": "other:thing", "component_type": 2}},
            {"type": 9},
            {"type": 1},
        ):
            service.offer({**used.event, **change})
        assert service.idle
    assert sim.stats.rest_by_route["POST /interactions/{interaction_id}/{token}/callback"] == 0
