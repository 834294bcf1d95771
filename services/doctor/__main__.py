"""`python -m services doctor` checks the setup, and says how to fix what is wrong.

The exit status is 1 if there is a failure, else 0. The checks change nothing.
`doctor --approve <id>` approves servers, and `doctor --revoke <id>` takes that back.
`doctor --fix` registers the slash commands at Discord.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from services.doctor import (
    accounts,
    commands,
    discord,
    durable,
    machine,
    ports,
    redis_server,
    servers,
    urls,
    webhooks,
)
from services.doctor.report import Finding, Report, failure, ok, warning
from shared import config, unknown_settings
from shared.config import (
    ApiSettings,
    CardsSettings,
    GatewaySettings,
    Settings,
    WebhooksSettings,
    WsSettings,
)
from shared.net.http_client import HttpClient

REQUEST_TIMEOUT_S = 10.0
MAX_BODY_BYTES = 1 << 20  # a page of 200 guilds is 100 KB

Kind = TypeVar("Kind", bound=Settings)


async def examine(env: Mapping[str, str], report: Report, *, in_compose: bool) -> None:
    """Run every check, and report it. Checks that need an invalid setting are left out."""
    invalid: list[Finding] = []

    def read(kind: type[Kind]) -> Kind | None:
        try:
            return config.from_env(kind, env)
        except config.ConfigError as error:
            invalid.append(failure(str(error), "Correct it in .env, or in the environment."))
            return None

    gateway, api = read(GatewaySettings), read(ApiSettings)
    ws, cards, hooks = read(WsSettings), read(CardsSettings), read(WebhooksSettings)
    found = list(dict.fromkeys(invalid)) or [ok("all are valid")]
    report.section("Settings", [*found, *_unknown_settings()])

    chosen = bool(env.get("REDIS_URL", "").strip())
    async with HttpClient(timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES) as http:

        async def section(title: str, check: Callable[[], Awaitable[list[Finding]]]) -> None:
            try:
                found = await check()
            except Exception as error:  # a bug in one check must not hide the others
                message = f"this could not be checked ({type(error).__name__})"
                found = [failure(message, "This is a bug in the doctor: please report it.")]
            if found:
                report.section(title, found)

        if gateway:
            bot = discord.BotRest(gateway, http)
            await section("Discord", lambda: discord.check(gateway, bot))
            await section(
                "Redis", lambda: redis_server.check(gateway, chosen=chosen, in_compose=in_compose)
            )
            await section(
                "Servers", lambda: servers.check(gateway, bot.joined, is_public=bot.is_public)
            )
            if bot.joined is not None:  # else Discord is reported already
                await section("Commands", lambda: commands.check(gateway, http))
                if api:
                    await section(
                        "Accounts", lambda: accounts.check(api, bot, http, in_compose=in_compose)
                    )
            await section("Durable data", lambda: durable.check(gateway, chosen=chosen))
        if api:
            await section("Profiles", lambda: urls.check_profile_source(api, http))
        if hooks:
            await section("Webhooks", lambda: webhooks.check(hooks))
        if api and ws and cards:
            check_ports = ports.in_containers if in_compose else ports.on_this_machine
            await section("Ports", lambda: check_ports(api, ws, cards, http))
        if api:
            await section(
                "Addresses",
                partial(urls.check_public, api, timeout_s=REQUEST_TIMEOUT_S, in_compose=in_compose),
            )
        if api and in_compose:
            enabled = env.get("DUAL_STACK", "").strip().lower() != "false"
            check_clients = partial(urls.check_dual_stack, api.public_url, enabled=enabled)
            await section("Addresses of clients", check_clients)
    report.section("This machine", [machine.check_file_limit()])


def _unknown_settings() -> list[Finding]:
    remedy = "Correct its name (.env.example lists all settings), or remove the line."
    return [warning(line, remedy) for line in unknown_settings.in_dotenv()]


async def change_servers(
    env: Mapping[str, str], report: Report, names: Sequence[str], *, approve: bool
) -> None:
    """`--approve` and `--revoke`."""
    settings = _gateway_settings(env, report)
    if settings is None:
        return
    async with HttpClient(timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES) as http:
        found = await servers.change(settings, http, names, approve=approve)
    report.section("Servers", found)


async def fix(env: Mapping[str, str], report: Report) -> None:
    """`--fix`."""
    settings = _gateway_settings(env, report)
    if settings is None:
        return
    async with HttpClient(timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES) as http:
        report.section("Commands", await commands.fix(settings, http))


def _gateway_settings(env: Mapping[str, str], report: Report) -> GatewaySettings | None:
    """None: they are not valid, and that is reported."""
    try:
        return config.from_env(GatewaySettings, env)
    except config.ConfigError as error:
        report.section("Settings", [failure(str(error), "Correct it in .env.")])
        return None


def main() -> int:
    """Run the doctor, and return the exit status."""
    try:
        env = config.environment()
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    report = Report(sys.stdout, env)
    option, names = sys.argv[1:2], sys.argv[2:]
    if option in (["--approve"], ["--revoke"]):
        asyncio.run(change_servers(env, report, names, approve=option == ["--approve"]))
        return report.end()
    if option == ["--fix"] and not names:
        asyncio.run(fix(env, report))
        return report.end()
    if option:
        print(
            "Use: doctor, doctor --fix, doctor --approve <id> …, or doctor --revoke <id> …",
            file=sys.stderr,
        )
        return 2
    in_compose = machine.in_container() and ports.compose_names_resolve()
    asyncio.run(examine(env, report, in_compose=in_compose))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
