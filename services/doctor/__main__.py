"""`python -m services doctor`: is everything set up as it should be, and what to do if not.

Ends with status 0, or 1 when there is a failure. Changes nothing anywhere.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from services.doctor import application, machine, ports, profile_source, public, redis_server
from services.doctor.finding import Finding, failure, ok
from services.doctor.report import Report
from shared import config
from shared.config import ApiSettings, GatewaySettings, Settings, WsSettings
from shared.net.http_client import HttpClient

REQUEST_TIMEOUT_S = 10.0  # for any one question
MAX_BODY_BYTES = 1 << 20  # a page of 200 guilds is 100 KB

Kind = TypeVar("Kind", bound=Settings)


async def examine(env: Mapping[str, str], report: Report, *, in_compose: bool) -> None:
    """Tell `report` all that is found. A setting that cannot be read stops what depends on it."""
    bad: list[Finding] = []

    def read(kind: type[Kind]) -> Kind | None:
        try:
            return config.from_env(kind, env)
        except config.ConfigError as error:
            bad.append(failure(str(error), "Correct it in .env, or in the environment."))
            return None

    gateway, api, ws = read(GatewaySettings), read(ApiSettings), read(WsSettings)
    report.section("Settings", list(dict.fromkeys(bad)) or [ok("they can be read")])

    chosen = bool(env.get("REDIS_URL", "").strip())
    async with HttpClient(timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES) as http:

        async def section(title: str, check: Callable[[], Awaitable[list[Finding]]]) -> None:
            try:
                found = await check()
            except Exception as error:  # a check that breaks must not hide the others
                why = f"this could not be checked ({type(error).__name__})"
                found = [failure(why, "That is a bug of the doctor: please report it.")]
            if found:
                report.section(title, found)

        if gateway:
            await section("Discord", lambda: application.check(gateway, http))
            await section("Redis", lambda: redis_server.check(gateway, chosen=chosen))
        if api:
            await section("Profiles", lambda: profile_source.check(api, http))
        if api and ws:
            look = ports.in_containers if in_compose else ports.on_this_machine
            await section("Ports", lambda: look(api, ws, http))
        if api:
            await section(
                "Addresses",
                partial(public.check, api, timeout_s=REQUEST_TIMEOUT_S, in_compose=in_compose),
            )
    report.section("This machine", [machine.open_files()])


def main() -> int:
    """Returns the exit status."""
    env = config.environment()
    report = Report(sys.stdout, env)
    in_compose = machine.in_container() and ports.have_names()
    asyncio.run(examine(env, report, in_compose=in_compose))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
