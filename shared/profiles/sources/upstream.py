"""Profile source `upstream`: the operator's own server, which answers with whole profiles.

The shape is that of Discord's own profile object (undocumented; Discord docs snapshot of
discord-userdoccers, Get User Profile), which Discord does not give to bots.
"""

from __future__ import annotations

from shared.discord.cdn import Cdn
from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.profiles.sources import profile_object
from shared.profiles.sources.client import NotFound, ProfileClient


class UpstreamSource:
    """Asks PROFILE_UPSTREAM_URL, which contains `{user_id}` and maybe a password."""

    def __init__(self, client: ProfileClient, url: str, cdn: Cdn) -> None:
        self._client = client
        self._url = url
        self._cdn = cdn

    async def fetch(self, user_id: int) -> ProfileExtras:
        """All extras of the profile. Raises SourceFailed."""
        url = self._url.replace("{user_id}", str(user_id))
        try:
            profile = await self._client.get(url, {})
        except NotFound:
            return NOTHING
        return profile_object.extras_of(profile, user_id, self._cdn)
