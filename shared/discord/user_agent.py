"""The User-Agent for Discord and profile sources. Discord docs: Reference, User Agent."""

from __future__ import annotations

from typing import Final

from shared.version import VERSION

USER_AGENT: Final = f"DiscordBot (https://github.com/matheusaudibert/grux, {VERSION})"
