"""Profile source `upstream`: a server of the operator's that answers with whole profiles.

The shape is that of Discord's own profile object (undocumented; Discord docs snapshot of
discord-userdoccers, Get User Profile), which no bot may ask Discord for.
"""

from __future__ import annotations

from shared.discord.cdn import Cdn
from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.profiles.sources import profile_object
from shared.profiles.sources.client import NotFound, ProfileClient


class Upstream:
    """Asks `PROFILE_UPSTREAM_URL`, which has `{user_id}` in it. The URL may carry a password."""

    def __init__(self, client: ProfileClient, url: str, cdn: Cdn) -> None:
        self._client = client
        self._url = url
        self._cdn = cdn

    async def fetch(self, user_id: int) -> ProfileExtras:
        """All that a profile shows. Raises SourceFailed."""
        url = self._url.replace("{user_id}", str(user_id))
        try:
            profile = await self._client.get(url, {})
        except NotFound:
            return NOTHING
        return profile_object.extras_of(profile, user_id, self._cdn)
