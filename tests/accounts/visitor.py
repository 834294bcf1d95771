"""A person with a browser, in front of an api that lets them sign in at a simulated Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from services.api.accounts.grant_keeper import GrantTimings
from services.api.accounts.limits import LimitCounts
from services.api.accounts.service import AccountService, JoinTimings
from shared.config import ApiSettings
from shared.redis.store import Store
from simulator.faults import RestFault
from simulator.options import Options
from simulator.people import FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import PATIENCE
from tests.api.replica import serving

ROBIN: Final = int(FIRST_PERSON)
SAME_ORIGIN: Final = {"sec-fetch-site": "same-origin"}
HTML: Final = {"accept": "text/html,*/*;q=0.8"}


class Reply(Struct, frozen=True):
    """An answer of the api."""

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: list[str]  # whole Set-Cookie headers

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Visitor:
    """One browser: cookies of its own. It follows no redirects by itself."""

    def __init__(self, base: str, sim: Simulator) -> None:
        self.base = base
        self.sim = sim
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | None = None,
    ) -> Reply:
        """One request, as it is."""
        async with self.http.request(
            method,
            URL(urljoin(self.base, path), encoded=True),
            headers=headers,
            data=body if form is None else dict(form),
            json=json,
            allow_redirects=False,
        ) as response:
            return Reply(
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                await response.text(),
                response.headers.getall("Set-Cookie", []),
            )

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, headers)

    async def page(self, path: str = "/me") -> Reply:
        """As a person opens it."""
        return await self.send("GET", path, HTML)

    async def csrf(self) -> str:
        """The token in the forms of the page."""
        text = (await self.page()).body
        return text.partition('name="csrf" value="')[2].partition('"')[0]

    async def post(self, path: str, **fields: str) -> Reply:
        """Send a form of the page off."""
        form = {"csrf": await self.csrf(), **fields}
        return await self.send("POST", path, {**HTML, **SAME_ORIGIN}, form=form)

    async def patch(self, **settings: object) -> Reply:
        return await self.send("PATCH", "/me", SAME_ORIGIN, json=settings)

    async def to_discord(self, path: str = "/auth/login") -> str:
        """The address at Discord that signing in leads to."""
        reply = await self.get(path)
        assert reply.status == 302, reply
        return reply.location

    async def agree(self, authorize_url: str, user_id: int = ROBIN) -> str:
        """Press the button at Discord; the path that Discord leads back to."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(authorize_url).query).items()}
        async with self.http.post(
            self.sim.authorize_url,
            data={**query, "user_id": str(user_id)},
            allow_redirects=False,
        ) as response:
            assert response.status == 303, await response.text()
            back = response.headers["Location"]
        return back.removeprefix(self.base)

    async def sign_in(self, user_id: int = ROBIN) -> Reply:
        """All of it. The reply is that of the callback."""
        reply = await self.page(await self.agree(await self.to_discord(), user_id))
        assert reply.status == 303, reply.body
        return reply

    def cookie(self, name: str = "grux-session") -> str:
        """The value of a cookie; empty if there is none."""
        found = self.http.cookie_jar.filter_cookies(URL(self.base)).get(name)
        return found.value if found else ""

    def set_cookie(self, value: str, name: str = "grux-session") -> None:
        self.http.cookie_jar.update_cookies({name: value}, URL(self.base))


class Site:
    """The api, and the Discord behind it."""

    def __init__(
        self, sim: Simulator, store: Store, durable: Store, accounts: AccountService, port: int
    ) -> None:
        self.sim = sim
        self.store = store
        self.durable = durable
        self.accounts = accounts
        self.port = port
        self.base = f"http://localhost:{port}"

    def visitor(self) -> Visitor:
        """A new browser."""
        return Visitor(self.base, self.sim)

    def break_discord(
        self, prefix: str, status: int, *, carried_out: bool = False, times: int | None = 1
    ) -> None:
        """The next requests below this path fail."""
        self.sim.faults.add_rest(
            RestFault(prefix=prefix, status=status, carried_out=carried_out, times=times)
        )


@asynccontextmanager
async def site(
    store: Store,
    durable: Store | None = None,
    *,
    timings: GrantTimings | None = None,
    limits: LimitCounts | None = None,
    join_timings: JoinTimings | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """`settings`: of the api, besides those for the simulator."""
    options = Options(port=0, members=12, guilds=1, newcomers=2, rate=0.0, private_people=0.0)
    async with Simulator(options) as sim:
        accounts = AccountService(
            store,
            durable or store,
            ApiSettings(
                **{
                    "discord_token": sim.token,
                    "discord_api_url": sim.api_url,
                    "discord_authorize_url": sim.authorize_url,
                    "discord_client_secret": sim.options.client_secret,
                    **settings,
                }
            ),
            timings,
            limits,
            join_timings,
        )
        async with serving(store, durable=durable, accounts=accounts) as port:
            sim.options.redirect_uris = f"http://localhost:{port}/auth/callback"
            yield Site(sim, store, durable or store, accounts, port)
