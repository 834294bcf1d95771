"""GET /check/:id: why a user is shown, or is not."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.routing import Route

from shared.config import ApiSettings
from shared.discord import id_hints, snowflake
from shared.http.errors import UserNotMonitored
from shared.http.middleware import StalenessSource
from shared.http.responses import RawResponse, cacheable, envelope
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store, StoreUnavailable, decoded
from shared.redis.user_lookup import is_server

CHECK_PATH: Final = "/check/"

_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)  # the only one that is not decoded yet
_MAX_PATH_CHARS: Final = 1024  # the rest is not looked at: the text is too long in any case

FindingCode = Literal["not_an_id", "not_monitored", "invisible", "no_activities", "gateway_silent"]


class CheckFinding(Struct, frozen=True):
    """One reason."""

    code: Annotated[FindingCode, Meta(description="For programs: it does not change.")]
    message: Annotated[str, Meta(description="For people: what it means, and what to do.")]


class UserCheck(Struct, frozen=True):
    """Why a user is shown, or is not."""

    monitored: Annotated[bool, Meta(description="Whether `GET /user/{user_id}` shows the user.")]
    findings: Annotated[list[CheckFinding], Meta(description="Empty where everything is shown.")]


SERVER: Final = "This is the id of a server that Grux monitors, not the id of a user."

NOT_MONITORED: Final = (
    "Grux shows nobody with this id. To be shown, join a server that Grux monitors{invite}. If you "
    "are in one already: the bot's command /grux says what you have chosen to show, and the "
    "operator's doctor says whether the server is published. The id of a server, a channel or a "
    "message looks the same: make sure that this one is the user's."
)
ROUNDED: Final = (
    " The last digits are zeros: they may have been lost where the id was kept as a number, as "
    "spreadsheets and JavaScript do. Keep ids as text."
)
INVISIBLE: Final = (
    "Discord reports this user as offline, and no activities with it. They are offline, have "
    "chosen the status Invisible, or do not show their status."
)
ACTIVITIES_ALONE: Final = (
    "This user is shown as offline, and with activities: they do not show their status, or have "
    "just gone offline."
)
NO_ACTIVITIES: Final = (
    "No monitored server shows an activity of this user. Discord shares activities server by "
    "server: in Discord, turn sharing on in Settings, Activity Privacy, and in the menu of the "
    "server, Privacy Settings. Large servers may be excluded by default. One monitored server "
    "that may see the activity is enough. Since September 2026, Profile Privacy decides about the "
    "custom status alone: with Friends Only no server gets it, with Friends & Small Servers Only "
    "those with up to 200 members do. Or nothing is running that Discord detects, or the user "
    "does not show it."
)
GATEWAY_SILENT: Final = (
    "Grux is not connected to Discord at the moment, so what it shows may be old, and users who "
    "have just joined are not known yet. The operator finds the reason in the gateway's log."
)


class _AnyText(StringConvertor):
    """Slashes and line breaks as well."""

    regex = "(?s:.*)"


register_url_convertor("text", _AnyText())


class CheckEndpoints:
    """May raise the exceptions that shared.http.errors turns into responses."""

    def __init__(
        self,
        store: Store,
        users: UserReader,
        settings: ApiSettings,
        liveness: StalenessSource | None,
    ) -> None:
        self._store = store
        self._users = users
        self._liveness = liveness
        invite = settings.discord_invite
        self._not_monitored = NOT_MONITORED.format(invite=f" ({invite})" if invite else "")

    def routes(self) -> list[Route]:
        return [Route(f"{CHECK_PATH}{{user_id:text}}", self.check)]

    async def check(self, request: Request) -> RawResponse:
        """`data`: UserCheck. Anything may be in the path: people try what they have."""
        start = request.path_params["user_id"][:_MAX_PATH_CHARS]
        text = _ENCODED_SLASH.sub("/", start).rstrip("/")
        user_id = snowflake.parse(text)
        if user_id is None:
            check = UserCheck(False, [CheckFinding("not_an_id", not_an_id(text))])
        else:
            check = await self._check(user_id)
        response = cacheable(envelope(msgspec.json.encode(check)))
        return response.answer(request.scope["headers"])

    async def _check(self, user_id: int) -> UserCheck:
        silent = self._liveness is not None and self._liveness.stale is not None
        findings = [CheckFinding("gateway_silent", GATEWAY_SILENT)] if silent else []
        try:
            presence = (await self._users.read(user_id)).snapshot.presence
        except UserNotMonitored:
            return UserCheck(False, [*findings, await self._unknown(user_id)])
        return UserCheck(True, [*findings, *findings_of(presence)])

    async def _unknown(self, user_id: int) -> CheckFinding:
        """Everyone who is not shown gets the same: that they hide is nobody's business."""
        try:
            if await is_server(self._store, user_id):
                return CheckFinding("not_an_id", f"{SERVER} {snowflake.HOW_TO_COPY}")
        except StoreUnavailable:  # permissions of before this route existed: it is only a hint
            pass
        rounded = ROUNDED if id_hints.looks_rounded(user_id) else ""
        return CheckFinding("not_monitored", self._not_monitored + rounded)


class _Shown(Struct):
    """What decides the findings."""

    status: str
    spotify: msgspec.Raw
    activity: list[msgspec.Raw]


_decode: Final = msgspec.json.Decoder(_Shown).decode


def not_an_id(text: str) -> str:
    """The message about a text that snowflake.parse does not accept."""
    return f"{id_hints.hint(text)} {snowflake.FORM} {snowflake.HOW_TO_COPY}"


def findings_of(presence: bytes) -> list[CheckFinding]:
    """By what is shown alone, not by what is hidden. Raises SnapshotDamaged.

    `presence`: snapshot.Presence as JSON.
    """
    shown = decoded(_decode, presence)
    is_quiet = bytes(shown.spotify) == b"null" and not shown.activity
    if shown.status == "invisible":
        return [CheckFinding("invisible", INVISIBLE if is_quiet else ACTIVITIES_ALONE)]
    if is_quiet:
        return [CheckFinding("no_activities", NO_ACTIVITIES)]
    return []
