"""Control commands by which a simulated person uses the bot, and sees its answer."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, field

from simulator.command import Command, ControlTarget
from simulator.control_world import Snowflake
from simulator.model import Json

WaitSeconds = Annotated[float, Meta(ge=0, le=60)]
_WAIT: Final = 5.0

_OPTION_TYPES: Final[dict[type, int]] = {bool: 5, int: 4, str: 3}


class UseCommand(Command):
    """A person types a slash command, in a guild or (without guild_id) in a DM with the bot.

    The answer of the bot is waited for; it is in the result.
    """

    user_id: Snowflake
    subcommand: str
    options: dict[str, str | int | bool] = field(default_factory=dict)
    name: str = "grux"
    guild_id: Snowflake | None = None
    locale: str = "en-US"
    wait: WaitSeconds = _WAIT

    async def run(self, sim: ControlTarget) -> Json:
        options = typed_options(self.subcommand, self.options)
        sent = sim.interactions.use_command(
            self.user_id, self.name, options, guild_id=self.guild_id, locale=self.locale
        )
        return (await sim.interactions.settled(sent, self.wait)).shown()


class UseComponent(Command):
    """The person presses a button of the bot's answer, or (with values) chooses from its select."""

    interaction_id: Snowflake
    custom_id: str
    values: list[str] | None = None
    wait: WaitSeconds = _WAIT

    async def run(self, sim: ControlTarget) -> Json:
        of = sim.interactions.get(self.interaction_id)
        sent = sim.interactions.use_component(of, self.custom_id, self.values)
        return (await sim.interactions.settled(sent, self.wait)).shown()


class SubmitModal(Command):
    """The person sends off the modal that the bot has opened."""

    interaction_id: Snowflake
    fields: dict[str, str]
    old_form: bool = False
    wait: WaitSeconds = _WAIT

    async def run(self, sim: ControlTarget) -> Json:
        of = sim.interactions.get(self.interaction_id)
        sent = sim.interactions.submit_modal(of, self.fields, old_form=self.old_form)
        return (await sim.interactions.settled(sent, self.wait)).shown()


class RepeatInteraction(Command):
    """Send the event of an interaction once more, as happens after a resume."""

    interaction_id: Snowflake

    async def run(self, sim: ControlTarget) -> Json:
        sim.interactions.repeat(sim.interactions.get(self.interaction_id))
        return {}


class ReadInteraction(Command):
    """What became of an interaction: the answer, edits, and answers that were refused."""

    interaction_id: Snowflake
    wait: WaitSeconds = 0.0

    async def run(self, sim: ControlTarget) -> Json:
        found = sim.interactions.get(self.interaction_id)
        return (await sim.interactions.settled(found, self.wait)).shown()


def typed_options(subcommand: str, values: dict[str, str | int | bool]) -> list[Json]:
    """The options of a command, as in the event."""
    options = [
        {"name": name, "type": _OPTION_TYPES[type(value)], "value": value}
        for name, value in values.items()
    ]
    return [{"name": subcommand, "type": 1, "options": options}]


INTERACTION_COMMANDS: Final[dict[str, type[Command]]] = {
    "use_command": UseCommand,
    "use_component": UseComponent,
    "submit_modal": SubmitModal,
    "repeat_interaction": RepeatInteraction,
    "read_interaction": ReadInteraction,
}
