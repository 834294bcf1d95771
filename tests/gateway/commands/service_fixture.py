"""A service as in one gateway process, in front of a simulated Discord.

The simulator's clock stands still unless a test moves it, and the limits of the service are far
away unless a test is about them: a busy machine changes no outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from services.gateway.commands.callbacks import Callbacks, CallbackTimings
from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.service import CommandLimits, CommandService
from shared.commands.definition import definition
from shared.model.user_settings import UserSettings
from shared.net.http_client import HttpClient
from shared.redis.durable import DurableUnavailable
from shared.redis.user_settings import UserSettingsStore
from simulator.interaction import EPHEMERAL, Interaction
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import PATIENCE
from tests.simulator.client import quiet

ROBIN = int(FIRST_PERSON)
NEVER_S = 600.0
CALM = CommandLimits(
    first_answer_s=NEVER_S, busy_after_s=NEVER_S, modal_read_s=NEVER_S, perform_s=NEVER_S
)
SLOW, EDIT_TIMINGS = 5, CallbackTimings(edit_pause_s=0.01)

Use = Callable[..., Interaction]


class HeldSettings(UserSettingsStore):
    """The settings in Redis, which can be made to wait or to fail."""

    def __init__(self, stores: CommandStores) -> None:
        self._settings = stores.settings
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.is_away = False
        self.asked = 0

    async def get(self, user_id: int) -> UserSettings:
        await self._wait()
        return await self._settings.get(user_id)

    async def change(
        self, user_id: int, change: Callable[[UserSettings], UserSettings]
    ) -> UserSettings:
        await self._wait()
        return await self._settings.change(user_id, change)

    async def _wait(self) -> None:
        self.asked += 1
        await self.may_go_on.wait()
        if self.is_away:
            raise DurableUnavailable("away")


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(quiet()) as simulator:
        simulator.commands.register(definition())
        now = simulator.interactions.now()
        simulator.interactions.now = lambda: now
        yield simulator


@pytest.fixture
def held(stores: CommandStores) -> HeldSettings:
    return HeldSettings(stores)


@pytest.fixture
def answering(sim: Simulator, stores: CommandStores, held: HeldSettings) -> Callable[..., Any]:
    """Runs a service, as one gateway process does."""

    @asynccontextmanager
    async def run(
        limits: CommandLimits = CALM, callbacks: type[Callbacks] = Callbacks
    ) -> AsyncIterator[CommandService]:
        commands = UserCommands(msgspec.structs.replace(stores, settings=held), "joining", "")
        async with HttpClient(timeout_s=None, max_body_bytes=1 << 20) as http:
            service = CommandService(commands, callbacks(http, sim.api_url, EDIT_TIMINGS), limits)
            running = asyncio.create_task(service.run())
            yield service
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return run


@pytest.fixture
def use(sim: Simulator) -> Use:
    def function(subcommand: str, locale: str = "en-US", **values: Any) -> Interaction:
        options = [
            {"name": name, "type": 4 if isinstance(value, int) else 3, "value": value}
            for name, value in values.items()
        ]
        data = [{"name": subcommand, "type": 1, "options": options}]
        return sim.interactions.use_command(
            FIRST_PERSON, "grux", data, guild_id=FIRST_GUILDS[0], locale=locale
        )

    return function


async def seen(sim: Simulator, interaction: Interaction) -> dict[str, Any]:
    """The message that the person sees at last."""
    await sim.interactions.settled(interaction, PATIENCE)
    assert interaction.is_settled, interaction.refusals
    assert interaction.message is not None
    assert interaction.message["flags"] & EPHEMERAL
    return interaction.message
