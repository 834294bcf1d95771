"""Profile source `discord`: what Discord gives to the bot. Discord docs: Get User."""

from __future__ import annotations

import logging

from shared.discord.cdn import Cdn
from shared.discord.user_agent import USER_AGENT
from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.profiles.sources import user_object
from shared.profiles.sources.client import NotFound, ProfileClient, SourceRefused
from shared.profiles.sources.source import SourceStopped

log = logging.getLogger(__name__)


class DiscordSource:
    """Asks `GET /users/:id` with the bot's token."""

    def __init__(self, client: ProfileClient, api_url: str, token: str, cdn: Cdn) -> None:
        self._client = client
        self._users = f"{api_url}/users"
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
        self._cdn = cdn
        self._refused = False

    async def fetch(self, user_id: int) -> ProfileExtras:
        """Banner, accent color, nameplate and server tag. Raises SourceFailed, SourceStopped."""
        if self._refused:
            raise SourceStopped("the token is refused")
        try:
            user = await self._client.get(f"{self._users}/{user_id}", self._headers)
        except SourceRefused:
            self._refuse()
            raise SourceStopped("the token is refused") from None
        except NotFound:
            return NOTHING
        return user_object.extras_of(user_object.checked(user, user_id), user_id, self._cdn)

    def _refuse(self) -> None:
        """Too many refused requests get the address banned, so Discord is never asked again."""
        if not self._refused:
            self._refused = True
            log.error(
                "profiles: Discord rejects DISCORD_TOKEN (status 401) and is not asked again. Set "
                "the bot's token and restart; until then profiles have no more than the gateway "
                "knows"
            )
