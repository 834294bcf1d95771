"""Interactions as `interaction.read` gives them, made by hand."""

from __future__ import annotations

from typing import Any

from services.gateway.commands.commands import UserCommands
from services.gateway.commands.interaction import Kind, UserInteraction, Value
from services.gateway.commands.replies import Modal, Reply
from simulator.message_rules import problems_of_message, problems_of_modal

ROBIN = 171234567890123776


def asked(kind: Kind, **fields: Any) -> UserInteraction:
    given = {"user_id": ROBIN, "locale": "en-US", **fields}
    return UserInteraction(
        id="1576206021427200010",
        application_id="1477953611366400017",
        token="token",
        kind=kind,
        **given,
    )


def command(subcommand: str, locale: str = "en-US", **options: Value) -> UserInteraction:
    return asked("command", name="grux", subcommand=subcommand, options=options, locale=locale)


def pressed(custom_id: str, of: Reply | None = None, *values: str, **more: Any) -> UserInteraction:
    """A button of a message, or with values a select."""
    message = {"content": "", "embeds": [], "components": []} if of is None else of.data()
    return asked("component", custom_id=custom_id, values=values, message=message, **more)


async def answer(commands: UserCommands, wanted: UserInteraction) -> Reply:
    """A message, which keeps Discord's limits."""
    reply = commands.immediate(wanted) or await commands.perform(wanted)
    assert problems_of_message(reply.data()) == []
    assert reply.data()["allowed_mentions"] == {"parse": []}
    return reply


async def opened(commands: UserCommands, wanted: UserInteraction) -> Modal:
    """A modal, which keeps Discord's limits."""
    assert commands.immediate(wanted) is None
    assert commands.opens_modal(wanted)
    modal = await commands.modal(wanted)
    assert problems_of_modal(modal.data()) == []
    return modal


def custom_ids(reply: Reply) -> list[str]:
    """Of all its components, those that lead elsewhere left out."""
    return [
        item["custom_id"] for row in reply.rows for item in row["components"] if "custom_id" in item
    ]


def options(reply: Reply, custom_id: str) -> dict[str, bool]:
    """The values of a select, and whether each is chosen."""
    [select] = [
        item
        for row in reply.rows
        for item in row["components"]
        if item.get("custom_id") == custom_id
    ]
    return {option["value"]: option["default"] for option in select["options"]}
