"""A person with a browser, and the client that they sign in to."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from simulator import BOT_ID
from simulator.people import FIRST_PERSON
from simulator.server import Simulator

CALLBACK = "http://127.0.0.1:8000/auth/callback"
# The pair of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
QUERY = {
    "response_type": "code",
    "client_id": BOT_ID,
    "scope": "identify connections",
    "redirect_uri": CALLBACK,
    "state": "a&b",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}

Headers = dict[str, str]


def basic(client_id: str, secret: str) -> Headers:
    """HTTP Basic."""
    return {"Authorization": aiohttp.encode_basic_auth(client_id, secret)}


class Browser:
    """A person with a browser, and the client that they return to."""

    def __init__(self, sim: Simulator, http: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.http = http
        self.client = basic(BOT_ID, sim.options.client_secret)

    async def open(self, **changes: str) -> tuple[int, str]:
        """Open the authorize URL; the status, and the page or where it redirects to."""
        url = f"{self.sim.authorize_url}?{urlencode({**QUERY, **changes})}"
        async with self.http.get(url, allow_redirects=False) as response:
            return response.status, response.headers.get("Location") or await response.text()

    async def answer(self, **fields: str) -> tuple[int, str]:
        """Send the page's form."""
        async with self.http.post(
            self.sim.authorize_url, data={**QUERY, **fields}, allow_redirects=False
        ) as response:
            return response.status, response.headers.get("Location") or await response.text()

    async def code(self, **fields: str) -> str:
        """Agree; the code that comes back."""
        status, location = await self.answer(**{"user_id": FIRST_PERSON, **fields})
        assert status == 303
        return parse_qs(urlsplit(location).query)["code"][0]

    async def token(self, client: Headers | None = None, /, **form: str) -> tuple[int, Any]:
        """A token request with HTTP Basic."""
        async with self.http.post(
            f"{self.sim.api_url}/oauth2/token", data=form, headers=client or self.client
        ) as response:
            assert not [name for name in response.headers if name.startswith("X-RateLimit")]
            return response.status, await response.json()

    async def sign_in(self, **fields: str) -> Any:
        """From the page to the tokens."""
        status, answer = await self.token(
            grant_type="authorization_code",
            code=await self.code(**fields),
            redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
        )
        assert status == 200
        return answer

    async def get(self, path: str, access_token: str) -> tuple[int, Any]:
        """A REST request with the person's token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        async with self.http.get(f"{self.sim.api_url}{path}", headers=headers) as response:
            return response.status, await response.json()
