"""The routes of the page on which people use commands."""

from collections.abc import Callable
from itertools import islice
from typing import Final

from aiohttp import web

from simulator import BOT_ID
from simulator.application_commands import ApplicationCommands
from simulator.chat_page import CHAT_PATH, answer_page, error_page, start_page
from simulator.interaction import Interaction
from simulator.interactions import Interactions
from simulator.model import Json
from simulator.world import Unknown, World

PEOPLE: Final = 25  # that the page offers; any other by the control API
WAIT_SECONDS: Final = 5.0

_TEXT: Final = 3
_INTEGER: Final = 4


class ChatRoutes:
    """Everything under ``/chat``."""

    def __init__(
        self, world: World, commands: ApplicationCommands, interactions: Interactions
    ) -> None:
        self._world = world
        self._commands = commands
        self._interactions = interactions

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(CHAT_PATH, self.start),
            web.post(CHAT_PATH, self.use),
            web.get(f"{CHAT_PATH}/{{interaction_id}}", self.answer),
            web.post(f"{CHAT_PATH}/{{interaction_id}}/component", self.press),
            web.post(f"{CHAT_PATH}/{{interaction_id}}/modal", self.submit),
        ]

    async def start(self, request: web.Request) -> web.Response:
        people = (one for one in self._world.people.values() if one.user.id != BOT_ID)
        guilds = self._world.guilds.values()
        return _html(start_page(self._commands.first, islice(people, PEOPLE), guilds))

    async def use(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        options = [
            {"name": name.partition(":")[2], **_typed(name, value)}
            for name, value in form.items()
            if ":" in name and value
        ]
        given: Json = {"name": form.get("subcommand", ""), "type": 1, "options": options}
        command = self._commands.first or {"name": ""}
        return await self._shown(
            lambda: self._interactions.use_command(
                form.get("user_id", ""),
                command["name"],
                [given],
                guild_id=form.get("guild_id") or None,
                locale=form.get("locale", ""),
            )
        )

    async def press(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        values = [str(value) for value in form.getall("values", [])]
        is_select = "is_select" in form or None
        return await self._shown(
            lambda: self._interactions.use_component(
                self._asked(request), str(form.get("custom_id")), is_select and values
            )
        )

    async def submit(self, request: web.Request) -> web.StreamResponse:
        fields = await _form(request)
        return await self._shown(
            lambda: self._interactions.submit_modal(self._asked(request), fields)
        )

    async def answer(self, request: web.Request) -> web.Response:
        try:
            return _html(answer_page(self._asked(request)))
        except Unknown as wrong:
            return _html(error_page(str(wrong)), status=404)

    def _asked(self, request: web.Request) -> Interaction:
        return self._interactions.get(request.match_info["interaction_id"])

    async def _shown(self, send: Callable[[], Interaction]) -> web.StreamResponse:
        """Send it, wait for the answer, and go to the page that shows it."""
        try:
            sent = send()
        except Unknown as wrong:
            return _html(error_page(str(wrong)), status=400)
        await self._interactions.settled(sent, WAIT_SECONDS)
        raise web.HTTPSeeOther(f"{CHAT_PATH}/{sent.id}")


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}


def _typed(name: str, value: str) -> Json:
    """The page writes the type in front of the name."""
    if name.startswith("number:") and value.isdecimal():
        return {"type": _INTEGER, "value": int(value)}
    return {"type": _TEXT, "value": value}


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(text=page, content_type="text/html", status=status)
