"""What Discord says of the bot. Discord docs: Application, Current User Guilds, Get Gateway Bot."""

from __future__ import annotations

import time
from typing import Any, Final

from services.doctor import clock, token
from services.doctor.finding import Finding, failure, ok, warning
from shared.config import GatewaySettings
from shared.discord.bot_token import invite_url
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import (
    BodyTooLarge,
    HttpClient,
    HttpResponse,
    InvalidJson,
    RequestFailed,
)

PRESENCE: Final = 1 << 12, 1 << 13  # GATEWAY_PRESENCE and its _LIMITED form: application flags
MEMBERS: Final = 1 << 14, 1 << 15  # GATEWAY_GUILD_MEMBERS and its _LIMITED form
REVIEWED: Final = 10_000  # users from which on the _LIMITED forms end (change log of 2026-06-10)
PAGE: Final = 200  # guilds
MOST_GUILDS: Final = 2000  # that are looked through
GUILDS_PER_SHARD: Final = 2500  # more get close code 4011

SWITCH_ON: Final = f"Open {token.WHERE}, Bot, Privileged Gateway Intents; switch it on; save."


class Unusable(Exception):
    """Raised when Discord does not answer as it should: nothing more can be asked of it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


async def check(settings: GatewaySettings, http: HttpClient) -> list[Finding]:
    """Token, intents, servers, sessions, and the clock."""
    found = [token.shape(settings.discord_token)]
    if found[0].level != "ok":
        return found
    discord = _Discord(settings, http)
    try:
        me = await discord.get("/users/@me")
        found.append(ok(f"the bot is {me['username']} ({me['id']})"))
        if discord.clock is not None:
            found.append(discord.clock)
        application = await discord.get("/applications/@me")
        guilds = await discord.guilds()
        members = sum(guild.get("approximate_member_count") or 0 for guild in guilds)
        flags = int(application.get("flags") or 0)
        found += [
            _intent("Presence Intent", flags, PRESENCE, members),
            _intent("Server Members Intent", flags, MEMBERS, members),
            *_servers(settings, guilds, members, int(me["id"])),
            *_sessions(settings, await discord.get("/gateway/bot"), len(guilds)),
        ]
    except Unusable as unusable:
        found.append(unusable.finding)
    except (KeyError, TypeError, ValueError, InvalidJson, BodyTooLarge):
        found.append(
            failure(
                "what answers at DISCORD_API_URL is not Discord",
                "Take DISCORD_API_URL out of .env: Discord's own address is the default.",
            )
        )
    return found


class _Discord:
    """Asks with the bot's token."""

    def __init__(self, settings: GatewaySettings, http: HttpClient) -> None:
        self.clock: Finding | None = None
        self._http = http
        self._url = settings.discord_api_url
        self._headers = {
            "Authorization": f"Bot {settings.discord_token}",
            "User-Agent": USER_AGENT,
        }

    async def get(self, path: str) -> Any:
        """Raises Unusable, InvalidJson, BodyTooLarge."""
        try:
            async with self._http.get(self._url + path, self._headers) as answer:
                self._check(path, answer)
                return await answer.json()
        except RequestFailed as error:
            raise Unusable(
                failure(
                    f"Discord cannot be reached at DISCORD_API_URL ({error})",
                    "Check this machine's way to the internet: name resolution, a firewall, a "
                    "proxy. With Docker: can other containers reach it?",
                )
            ) from None

    def _check(self, path: str, answer: HttpResponse) -> None:
        """Raises Unusable unless the status is 200."""
        self.clock = clock.by_http("Discord's", answer.headers.get("Date", ""), time.time())
        if answer.status == 401:
            raise Unusable(failure("Discord does not accept DISCORD_TOKEN", token.COPY))
        if answer.status == 429:
            wait = answer.headers.get("Retry-After", "some")
            raise Unusable(
                warning(f"Discord asks to wait {wait} seconds", "Run the doctor again then.")
            )
        if answer.status != 200:
            raise Unusable(
                failure(
                    f"Discord answers GET {path} with status {answer.status}",
                    "Look at https://discordstatus.com, and try again later.",
                )
            )

    async def guilds(self) -> list[dict[str, Any]]:
        """Those that the bot is in, with their approximate member counts."""
        found: list[dict[str, Any]] = []
        while len(found) < MOST_GUILDS:
            after = found[-1]["id"] if found else "0"
            path = f"/users/@me/guilds?limit={PAGE}&with_counts=true&after={after}"
            page = await self.get(path)
            found += page
            if len(page) < PAGE:
                break
        return found


def _intent(name: str, flags: int, bits: tuple[int, int], members: int) -> Finding:
    full, limited = bits
    if not flags & (full | limited):
        return failure(f"the {name} is switched off", SWITCH_ON)
    if not flags & full and members > REVIEWED:
        return warning(
            f"the {name} is switched on, and not reviewed, with about {members:,} users",
            f"Discord reviews bots that more than {REVIEWED:,} users can see: apply at "
            f"{token.WHERE}, before Discord asks.",
        )
    return ok(f"the {name} is switched on")


def _servers(
    settings: GatewaySettings, guilds: list[dict[str, Any]], members: int, bot: int
) -> list[Finding]:
    invite = invite_url(bot)
    if not guilds:
        return [failure("the bot is in no server, so nobody is monitored", f"Invite it: {invite}")]
    many = f"more than {MOST_GUILDS - 1}" if len(guilds) >= MOST_GUILDS else str(len(guilds))
    found = [ok(f"servers that the bot is in: {many}, with about {members:,} members")]
    there = {int(guild["id"]) for guild in guilds}
    found += [
        failure(
            f"GUILD_IDS names {missing}, and the bot is not in that server",
            f"Invite it there ({invite}), or take the id out of GUILD_IDS.",
        )
        for missing in sorted(settings.guilds() - there)
        if len(guilds) < MOST_GUILDS
    ]
    return found


def _sessions(settings: GatewaySettings, gateway: Any, guilds: int) -> list[Finding]:
    wanted, limit = int(gateway["shards"]), gateway["session_start_limit"]
    left, total = int(limit["remaining"]), int(limit["total"])
    found = []
    count = settings.shard_count or wanted
    if guilds > count * GUILDS_PER_SHARD:
        found.append(
            failure(
                f"SHARD_COUNT is {count}, too few for so many servers (close code 4011)",
                f"Set it to {wanted}, or leave it empty.",
            )
        )
    elif count < wanted:
        found.append(
            warning(
                f"SHARD_COUNT is {count}, and Discord recommends {wanted}",
                f"Set it to {wanted}, or leave it empty.",
            )
        )
    hours = int(limit["reset_after"]) / 3_600_000
    what = f"connections to Discord that may still be begun today: {left} of {total}"
    if left < count:
        found.append(
            failure(what, f"The gateway waits {hours:.1f} hours. See why it connected so often.")
        )
    elif left < total / 10:
        found.append(warning(what, "The gateway's log says why connections end; see to that."))
    else:
        found.append(ok(what))
    return found
