"""Interactions: people use the bot's commands, buttons, selects and modals; the bot answers.

Source: interactions/receiving-and-responding. The events go over the gateway. With an Interactions
Endpoint URL Discord would send them there instead, so that a bot at the gateway gets none.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from simulator import BOT_ID
from simulator.application_commands import ApplicationCommands
from simulator.interaction import (
    COMMAND,
    COMPONENT,
    DEFERRED_MESSAGE,
    MESSAGE,
    MODAL,
    MODAL_SUBMIT,
    UPDATE,
    Interaction,
    find_component,
    place,
    problems_of_answer,
)
from simulator.message_rules import problems_of_message
from simulator.model import Json
from simulator.options import Options
from simulator.problems import RestError
from simulator.snowflakes import snowflake
from simulator.world import Unknown, World

ANSWER_SECONDS: Final = 3.0
TOKEN_SECONDS: Final = 900.0
KEPT: Final = 1_000  # the oldest are forgotten
ORIGINAL: Final = "@original"
LOADING: Final = 128  # a flag of messages


class Audience(Protocol):
    """The gateway sessions: :class:`simulator.sessions.Sessions`."""

    def tell(self, name: str, guild_id: str | None, d: object) -> None: ...


class Interactions:
    """Everything that people did with the bot in this run."""

    def __init__(
        self,
        world: World,
        audience: Audience,
        commands: ApplicationCommands,
        options: Options,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now``: seconds since 1970; tests replace it."""
        self.now = now
        self._world = world
        self._audience = audience
        self._commands = commands
        self._options = options
        self._by_id: dict[str, Interaction] = {}
        self._changed = asyncio.Condition()

    def get(self, interaction_id: str) -> Interaction:
        """Raises :class:`Unknown`."""
        found = self._by_id.get(interaction_id)
        if found is None:
            raise Unknown("interaction_id", interaction_id)
        return found

    # --- what people do ---------------------------------------------------------------------

    def use_command(
        self,
        user_id: str,
        name: str,
        options: Sequence[Json] = (),
        *,
        guild_id: str | None = None,
        locale: str = "en-US",
    ) -> Interaction:
        """A person uses a slash command. Raises :class:`Unknown` for one that is not registered."""
        command = self._commands.named(name)
        if command is None:
            raise Unknown("name", f"{name}: the bot has not registered this command")
        data = {"id": command["id"], "name": name, "type": 1, "options": list(options)}
        return self._send(COMMAND, user_id, guild_id, locale, {"data": data})

    def use_component(
        self, of: Interaction, custom_id: str, values: Sequence[str] | None = None
    ) -> Interaction:
        """The same person presses a button, or chooses from a select.

        The ids and the values are sent as they are, whether or not they were offered.
        """
        if of.message is None:
            raise Unknown("interaction_id", f"{of.id}: it has no message")
        component = find_component(of.message, custom_id)
        data: Json = {
            "component_type": component.get("type", 2),
            "custom_id": custom_id,
            "id": component.get("id", 1),
        }
        if values is not None:
            data |= {"component_type": 3, "values": list(values)}
        more = {"data": data, "message": of.message}
        locale = of.event["locale"]
        sent = self._send(COMPONENT, of.user_id, of.guild_id, locale, more)
        sent.message = of.message  # an update changes it
        return sent

    def submit_modal(
        self, of: Interaction, fields: dict[str, str], *, old_form: bool = False
    ) -> Interaction:
        """The same person sends off the modal; ``old_form``: with rows instead of labels."""
        if of.modal is None:
            raise Unknown("interaction_id", f"{of.id}: it has no modal")
        inputs = [
            {"type": 4, "id": 2 * index + 2, "custom_id": name, "value": value}
            for index, (name, value) in enumerate(fields.items())
        ]
        components = [
            {"type": 1, "id": one["id"], "components": [one]}
            if old_form
            else {"type": 18, "id": one["id"], "component": one}
            for one in inputs
        ]
        data = {"custom_id": of.modal["custom_id"], "components": components}
        more: Json = {"data": data, **({"message": of.message} if of.message else {})}
        sent = self._send(MODAL_SUBMIT, of.user_id, of.guild_id, of.event["locale"], more)
        sent.message = of.message
        return sent

    def repeat(self, interaction: Interaction) -> None:
        """The same event once more, as after a resume."""
        self._audience.tell("INTERACTION_CREATE", interaction.guild_id, interaction.event)

    async def settled(self, interaction: Interaction, timeout_s: float) -> Interaction:
        """Wait until the person sees an answer, or for so long."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: interaction.is_settled)
        except TimeoutError:
            pass
        return interaction

    def _send(
        self, kind: int, user_id: str, guild_id: str | None, locale: str, more: Json
    ) -> Interaction:
        if self._options.interactions_endpoint_url:
            raise Unknown("interactions_endpoint_url", "it is set, so the gateway gets nothing")
        now = self.now()
        interaction_id = snowflake(int(now * 1000), secrets.randbits(22))
        token = secrets.token_urlsafe(64)
        event = {
            "id": interaction_id,
            "application_id": BOT_ID,
            "type": kind,
            "token": token,
            "version": 1,
            "app_permissions": "1126176",
            "locale": locale,
            "entitlements": [],
            "attachment_size_limit": 10_485_760,
            **place(self._world, user_id, guild_id),
            **more,
        }
        interaction = Interaction(
            id=interaction_id,
            token=token,
            at=now,
            kind=kind,
            user_id=user_id,
            guild_id=guild_id,
            event=event,
            followups=[],
            refusals=[],
        )
        self._by_id[interaction_id] = interaction
        while len(self._by_id) > KEPT:
            del self._by_id[next(iter(self._by_id))]
        self.repeat(interaction)
        return interaction

    # --- what the bot answers -----------------------------------------------------------------

    async def answer(self, interaction_id: str, token: str, body: Json) -> Interaction:
        """The callback. Raises :class:`RestError`: 10062 when late, 40060 the second time."""
        found = self._by_id.get(interaction_id)
        if found is None or found.token != token:
            raise RestError(404, 10062, "Unknown interaction")
        if found.answer_type is not None:
            self._refuse(found, 40060, "answered before")
            raise RestError(400, 40060, "Interaction has already been acknowledged.")
        if self.now() - found.at > ANSWER_SECONDS:
            self._refuse(found, 10062, "late")
            raise RestError(404, 10062, "Unknown interaction")
        kind, data = body.get("type"), body.get("data") or {}
        self._check(found, problems_of_answer(found, kind, data))
        found.answer_type = kind
        if kind == MODAL:
            found.modal = data
        elif kind in (MESSAGE, DEFERRED_MESSAGE):
            found.message = self._message(data, loading=kind == DEFERRED_MESSAGE)
        elif kind == UPDATE and found.message is not None:
            found.message.update(data)
        await self._announce()
        return found

    async def edit(self, token: str, message_id: str, body: Json, files: Sequence[Json]) -> Json:
        """``PATCH …/messages/@original``."""
        found = self._of_token(token)
        message = self._message_of(found, message_id)
        self._check(found, problems_of_message({**body, "flags": body.get("flags", 0) & 32768}))
        shown = ("content", "embeds", "components")
        message.update({key: body[key] for key in shown if key in body})
        if files:
            message["attachments"] = list(files)
        message["flags"] &= ~LOADING
        found.edits += 1
        await self._announce()
        return message

    async def follow_up(self, token: str, body: Json, files: Sequence[Json]) -> Json:
        """``POST /webhooks/…``."""
        found = self._of_token(token)
        if found.answer_type is None:
            raise RestError(404, 10015, "Unknown Webhook")
        self._check(found, problems_of_message(body))
        message = {**self._message(body, loading=False), "attachments": list(files)}
        found.followups.append(message)
        await self._announce()
        return message

    async def delete(self, token: str, message_id: str) -> None:
        """``DELETE …/messages/@original``."""
        found = self._of_token(token)
        self._message_of(found, message_id)
        found.message, found.deleted = None, True
        await self._announce()

    def message(self, token: str, message_id: str) -> Json:
        """``GET …/messages/@original``."""
        return self._message_of(self._of_token(token), message_id)

    def _of_token(self, token: str) -> Interaction:
        found = next((one for one in self._by_id.values() if one.token == token), None)
        if found is None or self.now() - found.at > TOKEN_SECONDS:
            raise RestError(401, 50027, "Invalid Webhook Token")
        return found

    def _message_of(self, found: Interaction, message_id: str) -> Json:
        if found.answer_type is None or found.answer_type == MODAL:
            raise RestError(404, 10008, "Unknown Message")
        messages = [message for message in (found.message, *found.followups) if message]
        for message in messages:
            if message["id"] == message_id or (message_id == ORIGINAL and message is found.message):
                return message
        raise RestError(404, 10008, "Unknown Message")

    def _check(self, found: Interaction, problems: list[str]) -> None:
        if problems:
            self._refuse(found, 50035, "; ".join(problems))
            errors = {"data": {"_errors": [{"code": "INVALID", "message": problems[0]}]}}
            raise RestError(400, 50035, "Invalid Form Body", errors=errors)

    def _refuse(self, found: Interaction, code: int, why: str) -> None:
        found.refusals.append(f"{code} {why}")

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _message(self, data: Json, *, loading: bool) -> Json:
        return {
            "content": "",
            "embeds": [],
            "components": [],
            "attachments": [],
            **data,
            "id": snowflake(int(self.now() * 1000), secrets.randbits(22)),
            "type": 20,
            "application_id": BOT_ID,
            "flags": data.get("flags", 0) | (LOADING if loading else 0),
        }
