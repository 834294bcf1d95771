"""Interactions are answered once and in time, by one of several processes, whatever Redis does."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from services.gateway.commands import commands as names
from services.gateway.commands import panel, profile_form
from services.gateway.commands.callbacks import Callbacks
from services.gateway.commands.commands import CommandStores
from services.gateway.commands.interaction import UserInteraction
from shared.commands.texts import ENGLISH, LANGUAGES
from shared.model.user_settings import patched
from simulator.server import Simulator
from testing.eventually import PATIENCE, eventually
from tests.gateway.commands.service_fixture import (
    CALM,
    ROBIN,
    SLOW,
    HeldSettings,
    Use,
    seen,
)


async def test_commands_are_answered_in_the_language_of_the_person(
    sim: Simulator, answering: Any, use: Use
) -> None:
    """Nobody else sees the answer, and a button of it works."""
    async with answering() as service:
        used = use("hide", "de", what="spotify")
        service.offer(used.event)
        message = await seen(sim, used)
        assert LANGUAGES["de"].state.saved in message["content"]
        pressed = sim.interactions.use_component(used, panel.VISIBLE_OFF)
        service.offer(pressed.event)
        message = await seen(sim, pressed)
        assert LANGUAGES["de"].state.hidden in message["content"]
        assert message is used.message  # it was changed, and not a second one sent


async def test_two_processes_answer_once(
    sim: Simulator, answering: Any, use: Use, stores: CommandStores
) -> None:
    """Both get the event: one key is made, and it is the one that is shown."""
    async with answering() as first, answering() as second:
        used = use("key")
        first.offer(used.event)
        await seen(sim, used)
        pressed = sim.interactions.use_component(used, names.KEY_NEW)
        for service in (first, second):
            service.offer(pressed.event)
        message = await seen(sim, pressed)
        await eventually(lambda: pressed.refusals)
        assert pressed.refusals == ["40060 answered before"]
        key = message["content"].split("`")[1]
        assert await stores.keys.owner(key.encode()) == ROBIN


async def test_a_replayed_event_changes_nothing(
    sim: Simulator, answering: Any, use: Use, stores: CommandStores
) -> None:
    """What the person has chosen since then stays."""
    async with answering() as first:
        old = use("hide", what="everything")
        first.offer(old.event)
        await seen(sim, old)
        new = use("show")
        first.offer(new.event)
        await seen(sim, new)
    async with answering() as second:  # after a restart
        second.offer(old.event)
        await eventually(lambda: old.refusals)
        after = use("links")
        second.offer(after.event)
        await seen(sim, after)
    assert (await stores.settings.get(ROBIN)).visible


async def test_the_last_choice_counts(
    sim: Simulator, answering: Any, use: Use, stores: CommandStores
) -> None:
    """Also where Discord takes longer for the first answer to an earlier command."""
    deferred, may_go_on = list[UserInteraction](), asyncio.Event()

    class SlowAtFirst(Callbacks):
        async def defer(self, asked: UserInteraction, timeout_s: float) -> None:
            deferred.append(asked)
            if len(deferred) == 1:
                await may_go_on.wait()
            await super().defer(asked, timeout_s)

    async with answering(callbacks=SlowAtFirst) as service:
        show, hide = use("show"), use("hide", what="everything")
        service.offer(show.event)
        service.offer(hide.event)
        await eventually(lambda: hide.answer_type == SLOW)
        may_go_on.set()
        for one in (show, hide):
            await seen(sim, one)
    assert not (await stores.settings.get(ROBIN)).visible
    assert service._last == {}


async def test_an_event_that_comes_late_changes_nothing(
    sim: Simulator, answering: Any, use: Use, stores: CommandStores
) -> None:
    """Discord has told the person that the bot did not answer."""
    now = sim.interactions.now()
    async with answering() as service:
        used = use("hide", what="everything")
        sim.interactions.now = lambda: now + 3.5
        service.offer(used.event)
        assert await eventually(lambda: used.refusals) == ["10062 late"]
    assert (await stores.settings.get(ROBIN)).visible


async def test_a_slow_redis_delays_only_the_rest_of_the_answer(
    sim: Simulator, answering: Any, use: Use, held: HeldSettings, stores: CommandStores
) -> None:
    """The person sees at once that an answer is being prepared, and then the answer."""
    held.may_go_on.clear()
    async with answering() as service:
        used = use("hide", what="spotify")
        service.offer(used.event)
        await eventually(lambda: held.asked)
        assert used.answer_type == SLOW
        assert used.edits == 0
        held.may_go_on.set()
        await seen(sim, used)
    assert (await stores.settings.get(ROBIN)).hide == ("spotify",)


async def test_while_redis_is_away_the_person_is_told_so(
    sim: Simulator,
    answering: Any,
    use: Use,
    held: HeldSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After an error, and when nothing comes in time; the log says it once."""
    async with answering() as service:
        held.is_away = True
        for _ in range(3):
            used = use("hide", "fr", what="spotify")
            service.offer(used.event)
            message = await seen(sim, used)
            assert message["content"] == LANGUAGES["fr"].problems.unavailable
    warned = [one for one in caplog.records if one.name == "services.gateway.commands.service"]
    assert [one.levelname for one in warned].count("WARNING") == 1
    held.may_go_on.clear()
    async with answering(msgspec.structs.replace(CALM, perform_s=0.05)) as service:
        used = use("hide", what="spotify")
        service.offer(used.event)
        assert (await seen(sim, used))["content"] == ENGLISH.problems.unavailable


async def test_the_form_opens_with_what_is_stored(
    sim: Simulator, answering: Any, use: Use, stores: CommandStores, held: HeldSettings
) -> None:
    """If that cannot be read in time, a button opens it: an empty form would erase it."""
    await stores.settings.change(ROBIN, lambda old: patched(old, {"bio": "Hello"}))
    held.may_go_on.clear()
    async with answering(msgspec.structs.replace(CALM, modal_read_s=0.05)) as service:
        used = use("profile")
        service.offer(used.event)
        assert (await seen(sim, used))["content"] == ENGLISH.problems.slow
    held.may_go_on.set()
    async with answering() as service:
        pressed = sim.interactions.use_component(used, profile_form.OPEN)
        service.offer(pressed.event)
        await sim.interactions.settled(pressed, PATIENCE)
        assert pressed.modal is not None
        assert pressed.modal["components"][0]["component"]["value"] == "Hello"
        sent = sim.interactions.submit_modal(pressed, {"bio": "x" * 191, "links": "a b"})
        service.offer(sent.event)
        assert ENGLISH.profile.bad_bio in (await seen(sim, sent))["content"]
        again = sim.interactions.use_component(sent, profile_form.OPEN_DRAFT)
        service.offer(again.event)
        await sim.interactions.settled(again, PATIENCE)
        assert again.modal is not None
        sent = sim.interactions.submit_modal(again, {"bio": "Bye"}, old_form=True)
        service.offer(sent.event)
        assert (await seen(sim, sent))["content"] == ENGLISH.profile.saved
    assert (await stores.settings.get(ROBIN)).bio == "Bye"


async def test_a_file_comes_with_the_data(sim: Simulator, answering: Any, use: Use) -> None:
    """As an attachment, which only the person sees."""
    async with answering() as service:
        for subcommand, values in (("hide", {"what": "spotify"}), ("data", {})):
            used = use(subcommand, **values)
            service.offer(used.event)
            message = await seen(sim, used)
    [file] = message["attachments"]
    assert file["filename"] == "grux.json"
    assert msgspec.json.decode(file["text"])["settings"]["hide"] == ["spotify"]
