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


def demo_settings(
    env: Mapping[str, str], url: str, token: str, *, cdn_url: str = ""
) -> dict[str, str]:
    """The settings to change in `env`, by name.

    `url`: the simulator. `token`: its bot token. `cdn_url`: where browsers load its pictures, if
    that is not below `url`. Guilds and shards of a real bot do not exist there.
    """
    changes = {
        "DISCORD_TOKEN": token,
        "DISCORD_API_URL": f"{url}/api/v10",
        "DISCORD_CDN_URL": cdn_url or f"{url}/cdn",
        "DISCORD_CDN_FETCH_URL": f"{url}/cdn" if cdn_url else "",
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
