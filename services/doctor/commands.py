"""Whether people can use `/grux`; and `doctor --fix`, which registers it."""

from __future__ import annotations

from typing import Final

from services.doctor.report import Finding, failure, ok, warning
from shared.commands.registration import PORTAL, CommandRegistration, RegistrationFailed
from shared.config import GatewaySettings
from shared.net.http_client import HttpClient

FIX: Final = "Start the gateway, which registers them, or run the doctor with `--fix`."


async def check(settings: GatewaySettings, http: HttpClient) -> list[Finding]:
    """What is registered at Discord. Changes nothing."""
    registration = CommandRegistration(http, settings.discord_api_url, settings.discord_token)
    try:
        state = await registration.state()
    except RegistrationFailed as error:
        return [warning(f"the slash commands cannot be checked: {error}", error.remedy)]
    if state.endpoint_url:
        return [
            warning(
                "the bot has an Interactions Endpoint URL, so no slash command reaches Grux",
                f"Open {PORTAL}: your application, General Information. Empty the field, and save.",
            )
        ]
    if state.is_current:
        return [ok("the slash commands (/grux) are registered")]
    return [warning("the slash commands (/grux) are not registered as this version has them", FIX)]


async def fix(settings: GatewaySettings, http: HttpClient) -> list[Finding]:
    """`--fix`: register them, if Discord has others."""
    registration = CommandRegistration(http, settings.discord_api_url, settings.discord_token)
    try:
        state = await registration.state()
        if state.is_current:
            return [ok("the slash commands (/grux) are registered; nothing was changed")]
        await registration.write(state.application_id)
    except RegistrationFailed as error:
        return [failure(f"the slash commands were not registered: {error}", error.remedy)]
    return [ok("the slash commands (/grux) are registered now")]
