"""One interaction: the event that the bot gets, and what the person sees of its answer.

Source: interactions/receiving-and-responding.
"""

from typing import Any, Final

from msgspec import Struct

from simulator import BOT_ID, dispatches
from simulator.message_rules import problems_of_message, problems_of_modal
from simulator.model import Json
from simulator.world import World

COMMAND: Final = 2
COMPONENT: Final = 3
MODAL_SUBMIT: Final = 5

MESSAGE: Final = 4
DEFERRED_MESSAGE: Final = 5
DEFERRED_UPDATE: Final = 6
UPDATE: Final = 7
MODAL: Final = 9
EPHEMERAL: Final = 64


class Interaction(Struct, kw_only=True):
    """One interaction, and what became of it."""

    id: str
    token: str
    at: float  # seconds since 1970
    kind: int
    user_id: str
    guild_id: str | None
    event: Json
    answer_type: int | None = None  # of the callback
    message: Json | None = None  # what the person sees now
    modal: Json | None = None
    edits: int = 0
    followups: list[Json]
    deleted: bool = False
    refusals: list[str]  # answers of the bot that were refused
    """Codes with what was wrong, such as ``40060``."""

    @property
    def is_settled(self) -> bool:
        """Whether the person sees an answer, and no longer that one is being prepared."""
        if self.answer_type in (DEFERRED_MESSAGE, DEFERRED_UPDATE):
            return self.edits > 0 or self.deleted or bool(self.followups)
        return self.answer_type is not None

    def shown(self) -> Json:
        """For tests and for the page."""
        return {
            "interaction_id": self.id,
            "type": self.answer_type,
            "message": self.message,
            "modal": self.modal,
            "followups": self.followups,
            "edits": self.edits,
            "refusals": self.refusals,
        }


def place(world: World, user_id: str, guild_id: str | None) -> Json:
    """Where it happens: in a server, or in a DM with the bot."""
    person = world.person(user_id)
    user = dispatches.member_user(person.user)
    if guild_id is None:
        return {
            "channel_id": BOT_ID,
            "channel": {"id": BOT_ID, "type": 1, "flags": 0},
            "user": user,
            "context": 1,
            "authorizing_integration_owners": {"0": "0"},
        }
    guild = world.guilds.get(guild_id)
    seen = None if guild is None else guild.members.get(user_id)
    member = {"user": user} if seen is None else dispatches.member(person.user, seen)
    return {
        "guild_id": guild_id,
        "guild": {"id": guild_id, "locale": "en-US", "features": []},
        "guild_locale": "en-US",
        "channel_id": guild_id,
        "channel": {"id": guild_id, "guild_id": guild_id, "type": 0, "name": "general"},
        "member": {**member, "permissions": "2248473465835073"},
        "context": 0,
        "authorizing_integration_owners": {"0": guild_id} if guild else {"1": user_id},
    }


def find_component(message: Json, custom_id: str) -> Json:
    """The component of a message; ``{}`` if there is none."""
    for row in message.get("components") or []:
        for index, item in enumerate(row.get("components") or []):
            if item.get("custom_id") == custom_id:
                return {"id": index + 2, **item}
    return {}


def problems_of_answer(found: Interaction, kind: Any, data: Any) -> list[str]:
    on_message = found.kind == COMPONENT or (found.kind == MODAL_SUBMIT and found.message)
    match kind:
        case 4:
            if not (data.get("content") or data.get("embeds") or data.get("components")):
                return ["data: a message cannot be empty"]
            return problems_of_message(data)
        case 5:
            return [] if data.get("flags", 0) in (0, EPHEMERAL) else ["data.flags: only 64"]
        case 6 if on_message:
            return []
        case 7 if on_message:
            return problems_of_message(data)
        case 9 if found.kind != MODAL_SUBMIT:
            return problems_of_modal(data)
    return ["type: not allowed for this interaction"]
