"""What can be told of a bot token by looking at it. Nothing here repeats any part of it."""

from __future__ import annotations

import re
from typing import Final

from services.doctor.finding import Finding, failure, ok
from shared.discord.bot_token import bot_id

WHERE: Final = "https://discord.com/developers/applications, your application"
COPY: Final = f"Copy the bot's token from {WHERE}, Bot, Reset Token."

_PARTS: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def shape(token: str) -> Finding:
    """Whether it looks like a bot token; what else it seems to be, where it does not."""
    if not token:
        return failure(
            "DISCORD_TOKEN is not set",
            f"{COPY} Write it into .env, behind DISCORD_TOKEN=. To try Grux without a bot: `make "
            "run`, or `docker compose --profile demo up`.",
        )
    said = _something_else(token)
    if said:
        return failure(f"DISCORD_TOKEN is not a bot token: {said}", COPY)
    return ok("DISCORD_TOKEN has the shape of a bot token")


def _something_else(token: str) -> str:
    """What is wrong with it; empty: nothing."""
    word, _, rest = token.partition(" ")
    if word in ("Bot", "Bearer") and rest:
        return f"the word {word!r} stands before it; write the token alone"
    if token[0] in "\"'" or token[-1] in "\"'":
        return "there are quotation marks around it; write the token alone"
    if re.search(r"\s", token):
        return "there is a blank in it"
    if token.startswith("mfa."):
        return "it is a person's, which Discord forbids to use"
    if re.fullmatch(r"[0-9]{15,20}", token):
        return "it is an id"
    if re.fullmatch(r"[0-9a-f]{64}", token):
        return "it seems to be the application's public key"
    if re.fullmatch(r"[\w-]{32}", token):
        return "it seems to be the application's client secret"
    if not _PARTS.fullmatch(token):
        return "that has three parts with dots between them"
    if bot_id(token) is None:
        return "the first of its three parts does not name a bot"
    return ""
