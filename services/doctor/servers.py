"""The servers whose members are published: GUILD_IDS, or those that the operator has approved.

services/gateway/guild_approval.py explains the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.doctor.discord import BotRest, CheckAborted
from services.doctor.redis_server import REDIS_TIMEOUT_S
from services.doctor.report import Finding, failure, ok, warning
from shared.config import GatewaySettings
from shared.net.http_client import BodyTooLarge, HttpClient, InvalidJson
from shared.redis import approved_guilds
from shared.redis.store import Store, StoreUnavailable

NAMED_SERVERS: Final = 20
MAX_NAME_CHARS: Final = 60

_REMOVE: Final = "Remove the bot from servers that are not yours."
FIXED: Final = "GUILD_IDS is set, so no list of approved servers is used. Edit GUILD_IDS instead."


async def check(
    settings: GatewaySettings, joined: Sequence[dict[str, Any]] | None, *, is_public: bool
) -> list[Finding]:
    """Which of the bot's servers are published, and which are ignored.

    `joined`: its servers. `is_public`: whether anyone may add it to more of them. Nothing where
    Discord or Redis cannot be asked: other checks report that.
    """
    if joined is None:
        return []
    if settings.publishes_all_guilds and not is_public:
        return [ok(f"servers whose members are published: all {len(joined)} (GUILD_IDS=all)")]
    if settings.publishes_all_guilds:
        return [
            warning(
                "the members of every server are published that anyone adds the bot to "
                "(GUILD_IDS=all)",
                "If you do not want that, name your servers in GUILD_IDS, or leave it empty.",
            )
        ]
    try:
        approved: frozenset[int] | None = settings.guilds() or await _load(settings)
    except StoreUnavailable:
        return []
    if approved is None:
        return [
            warning(
                "no server is approved yet: the first start of the gateway approves those that the "
                "bot is in then",
                "Remove the bot from servers that are not yours before you start Grux.",
            )
        ]
    ignored = [guild for guild in joined if int(guild["id"]) not in approved]
    found = [ok(f"servers whose members are published: {len(joined) - len(ignored)}")]
    if settings.guilds():
        if ignored:
            found.append(
                ok(f"servers that GUILD_IDS does not name, and are ignored: {len(ignored)}")
            )
        return found
    found += [_ignored(guild) for guild in ignored[:NAMED_SERVERS]]
    if len(ignored) > NAMED_SERVERS:
        more = len(ignored) - NAMED_SERVERS
        found.append(warning(f"{more} more servers are not approved, and are ignored", _REMOVE))
    return found


async def change(
    settings: GatewaySettings, http: HttpClient, names: Sequence[str], *, approve: bool
) -> list[Finding]:
    """Approve these ids, or revoke their approval. A running gateway follows in seconds."""
    if settings.publishes_all_guilds or settings.guilds():
        return [failure(FIXED, "")]
    wrong = [name for name in names if not (name.isascii() and name.isdigit()) or len(name) > 20]
    if wrong or not names:
        return [failure("the ids of servers are expected", "Run the doctor to see them.")]
    ids = {int(name) for name in names}
    try:
        if approve:
            joined = {int(guild["id"]) for guild in await BotRest(settings, http).guilds()}
            if unknown := sorted(ids - joined):
                return [failure(f"the bot is not in server {unknown[0]}", "Check the id.")]
        async with Store.connect(_url(settings), timeout=REDIS_TIMEOUT_S) as store:
            if approve:
                await approved_guilds.approve(store, ids)
            else:
                await approved_guilds.revoke(store, ids)
    except CheckAborted as aborted:
        return [aborted.finding]
    except (KeyError, TypeError, ValueError, InvalidJson, BodyTooLarge):
        return [failure("the server at DISCORD_API_URL is not Discord", "Remove DISCORD_API_URL.")]
    except StoreUnavailable:
        return [failure("the durable Redis cannot be used", "Run the doctor to see why.")]
    word = "approved" if approve else "not approved any more"
    return [ok(f"{word}: {', '.join(map(str, sorted(ids)))}")]


def _ignored(guild: dict[str, Any]) -> Finding:
    printable = "".join(one for one in str(guild.get("name", "")) if one.isprintable())
    return warning(
        f"server {guild['id']} ({printable[:MAX_NAME_CHARS]}) is not approved, so it is ignored",
        f"If it is yours, run the doctor again with `--approve {guild['id']}`. If not, remove the "
        "bot from it.",
    )


def _url(settings: GatewaySettings) -> str:
    return settings.durable_redis_url or settings.redis_url


async def _load(settings: GatewaySettings) -> frozenset[int] | None:
    async with Store.connect(_url(settings), timeout=REDIS_TIMEOUT_S) as store:
        return await approved_guilds.load(store)
