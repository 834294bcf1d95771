"""The User-Agent for Discord and profile sources. Discord docs: Reference, User Agent."""

from __future__ import annotations

from typing import Final

USER_AGENT: Final = "DiscordBot (https://github.com/matheusaudibert/grux, 0.1.0)"
