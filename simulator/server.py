"""The simulator as one object: a world, its gateway, REST, CDN and controls on one port."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.application_commands import ApplicationCommands
from simulator.application_routes import ApplicationRoutes
from simulator.cdn import Cdn
from simulator.chat_routes import ChatRoutes
from simulator.clock import MovableClock
from simulator.command import ControlTarget
from simulator.connected_accounts import ConnectedAccounts
from simulator.control import Control
from simulator.demo_choice import keep_history
from simulator.faults import Faults, Refusal, RefusedAddress
from simulator.gateway import RESUME_PATH, Gateway
from simulator.gateway_session import DropHow, GatewayState
from simulator.guild_join import GuildJoins
from simulator.interaction_rest import InteractionRest
from simulator.interactions import Interactions
from simulator.member_requests import MemberRequestResponder
from simulator.oauth_grants import Grants
from simulator.oauth_routes import AUTHORIZE_PATH, OAuthRoutes
from simulator.options import Options
from simulator.people import newcomers, population, some_privacy
from simulator.profiles import Profiles
from simulator.rest import Rest
from simulator.rest_middleware import API_PREFIX, RestMiddleware
from simulator.scenario import Scenario
from simulator.sessions import Sessions
from simulator.stats import Stats
from simulator.webhook_events import WebhookEvents
from simulator.world import World

_log = logging.getLogger("simulator")


class Simulator:
    """``async with Simulator(Options(port=0)) as sim:`` listens, and lives, inside the block.

    Raises :class:`OSError` on entering if the port is taken.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.stats = Stats()
        self.faults = Faults()
        now_ms = int(time.time() * 1000)
        people, guilds = population(
            self.options.members, self.options.guilds, self.options.seed, now_ms
        )
        self.world = World(people, guilds)
        some_privacy(self.world, self.options.private_people, self.options.seed)
        self.sessions = Sessions(self.world, self.options, self.stats)
        self.commands = ApplicationCommands()
        self.interactions = Interactions(self.world, self.sessions, self.commands, self.options)
        self.clock = MovableClock()
        self.accounts = ConnectedAccounts()
        self.grants = Grants(self.clock, self.faults.take_dead_token)
        self.events = WebhookEvents(self.world, self.options, self.stats, self.clock)
        self.grants.audience = self.events
        self.joins = GuildJoins(self.world, self.grants)
        self.scenario = Scenario(self.world, self.options, now_ms)
        self.world.people |= {one.user.id: one for one in newcomers(self.options.newcomers, now_ms)}
        members = MemberRequestResponder(self.world, self.options, self.stats)
        self.gateway = Gateway(
            GatewayState(self.sessions, members, self.options, self.stats, self.faults)
        )
        self.port = self.options.port
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        self._tasks: list[asyncio.Task[None]] = []

    def _application(self) -> web.Application:
        rest_middleware = RestMiddleware(self.options, self.stats, self.faults, self.grants)
        rest = web.Application(middlewares=[rest_middleware.handle])
        oauth = OAuthRoutes(self.world, self.grants, self.accounts, self.options)
        rest.add_routes(oauth.routes())  # /users/@me/… before /users/{user_id}
        rest.add_routes(ApplicationRoutes(self.world, self.options, self.events).routes())
        rest.add_routes(Rest(self.world, self.sessions.identify_limits, self.options).routes())
        rest.add_routes(self.joins.routes())
        rest.add_routes(self.commands.routes())
        rest.add_routes(InteractionRest(self.interactions).routes())
        app = web.Application(middlewares=[self.only_images_for_others])
        app.add_subapp(API_PREFIX, rest)
        app.add_routes(oauth.pages())
        app.add_routes(ChatRoutes(self.world, self.commands, self.interactions).routes())
        app.add_routes([web.get("/gateway", self.gateway.handle)])
        app.add_routes([web.get("/gateway/", self.gateway.handle)])
        app.add_routes([web.get(RESUME_PATH, self.gateway.handle)])
        app.add_routes(Cdn(self.stats).routes())
        app.add_routes(Profiles(self.world, self.faults).routes())
        app.add_routes(Control(self._control_target()).routes())
        return app

    @web.middleware
    async def only_images_for_others(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        allowed = not self.options.remote_images_only or request.path.startswith("/cdn/")
        if allowed or (request.remote and ip_address(request.remote).is_loopback):
            return await handler(request)
        raise web.HTTPForbidden(text="Only images are available from another machine.")

    def _control_target(self) -> ControlTarget:
        return ControlTarget(
            self.world,
            self.sessions,
            self.gateway,
            self.faults,
            self.options,
            self.stats,
            self.interactions,
            self.grants,
            self.accounts,
            self.clock,
            self.joins,
            self.events,
        )

    @property
    def token(self) -> str:
        """The bot token that this Discord knows."""
        return self.options.token

    @property
    def url(self) -> str:
        """``http://host:port``, as clients on this machine reach it."""
        return f"http://{self._connect_host()}:{self.port}"

    @property
    def api_url(self) -> str:
        """What Grux wants as ``DISCORD_API_URL``."""
        return self.url + API_PREFIX

    @property
    def authorize_url(self) -> str:
        """The consent page, as browsers on this machine open it."""
        return self.url + AUTHORIZE_PATH

    @property
    def cdn_url(self) -> str:
        """What Grux wants as ``DISCORD_CDN_URL``."""
        return f"{self.url}/cdn"

    @property
    def gateway_url(self) -> str:
        """Where REST sends gateway clients."""
        return f"ws://{self._connect_host()}:{self.port}/gateway"

    def _connect_host(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.options.host, self.options.host)  # noqa: S104
        return f"[{host}]" if ":" in host else host

    def drop(
        self,
        how: DropHow = "close",
        *,
        code: int = 4000,
        reason: str | None = None,
        shard: int | None = None,
        session_id: str | None = None,
    ) -> int:
        """End connections (see :class:`simulator.control_faults.Drop`); returns how many."""
        return self.gateway.drop(how, code=code, reason=reason, shard=shard, session_id=session_id)

    def refuse(
        self,
        seconds: float | None = None,
        how: Refusal = "http",
        address: RefusedAddress = "both",
    ) -> None:
        """Take no gateway connections for ``seconds``, or until ``faults.clear()``."""
        self.faults.refuse(seconds, how, address)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.options.host, self.options.port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.events.start()
        self.port = self._runner.addresses[0][1]
        self._start(self.scenario.run())
        if self.options.keeps_history:
            self._start(keep_history(self.options.keeps_history, self.interactions))
        return self

    def _start(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.joins.close()
        await self.events.close()
        await self.gateway.close()
        await self._runner.cleanup()


def _log_failure(task: asyncio.Task[None]) -> None:
    """No task awaits these, so a failure is logged here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("unhandled exception: users no longer do what they should", exc_info=error)
