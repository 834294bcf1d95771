"""The settings for a simulated Discord, instead of those for the real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.config import ALL_GUILDS

DEMO_USER_ID: Final = 161092844126208001
"""The simulated user whose presence changes every few seconds."""

DEMO_USER_IDS: Final = (
    DEMO_USER_ID,
    285745753341558786,
    972236608902266883,
    417953076335345670,
    573702423818797063,
)
"""The examples on the start page. All but the first may go offline or leave."""

DEMO_GUILD_ID: Final = "816976062578688017"
"""The simulated guild that newcomers may join."""

DEMO_CLIENT_SECRET: Final = "simulated-client-not-a-secret"  # noqa: S105

AUTHORIZE_PATH: Final = "/oauth2/authorize"
"""Where the simulator has the consent page."""


def demo_settings(
    env: Mapping[str, str], url: str, token: str, *, browser_url: str | None = None
) -> dict[str, str]:
    """The settings to change in `env`, by name.

    `url`: the simulator. `token`: its bot token. `browser_url`: where browsers find its pictures
    and its consent page, if that is not `url`. Guilds and shards of a real bot do not exist there.
    """
    changes = {
        "DISCORD_TOKEN": token,
        "DISCORD_API_URL": f"{url}/api/v10",
        "DISCORD_CDN_URL": f"{url if browser_url is None else browser_url}/cdn",
        "DISCORD_CDN_FETCH_URL": "" if browser_url is None else f"{url}/cdn",
        "DISCORD_CLIENT_SECRET": DEMO_CLIENT_SECRET,
        "DISCORD_AUTHORIZE_URL": f"{url if browser_url is None else browser_url}{AUTHORIZE_PATH}",
        "JOIN_GUILD_ID": DEMO_GUILD_ID,
        "GUILD_IDS": ALL_GUILDS,
        "SHARD_COUNT": "",
        "SHARD_IDS": "",
    }
    if not env.get("EXAMPLE_USERS", "").strip():
        changes["EXAMPLE_USERS"] = ",".join(map(str, DEMO_USER_IDS))
    if not env.get("PROFILE_SOURCE", "").strip():
        changes["PROFILE_SOURCE"] = "upstream"
        changes["PROFILE_UPSTREAM_URL"] = f"{url}/profiles/{{user_id}}"
    return changes
