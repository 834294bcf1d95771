"""The requests to Discord that signing in needs: tokens, who the user is, connections, joining.

Sources: Discord docs, Topics, OAuth2; Resources, User, Get Current User Connections; Resources,
Guild, Add Guild Member; Resources, Application, Get Current Application. RFC 6749, RFC 7636.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from services.api.accounts.discord_answers import (
    ClientRejected,
    DiscordApplication,
    DiscordAway,
    GrantInvalid,
    JoinRefused,
    Membership,
    SignedInUser,
    TokenRejected,
    Tokens,
    application_of,
    oauth_error,
    retry_after,
    tokens_of,
    user_of,
)
from shared.discord.user_agent import USER_AGENT
from shared.model.connected_accounts import OwnConnection, own_connections
from shared.net.http_client import HttpClient, HttpError, HttpResponse

REQUEST_TIMEOUT_S: Final = 5.0  # a page needs up to three, and a response may take 20 s
MAX_BODY_BYTES: Final = 256 * 1024
MAX_CONNECTIONS: Final = 16
APPLICATION_FRESH_S: Final = 3600.0
REJECTED_PAUSE_S: Final = 30.0

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON: Final = {"Content-Type": "application/json"}


class DiscordApi:
    """`async with` is the lifetime of its connections."""

    def __init__(self, api_url: str, bot_token: str, client_secret: str) -> None:
        self._api_url = api_url
        self._bot = {"Authorization": f"Bot {bot_token}"}
        self._client_secret = client_secret
        self._application: DiscordApplication | None = None
        self._application_at = float("-inf")
        self._renewal: asyncio.Task[None] | None = None
        self._refusal: DiscordAway | ClientRejected = DiscordAway("it was never asked")
        self._refused_until = float("-inf")
        self._http = HttpClient(
            timeout_s=REQUEST_TIMEOUT_S,
            max_body_bytes=MAX_BODY_BYTES,
            max_connections=MAX_CONNECTIONS,
            headers={"User-Agent": USER_AGENT},
        )

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        await self._http.close()

    async def application(self) -> DiscordApplication:
        """Asked once an hour; an older answer stands in while Discord is away.

        Anybody can cause this request. So one is shared by all who wait for it, and none is sent
        for a while after 401 and 429: Discord blocks an address that collects 10,000 of them in
        ten minutes. Raises DiscordAway, ClientRejected.
        """
        fresh_until = max(self._application_at + APPLICATION_FRESH_S, self._refused_until)
        if time.monotonic() >= fresh_until:
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew_application())
            await asyncio.shield(self._renewal)
        if self._application is not None:
            return self._application
        raise self._refusal.with_traceback(None)  # else it grows with each raise

    async def _renew_application(self) -> None:
        try:
            self._application = await self._fetch_application()
            self._application_at = time.monotonic()
        except ClientRejected as error:
            self._refusal, self._application = error, None
            self._refused_until = time.monotonic() + REJECTED_PAUSE_S
        except DiscordAway as error:
            self._refusal = error
            self._refused_until = time.monotonic() + error.retry_after_s

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """The tokens for a code. Raises DiscordAway, GrantInvalid, ClientRejected."""
        return await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; the old ones end. Raises DiscordAway, GrantInvalid, ClientRejected."""
        return await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def revoke(self, token: str) -> None:
        """End all tokens of the user. One that has ended already is no error.

        Raises DiscordAway, ClientRejected.
        """
        form = {"token": token, "token_type_hint": "refresh_token"}
        async with self._form("/oauth2/token/revoke", form) as response:
            if response.status == 200:
                return
            error = await oauth_error(response)
            if error in ("invalid_grant", "unsupported_token_type", "invalid_request"):
                return
            raise DiscordAway(f"HTTP {response.status}")

    async def signed_in_user(self, access: str) -> SignedInUser:
        """Whose token it is. Raises DiscordAway, TokenRejected: also if it is of another
        application."""
        body = await self._get_as_user("/oauth2/@me", access)
        user, application_id = user_of(body)
        if application_id != (await self.application()).id:
            raise TokenRejected("the token is of another application")
        return user

    async def connections(self, access: str) -> list[OwnConnection]:
        """Raises DiscordAway, TokenRejected."""
        return own_connections(await self._get_as_user("/users/@me/connections", access))

    async def guild_name(self, guild_id: int) -> str | None:
        """None: the bot is not in it. Raises DiscordAway."""
        async with self._request("GET", f"/guilds/{guild_id}", self._bot) as response:
            if response.status in (403, 404):
                return None
            if response.status != 200:
                raise DiscordAway(f"HTTP {response.status}")
            body = await response.json()
        name = body.get("name") if isinstance(body, dict) else None
        return name if isinstance(name, str) and name else None

    async def add_member(self, guild_id: int, user_id: int, access: str) -> Membership:
        """Let the user join. Raises DiscordAway, JoinRefused."""
        async with self._request(
            "PUT",
            f"/guilds/{guild_id}/members/{user_id}",
            {**self._bot, **_JSON},
            msgspec.json.encode({"access_token": access}),
        ) as response:
            if response.status == 204:
                return "member"
            if response.status != 201 and not 400 <= response.status < 500:
                raise DiscordAway(f"HTTP {response.status}")
            body = await response.json()
        if response.status == 201:
            is_pending = isinstance(body, dict) and body.get("pending") is True
            return "pending" if is_pending else "joined"
        code = body.get("code") if isinstance(body, dict) else None
        raise JoinRefused(code if isinstance(code, int) else 0)

    async def _fetch_application(self) -> DiscordApplication:
        async with self._request("GET", "/applications/@me", self._bot) as response:
            if response.status == 401:
                raise ClientRejected("Discord refuses the bot token: see DISCORD_TOKEN")
            if response.status != 200:
                raise DiscordAway(f"HTTP {response.status}")
            body = await response.json()
        return application_of(body)

    async def _tokens(self, form: Mapping[str, str]) -> Tokens:
        asked_at = time.time_ns() // 1_000_000
        async with self._form("/oauth2/token", form) as response:
            if response.status != 200:
                error = await oauth_error(response)
                if error == "invalid_grant" or (error == "invalid_request" and "code" in form):
                    raise GrantInvalid(error)
                raise DiscordAway(f"HTTP {response.status} {error}".rstrip())
            body = await response.json()
        return tokens_of(body, asked_at)

    async def _get_as_user(self, path: str, access: str) -> Any:
        async with self._request("GET", path, {"Authorization": f"Bearer {access}"}) as response:
            if response.status == 401:
                raise TokenRejected(f"HTTP {response.status}")
            if response.status != 200:
                raise DiscordAway(f"HTTP {response.status}")
            return await response.json()

    @asynccontextmanager
    async def _form(self, path: str, form: Mapping[str, str]) -> AsyncIterator[HttpResponse]:
        client_id = (await self.application()).id
        account = b64encode(f"{client_id}:{self._client_secret}".encode()).decode()
        headers = {**_FORM, "Authorization": f"Basic {account}"}
        async with self._request("POST", path, headers, urlencode(form).encode()) as response:
            if response.status == 401:
                raise ClientRejected(
                    "Discord refuses DISCORD_CLIENT_SECRET: it is wrong or was reset. Copy it from "
                    "https://discord.com/developers/applications, your application, OAuth2."
                )
            yield response

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[HttpResponse]:
        try:
            async with self._http.send(method, f"{self._api_url}{path}", headers, body) as response:
                if response.status == 429:
                    raise DiscordAway("HTTP 429", await retry_after(response))
                yield response
        except HttpError as error:
            raise DiscordAway(str(error) or type(error).__name__) from None
