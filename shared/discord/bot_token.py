"""A bot token names its bot: the first of its three parts is the bot's id in unpadded base64.

Discord docs: Reference, Authentication. The other two parts are secret, and nothing here uses
them.
"""

from __future__ import annotations

import base64
import binascii

from shared.discord import snowflake


def bot_id(token: str) -> int | None:
    """The id of the token's bot. None: the token does not begin with one."""
    first = token.partition(".")[0]
    try:
        text = base64.b64decode(first + "=" * (-len(first) % 4), validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        return None
    return snowflake.parse(text)


def first_part(bot: int) -> str:
    """How a token of this bot begins, up to the first dot."""
    return base64.b64encode(str(bot).encode()).decode().rstrip("=")


def invite_url(bot: int) -> str:
    """The page on which the owner of a server adds this bot to it."""
    return f"https://discord.com/oauth2/authorize?client_id={bot}&scope=bot"
