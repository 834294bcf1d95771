"""The routes by which a bot answers interactions. They need no bot token: theirs is in the path."""

import json
from typing import Any, Final

from aiohttp import web
from aiohttp.multipart import BodyPartReader

from simulator import BOT_ID
from simulator.interaction import DEFERRED_MESSAGE, EPHEMERAL, MESSAGE, Interaction
from simulator.interactions import Interactions
from simulator.model import Json
from simulator.problems import RestError

CALLBACK: Final = "/interactions/{interaction_id}/{token}/callback"
WEBHOOK: Final = "/webhooks/{application_id}/{token}"
WEBHOOK_MESSAGE: Final = f"{WEBHOOK}/messages/{{message_id}}"


class InteractionRest:
    """Callback, edits and follow-ups."""

    def __init__(self, interactions: Interactions) -> None:
        self._interactions = interactions

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(CALLBACK, self.callback),
            web.post(WEBHOOK, self.follow_up),
            web.get(WEBHOOK_MESSAGE, self.message),
            web.patch(WEBHOOK_MESSAGE, self.edit),
            web.delete(WEBHOOK_MESSAGE, self.delete),
        ]

    async def callback(self, request: web.Request) -> web.Response:
        """204, or with ``with_response`` 200 and what was made."""
        body, _ = await _body(request)
        found = await self._interactions.answer(
            request.match_info["interaction_id"], request.match_info["token"], body
        )
        if request.query.get("with_response") in {"true", "1"}:
            return web.json_response(_response(found))
        return web.Response(status=204)

    async def message(self, request: web.Request) -> web.Response:
        token = _token(request)
        found = self._interactions.message(token, request.match_info["message_id"])
        return web.json_response(found)

    async def edit(self, request: web.Request) -> web.Response:
        token = _token(request)
        body, files = await _body(request)
        message_id = request.match_info["message_id"]
        return web.json_response(await self._interactions.edit(token, message_id, body, files))

    async def follow_up(self, request: web.Request) -> web.Response:
        token = _token(request)
        body, files = await _body(request)
        return web.json_response(await self._interactions.follow_up(token, body, files))

    async def delete(self, request: web.Request) -> web.Response:
        await self._interactions.delete(_token(request), request.match_info["message_id"])
        return web.Response(status=204)


def _token(request: web.Request) -> str:
    if request.match_info["application_id"] != BOT_ID:
        raise RestError(404, 10015, "Unknown Webhook")
    return request.match_info["token"]


async def _body(request: web.Request) -> tuple[Json, list[Json]]:
    """JSON, or multipart with ``payload_json`` and ``files[n]``."""
    if not request.content_type.startswith("multipart/"):
        return _object(await request.read()), []
    body: Json = {}
    files: list[Json] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = await part.read(decode=True)
        if part.name == "payload_json":
            body = _object(bytes(content))
        else:
            text = bytes(content).decode(errors="replace")
            files.append({"filename": part.filename, "size": len(content), "text": text})
    return body, files


def _object(text: bytes) -> Json:
    try:
        body: Any = json.loads(text or b"{}")
    except ValueError:
        raise RestError(400, 50109, "The request body contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise RestError(400, 50035, "Invalid Form Body")
    return body


def _response(found: Interaction) -> Json:
    """Source: Interaction Callback Response Object."""
    made: Json = {"id": found.id, "type": found.kind}
    if found.answer_type in (MESSAGE, DEFERRED_MESSAGE) and found.message is not None:
        flags = found.message["flags"]
        made |= {
            "response_message_id": found.message["id"],
            "response_message_loading": found.answer_type == DEFERRED_MESSAGE,
            "response_message_ephemeral": bool(flags & EPHEMERAL),
        }
        return {"interaction": made, "resource": {"type": MESSAGE, "message": found.message}}
    return {"interaction": made}
