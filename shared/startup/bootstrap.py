"""How every service starts and stops: the same checks, in the same order, with the same exit codes.

A service's `__main__` calls `run` with its settings and a coroutine function, which wires its
objects and serves until it is asked to stop. The exit codes:

- 0: it was stopped by SIGINT or SIGTERM.
- 1: it cannot listen, an error that only the operator can fix has ended it, an unhandled exception
  has, or a second signal came before it had stopped.
- 2: a setting is missing or cannot be used, Redis refuses the service, or there are arguments.

A service takes no arguments but `--version`, which prints the version and starts nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from shared.config import ConfigError, Settings, environment, from_env
from shared.net.listen import CannotListen
from shared.redis.trial import Command
from shared.startup import import_phase, redis_preflight
from shared.telemetry import logs, metrics_server
from shared.telemetry.health import Health
from shared.version import VERSION

log = logging.getLogger(__name__)

EXIT_FAILED: Final = 1
EXIT_BAD_SETTING: Final = 2

Config = TypeVar("Config", bound=Settings)
LoopExceptionHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class ServiceProcess(Generic[Config]):
    """What a service gets from its bootstrap: settings, health, and word of the signal to stop."""

    def __init__(self, settings: Config, health: Health) -> None:
        self.settings = settings
        self.health = health
        self._stopping = False

    def on_stop(self, stop: Callable[[], object]) -> None:
        """From now on the first SIGINT or SIGTERM calls `stop` in the running loop, which drains.

        `/ready` on METRICS_PORT says no from that moment. A second signal ends the process at once,
        with exit code 1, even while the loop is blocked. Before this call either signal ends it at
        once with exit code 0: there are no clients yet.
        """
        loop = asyncio.get_running_loop()

        def received(*_: object) -> None:
            if self._stopping:
                os._exit(EXIT_FAILED)
            self._stopping = True
            self.health.leave()
            loop.call_soon_threadsafe(stop)

        _handle_signals(received)

    async def stopped(self) -> None:
        """Return on the first SIGINT or SIGTERM. See `on_stop`."""
        stop = asyncio.Event()
        self.on_stop(stop.set)
        await stop.wait()


def run(
    service: str,
    settings_type: type[Config],
    serve: Callable[[ServiceProcess[Config]], Awaitable[str]],
    *,
    redis_commands: Sequence[Command],
    durable_commands: Sequence[Command] = (),
    check: Callable[[Config], None] = lambda _settings: None,
    operator_errors: tuple[type[Exception], ...] = (),
    loop_exception_handler: LoopExceptionHandler | None = None,
) -> int:
    """Start the service, run `serve` until it returns, and give the exit code.

    `serve` returns the totals for the last log line, such as "12 events". `redis_commands`: the
    rights that the service needs in Redis, and `durable_commands` those in the durable one, which
    may be the same. `check` raises ConfigError for what the settings' type alone does not say.
    `operator_errors`: exceptions of `serve` whose text tells the operator all; they are logged
    without a traceback.
    """
    _handle_signals(lambda *_: sys.exit(0))
    if arguments := sys.argv[1:]:
        return _answer(service, arguments)
    health = Health(service)
    try:
        settings = from_env(settings_type, environment())
        check(settings)
        is_one = not settings.durable_redis_url
        commands = [*redis_commands, *(durable_commands if is_one else ())]
        redis_preflight.check("REDIS_URL", settings.redis_url, commands)
        if not is_one and durable_commands:
            url = settings.durable_redis_url
            redis_preflight.check("DURABLE_REDIS_URL", url, durable_commands)
        metrics_server.serve(settings, health)
    except ConfigError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    logs.set_up(settings, service)
    import_phase.end()
    process = ServiceProcess(settings, health)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(serve, process, loop_exception_handler))
    except CannotListen as error:
        print(f"{service}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except Exception as error:
        known = _only(operator_errors, error)
        if known is None:
            raise
        log.error("%s", known)
        return EXIT_FAILED
    return 0


def _answer(service: str, arguments: Sequence[str]) -> int:
    """What a command line with arguments gets; the exit code."""
    if arguments == ["--version"]:
        print(f"Grux {VERSION}")
        return 0
    print(
        f"{service}: there are no arguments but --version; .env.example explains the settings",
        file=sys.stderr,
    )
    return EXIT_BAD_SETTING


async def _serve(
    serve: Callable[[ServiceProcess[Config]], Awaitable[str]],
    process: ServiceProcess[Config],
    loop_exception_handler: LoopExceptionHandler | None,
) -> None:
    asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
    totals = await serve(process)
    log.info("stopped after %.0f s: %s", process.health.uptime, totals)


def _handle_signals(handler: Callable[..., object]) -> None:
    """By signal.signal: a handler of the loop would not run while the loop is blocked."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 (there is none for some platforms)
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _only(kinds: tuple[type[Exception], ...], error: Exception) -> Exception | None:
    """The first of `kinds` in `error`, which may be a group of them; None if there is another."""
    if isinstance(error, kinds):
        return error
    if not isinstance(error, ExceptionGroup):
        return None
    found = [_only(kinds, one) for one in error.exceptions]
    return None if None in found else found[0]
