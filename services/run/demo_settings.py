"""What the settings become where Discord is a simulated one."""

from __future__ import annotations

from collections.abc import Mapping

SIMULATED_PERSON = 161092844126208001
"""Of the simulated people, the one whose presence changes every few seconds."""

SIMULATED_PEOPLE = (
    SIMULATED_PERSON,
    285745753341558786,
    972236608902266883,
    417953076335345670,
    573702423818797063,
)
"""Whom the start page offers to look at. Anybody but the first may be away, or have left."""


def simulated(env: Mapping[str, str], url: str, token: str, *, cdn_url: str = "") -> dict[str, str]:
    """What changes. What the settings say of the real Discord does not hold for this one.

    `url`: where the simulator is. `cdn_url`: where browsers find its pictures, if elsewhere.
    """
    changes = {
        "DISCORD_TOKEN": token,
        "DISCORD_API_URL": f"{url}/api/v10",
        "DISCORD_CDN_URL": cdn_url or f"{url}/cdn",
        "DISCORD_CDN_FETCH_URL": f"{url}/cdn" if cdn_url else "",
        "GUILD_IDS": "",
        "SHARD_COUNT": "",
        "SHARD_IDS": "",
    }
    if not env.get("EXAMPLE_USERS", "").strip():
        changes["EXAMPLE_USERS"] = ",".join(map(str, SIMULATED_PEOPLE))
    if not env.get("PROFILE_SOURCE", "").strip():
        changes["PROFILE_SOURCE"] = "upstream"
        changes["PROFILE_UPSTREAM_URL"] = f"{url}/profiles/{{user_id}}"
    return changes
