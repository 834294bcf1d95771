"""Registers `/grux` at Discord, if what is registered differs.

The command is written alone (POST replaces the command of its name), because a bulk overwrite would
delete what other software has registered with the same bot. Discord docs: Application Commands.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.commands.definition import NAME, definition
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import HttpClient, HttpError

_UNORDERED: Final = frozenset({"contexts", "integration_types"})
_MATTERS_UNASKED: Final = frozenset(
    {
        *("options", "choices", "required", "autocomplete", "nsfw", "default_member_permissions"),
        *("channel_types", "min_value", "max_value", "min_length", "max_length"),
        *("name_localizations", "description_localizations", "contexts"),
    }
)
"""What Discord has beside what was sent matters if it is one of these, and not empty."""

REQUEST_TIMEOUT_S: Final = 10.0

PORTAL: Final = "https://discord.com/developers/applications"


class RegistrationFailed(Exception):
    """Raised when commands cannot be read or written. The text says why, `remedy` what to do."""

    def __init__(self, message: str, remedy: str, *, is_temporary: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.is_temporary = is_temporary  # Discord cannot be reached, or asks to wait


class RegistrationState(Struct, frozen=True):
    """What Discord knows of the application."""

    application_id: str
    endpoint_url: str  # "": interactions come over the gateway
    is_current: bool  # whether the command is registered as it should be


class CommandRegistration:
    """Reads and writes the command. Every method raises RegistrationFailed."""

    def __init__(
        self,
        http: HttpClient,
        api_url: str,
        token: str,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        """`timeout_s`: of a request."""
        self._http = http
        self._timeout_s = timeout_s
        self._api_url = api_url
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}

    async def state(self) -> RegistrationState:
        """Two requests; changes nothing."""
        application = await self._request("GET", "/applications/@me")
        try:
            application_id = str(int(application["id"]))
            endpoint_url = str(application.get("interactions_endpoint_url") or "")
            path = f"/applications/{application_id}/commands?with_localizations=true"
            found = [
                one
                for one in await self._request("GET", path)
                if one.get("name") == NAME and one.get("type", 1) == 1
            ]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _not_discord() from None
        is_current = len(found) == 1 and is_same(definition(), found[0])
        return RegistrationState(application_id, endpoint_url, is_current)

    async def write(self, application_id: str) -> None:
        """Create the command, or replace the one of its name."""
        await self._request("POST", f"/applications/{application_id}/commands", definition())

    async def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {**self._headers, "Content-Type": "application/json"} if body else self._headers
        content = msgspec.json.encode(body) if body else None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.send(method, self._api_url + path, headers, content) as response,
            ):
                status = response.status
                if status in (200, 201):
                    return await response.json()
                problem = await response.json()
        except (HttpError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise RegistrationFailed(
                f"Discord did not answer {method} {path.partition('?')[0]} ({reason})",
                "The gateway goes on without, and tries again.",
                is_temporary=True,
            ) from None
        raise _refused(status, problem)


def is_same(wanted: Any, found: Any, *, unordered: bool = False) -> bool:
    """Whether Discord has what was sent. It adds keys, and leaves out what is empty."""
    if _is_empty(wanted) or _is_empty(found):
        return _is_empty(wanted) and _is_empty(found)
    if isinstance(wanted, dict) and isinstance(found, dict):
        extra = {key for key in found.keys() - wanted.keys() if key in _MATTERS_UNASKED}
        return all(_is_empty(found[key]) for key in extra) and all(
            is_same(value, found.get(key), unordered=key in _UNORDERED)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(found, list):
        if unordered:
            return sorted(wanted) == sorted(found)
        return len(wanted) == len(found) and all(map(is_same, wanted, found))
    return bool(wanted == found)


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == [] or value == {}


def _refused(status: int, problem: Any) -> RegistrationFailed:
    code = problem.get("code", 0) if isinstance(problem, dict) else 0
    if status == 401:
        return RegistrationFailed(
            "Discord does not accept DISCORD_TOKEN",
            f"Copy the bot's token from {PORTAL}: your application, Bot, Reset Token.",
        )
    if status == 429 or status >= 500:
        return RegistrationFailed(
            f"Discord cannot take the commands now (status {status})",
            "The gateway goes on without, and tries again.",
            is_temporary=True,
        )
    if code == 30034:
        return RegistrationFailed(
            "the bot has created 200 commands today, which is Discord's limit",
            "Start Grux again tomorrow, or run the doctor with --fix then.",
        )
    if code == 30032:
        return RegistrationFailed(
            "the bot has 100 commands already, which is Discord's limit",
            "Delete one that other software has registered, and run the doctor with --fix.",
        )
    return RegistrationFailed(
        f"Discord refused the commands (status {status}, code {code})",
        "Grux goes on without. Update Grux; if it stays so, please report it.",
    )


def _not_discord() -> RegistrationFailed:
    return RegistrationFailed(
        "the server at DISCORD_API_URL is not Discord: it sends other data",
        "Remove DISCORD_API_URL from .env. The default is Discord's own address.",
    )
