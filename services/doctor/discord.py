"""Checks of the bot: its token, intents, servers and sessions, as Discord reports them.

Discord docs: Application, Current User Guilds, Get Gateway Bot.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

from services.doctor import machine
from services.doctor.report import Finding, failure, ok, warning
from shared.config import GatewaySettings
from shared.discord.bot_token import bot_id, invite_url
from shared.discord.privileged_intents import (
    MEMBERS_FLAGS,
    PRESENCE_FLAGS,
    REVIEW_USERS,
    REVIEW_WARNING_USERS,
)
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import (
    BodyTooLarge,
    HttpClient,
    HttpResponse,
    InvalidJson,
    RequestFailed,
)

GUILDS_PER_PAGE: Final = 200
MAX_GUILDS: Final = 2000  # that are read
MAX_GUILDS_PER_SHARD: Final = 2500  # Discord closes a shard with more: 4011

PORTAL: Final = "https://discord.com/developers/applications"
COPY_TOKEN: Final = f"Copy the bot's token from {PORTAL}: your application, Bot, Reset Token."
SWITCH_ON: Final = (
    f"Open {PORTAL}: your application, Bot, Privileged Gateway Intents; switch it on, and save."
)

_THREE_PARTS: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class CheckAborted(Exception):
    """Raised when a response makes further requests to Discord pointless."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


async def check(settings: GatewaySettings, discord: BotRest) -> list[Finding]:
    """Check token, intents, servers and sessions, and the clock against Discord's."""
    found = [check_token(settings.discord_token)]
    if found[0].level != "ok":
        return found
    try:
        me = await discord.get("/users/@me")
        found.append(ok(f"the bot is {me['username']} ({me['id']})"))
        if discord.clock is not None:
            found.append(discord.clock)
        application = await discord.get("/applications/@me")
        discord.is_public = bool(application.get("bot_public"))
        guilds = await discord.guilds()
        members = sum(guild.get("approximate_member_count") or 0 for guild in guilds)
        flags = int(application.get("flags") or 0)
        found += [
            check_intent("Presence Intent", flags, PRESENCE_FLAGS, members),
            check_intent("Server Members Intent", flags, MEMBERS_FLAGS, members),
            check_installation(is_public=discord.is_public),
            *_servers(settings, guilds, members, int(me["id"])),
            *_sessions(settings, await discord.get("/gateway/bot"), len(guilds)),
        ]
    except CheckAborted as aborted:
        found.append(aborted.finding)
    except (KeyError, TypeError, ValueError, InvalidJson, BodyTooLarge):
        found.append(
            failure(
                "the server at DISCORD_API_URL is not Discord: it sends other data",
                "Remove DISCORD_API_URL from .env. The default is Discord's own address.",
            )
        )
    return found


def check_token(token: str) -> Finding:
    """Whether `token` has the form of a bot token, without asking Discord.

    The finding repeats no part of the token.
    """
    if not token:
        return failure(
            "DISCORD_TOKEN is not set",
            f"{COPY_TOKEN} Write it into .env, after `DISCORD_TOKEN=`. To try Grux without a bot: "
            "`make run`, or `docker compose --profile demo up`.",
        )
    mistake = _token_mistake(token)
    if mistake:
        return failure(f"DISCORD_TOKEN is not a bot token: {mistake}", COPY_TOKEN)
    return ok("DISCORD_TOKEN has the form of a bot token")


def _token_mistake(token: str) -> str:
    """What is wrong with it, or what else it seems to be. Empty: nothing."""
    word, _, rest = token.partition(" ")
    if word in ("Bot", "Bearer") and rest:
        return f"it starts with the word {word!r}; write the token alone"
    if token[0] in "\"'" or token[-1] in "\"'":
        return "it has quotation marks around it; write the token alone"
    if re.search(r"\s", token):
        return "it contains a space"
    if token.startswith("mfa."):
        return "it is a user's token, and Discord forbids programs to use those"
    if re.fullmatch(r"[0-9]{15,20}", token):
        return "it is an id"
    if re.fullmatch(r"[0-9a-f]{64}", token):
        return "it looks like the application's public key"
    if re.fullmatch(r"[\w-]{32}", token):
        return "it looks like the application's client secret"
    if not _THREE_PARTS.fullmatch(token):
        return "a bot token has three parts, separated by dots"
    if bot_id(token) is None:
        return "the first of its three parts is not a bot's id"
    return ""


class BotRest:
    """Discord's REST API, with the bot's token."""

    def __init__(self, settings: GatewaySettings, http: HttpClient) -> None:
        self.clock: Finding | None = None
        self.joined: list[dict[str, Any]] | None = None  # what `guilds` found
        self.is_public = True  # unless the application says otherwise
        self._http = http
        self._url = settings.discord_api_url
        self._headers = {
            "Authorization": f"Bot {settings.discord_token}",
            "User-Agent": USER_AGENT,
        }

    async def get(self, path: str) -> Any:
        """The decoded body. Raises CheckAborted, InvalidJson, BodyTooLarge."""
        try:
            async with self._http.get(self._url + path, self._headers) as response:
                self._check(path, response)
                return await response.json()
        except RequestFailed as error:
            raise CheckAborted(
                failure(
                    f"Discord cannot be reached at DISCORD_API_URL ({error})",
                    "Check this machine's internet connection: name resolution, firewall, proxy. "
                    "With Docker, check whether other containers reach the internet.",
                )
            ) from None

    def _check(self, path: str, response: HttpResponse) -> None:
        """Raises CheckAborted unless the status is 200."""
        date = response.headers.get("Date", "")
        self.clock = machine.check_clock_by_http("Discord's", date, time.time())
        if response.status == 401:
            raise CheckAborted(
                failure(
                    "Discord does not accept DISCORD_TOKEN: it was reset, or is not complete",
                    COPY_TOKEN,
                )
            )
        if response.status == 429:
            wait = response.headers.get("Retry-After", "some")
            raise CheckAborted(
                warning(
                    f"Discord's rate limit is used up; it asks to wait {wait} seconds",
                    "Run the doctor again after that.",
                )
            )
        if response.status != 200:
            raise CheckAborted(
                failure(
                    f"Discord answered GET {path} with status {response.status}",
                    "See https://discordstatus.com, and try again later.",
                )
            )

    async def guilds(self) -> list[dict[str, Any]]:
        """The guilds that the bot is in, with approximate member counts. Raises as `get` does."""
        found: list[dict[str, Any]] = []
        while len(found) < MAX_GUILDS:
            after = found[-1]["id"] if found else "0"
            path = f"/users/@me/guilds?limit={GUILDS_PER_PAGE}&with_counts=true&after={after}"
            page = await self.get(path)
            found += page
            if len(page) < GUILDS_PER_PAGE:
                break
        self.joined = found
        return found


def check_intent(name: str, flags: int, bits: tuple[int, int], members: int) -> Finding:
    """Whether the intent is switched on, and reviewed where that is needed soon."""
    full, limited = bits
    if not flags & (full | limited):
        return failure(
            f"the {name} is switched off, so Discord refuses the gateway (close code 4014)",
            SWITCH_ON,
        )
    if not flags & full and members >= REVIEW_WARNING_USERS:
        return warning(
            f"the {name} is switched on but not reviewed, and the bot sees about {members:,} users",
            f"Discord reviews bots that {REVIEW_USERS:,} users can see. Apply at {PORTAL} (your "
            "application) before Discord asks: docs/privileged-intents.md has a text for the form.",
        )
    return ok(f"the {name} is switched on")


def check_installation(*, is_public: bool) -> Finding:
    """`bot_public` in Discord docs, Application Resource."""
    if is_public:
        return warning(
            "anyone can add the bot to their server (Public Bot)",
            f"If only you should: open {PORTAL}: your application. Installation: set Install Link "
            "to None, and save. Bot: switch Public Bot off, and save.",
        )
    return ok("nobody but you can add the bot to a server (Public Bot is switched off)")


def _servers(
    settings: GatewaySettings, guilds: list[dict[str, Any]], members: int, bot: int
) -> list[Finding]:
    invite = invite_url(bot)
    if not guilds:
        return [failure("the bot is in no server, so it monitors no users", f"Invite it: {invite}")]
    count = f"more than {MAX_GUILDS - 1}" if len(guilds) >= MAX_GUILDS else str(len(guilds))
    found = [ok(f"servers that the bot is in: {count}, with about {members:,} members")]
    joined = {int(guild["id"]) for guild in guilds}
    found += [
        failure(
            f"GUILD_IDS names {missing}, but the bot is not in that server",
            f"Invite the bot to it ({invite}), or remove the id from GUILD_IDS.",
        )
        for missing in sorted(settings.guilds() - joined)
        if len(guilds) < MAX_GUILDS
    ]
    return found


def _sessions(settings: GatewaySettings, gateway: Any, guilds: int) -> list[Finding]:
    """`gateway`: what Get Gateway Bot returns. `guilds`: how many the bot is in."""
    recommended, limit = int(gateway["shards"]), gateway["session_start_limit"]
    left, total = int(limit["remaining"]), int(limit["total"])
    found = []
    count = settings.shard_count or recommended
    if guilds > count * MAX_GUILDS_PER_SHARD:
        found.append(
            failure(
                f"SHARD_COUNT is {count}, too few for {guilds:,} servers (close code 4011)",
                f"Set it to {recommended}, or leave it empty.",
            )
        )
    elif count < recommended:
        found.append(
            warning(
                f"SHARD_COUNT is {count}, but Discord recommends {recommended}",
                f"Set it to {recommended}, or leave it empty.",
            )
        )
    hours = int(limit["reset_after"]) / 3_600_000
    message = f"sessions that may still be started with Discord today: {left} of {total}"
    if left < count:
        found.append(
            failure(
                message,
                f"The gateway has to wait {hours:.1f} hours. Its log says why it reconnected so "
                "often; fix that cause first.",
            )
        )
    elif left < total / 10:
        found.append(
            warning(message, "The gateway's log says why its connections end; fix that cause.")
        )
    else:
        found.append(ok(message))
    return found
