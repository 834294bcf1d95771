"""Sessions and the checks of where a request comes from, as attackers would try them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from starlette.requests import Request

from services.api.accounts.address import NoPublicAddress, SiteAddress, own_path, site_address
from services.api.accounts.cookies import MAX_COOKIES, read_cookie
from services.api.accounts.secret_key import KeyRings
from services.api.accounts.sessions import COOKIE, Session, SessionService, check_origin
from shared.http.errors import Forbidden, Unauthorized
from shared.redis.grants import GrantStore
from shared.redis.sessions import SessionStore
from shared.redis.store import Store

USER = 1274150219482660897
SITE = SiteAddress.of("https://presence.example.org")
SESSION = Session(USER, "digest", "the-token")


def request(headers: Mapping[str, str] | None = None, method: str = "POST") -> Request:
    pairs = [(k.encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
    scope = {"type": "http", "method": method, "path": "/me", "headers": pairs}
    return Request(scope)


def service(store: Store, *secrets: str) -> SessionService:
    return SessionService(SessionStore(store), KeyRings(GrantStore(store), secrets))


def cookie_of(header: tuple[bytes, bytes]) -> str:
    return header[1].decode().partition(";")[0].partition("=")[2]


def with_cookie(value: str, name: str = f"__Host-{COOKIE}") -> Request:
    return request({"cookie": f"other=1; {name}={value}"})


async def test_a_session_begins_and_ends(store: Store) -> None:
    """On the server: the cookie alone is of no use afterwards."""
    sessions = service(store)
    header = await sessions.begin(USER, SITE)
    assert header[1].endswith(b"; Path=/; HttpOnly; SameSite=Lax; Secure")
    found = await sessions.required(with_cookie(cookie_of(header)), SITE)
    assert found.user_id == USER
    await sessions.end(found)
    assert await sessions.current(with_cookie(cookie_of(header)), SITE) is None
    with pytest.raises(Unauthorized):
        await sessions.required(request(), SITE)


async def test_each_sign_in_has_a_new_session(store: Store) -> None:
    """So that nobody can prepare one for somebody else; forms of one are of no use in another."""
    sessions = service(store)
    first, second = [cookie_of(await sessions.begin(USER, SITE)) for _ in range(2)]
    assert first != second
    tokens = {
        (await sessions.required(with_cookie(cookie), SITE)).csrf_token
        for cookie in (first, second)
    }
    assert len(tokens) == 2


async def test_changed_cookies_are_no_session(store: Store) -> None:
    """Another user, another secret, another signature, or parts of it."""
    sessions = service(store)
    cookie = cookie_of(await sessions.begin(USER, SITE))
    user, secret, signature = cookie.split(".")
    for made_up in (
        f"171234567890123776.{secret}.{signature}",
        f"{user}.{secret[:-1]}.{signature}",
        f"{user}.{secret}.{'0' * len(signature)}",
        f"{user}.{secret}",
        f"{user}.{secret}.",
        f".{secret}.{signature}",
        f"{cookie}.{signature}",
        f"{cookie}0",
        "",
        ".",
        "..",
        "x" * 100_000,
        "\xff",
    ):
        assert await sessions.current(with_cookie(made_up), SITE) is None, made_up
    assert await sessions.current(with_cookie(cookie), SITE) is not None


async def test_a_cookie_of_another_scheme_is_no_session(store: Store) -> None:
    """A cookie without the prefix may have been set by another host, or over http://."""
    sessions = service(store)
    cookie = cookie_of(await sessions.begin(USER, SITE))
    assert await sessions.current(with_cookie(cookie, COOKIE), SITE) is None


async def test_a_removed_key_ends_its_sessions(store: Store) -> None:
    """While both are named, the session goes on."""
    old, new = "o" * 32, "n" * 32
    cookie = cookie_of(await service(store, old).begin(USER, SITE))
    assert await service(store, new, old).current(with_cookie(cookie), SITE) is not None
    assert await service(store, new).current(with_cookie(cookie), SITE) is None


def test_many_cookies_cost_little() -> None:
    """Only so many are read."""
    many = "; ".join(f"c{n}=1" for n in range(MAX_COOKIES))
    assert read_cookie(request({"cookie": f"{many}; wanted=1"}), "wanted") is None
    assert read_cookie(request({"cookie": f"wanted=1; wanted=2; {many}"}), "wanted") == "1"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": "https://presence.example.org"},
        {"x-csrf-token": "the-token"},
    ],
)
def test_a_request_of_this_site(headers: Mapping[str, str]) -> None:
    """As browsers send it, and as programs with the token do."""
    check_origin(request(headers), SITE, SESSION)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://presence.example.org"},
        {"origin": "https://presence.example.org.evil.example"},
        {"origin": "https://presence.example.org:8443"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "https://presence.example.org"},
        {"sec-fetch-site": "cross-site", "x-csrf-token": "the-token"},
        {"origin": "https://evil.example", "x-csrf-token": "the-token"},
        {"sec-fetch-site": "same-origin", "x-csrf-token": "another"},
        {"x-csrf-token": ""},
        {"x-csrf-token": "the-tokeN"},
    ],
)
def test_a_request_of_another_site(headers: Mapping[str, str]) -> None:
    """Nothing is done; also if it knows the token, as from a page that was left open."""
    with pytest.raises(Forbidden):
        check_origin(request(headers), SITE, SESSION)


@pytest.mark.parametrize("token", ["", "another", "THE-TOKEN", "\ud800"])
def test_a_form_without_the_token(token: str) -> None:
    """It is needed even where the browser says that the form is of this site."""
    headers = {"sec-fetch-site": "same-origin", "origin": SITE.origin}
    with pytest.raises(Forbidden):
        check_origin(request(headers), SITE, SESSION, form_token=token)


def test_a_form_with_the_token() -> None:
    """Also where the browser tells nothing of where it comes from."""
    check_origin(request(), SITE, SESSION, form_token="the-token")
    with pytest.raises(Forbidden):
        check_origin(
            request({"sec-fetch-site": "cross-site"}), SITE, SESSION, form_token="the-token"
        )


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f/evil.example",
        "///evil.example",
        "/me//evil.example",
        "/../evil",
        "javascript:alert(1)",
        "/me\r\nset-cookie: a=b",
        "/me\n",
        "/me#@evil.example",
        "/me?next=https://evil.example",
        "@evil.example",
        ".evil.example",
        "/\t/evil.example",
        "me",
        "",
        "/" + "a" * 200,
        "/ü",
    ],
)
def test_paths_that_lead_elsewhere(text: str) -> None:
    """After signing in, the browser goes to a path of this site alone."""
    assert own_path(text) == "/me"


@pytest.mark.parametrize("text", ["/", "/me", "/docs/websocket", "/?user=1274150219482660897"])
def test_own_paths(text: str) -> None:
    """They stay as they are."""
    assert own_path(text) == text


def test_the_address_is_that_of_the_setting() -> None:
    """Whatever the client says: PUBLIC_URL is where Discord sends people back to."""
    site = site_address(request({"host": "evil.example"}), "https://presence.example.org/live")
    assert site.redirect_uri == "https://presence.example.org/live/auth/callback"
    assert site.origin == "https://presence.example.org"
    assert site.is_secure


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost"])
def test_without_the_setting_it_is_this_machine(host: str) -> None:
    """Over http://, so the cookie has neither Secure nor the prefix."""
    site = site_address(request({"host": host}), "")
    assert (site.base, site.is_secure) == (f"http://{host}", False)
    assert site.cookie_name(COOKIE) == COOKIE


@pytest.mark.parametrize("host", ["evil.example", "192.168.0.7:8000", "", "localhost.evil.example"])
def test_without_the_setting_no_other_host_is_believed(host: str) -> None:
    """It comes from the client, who may want the code to go elsewhere."""
    with pytest.raises(NoPublicAddress, match="PUBLIC_URL"):
        site_address(request({"host": host}), "")


@pytest.mark.parametrize("url", ["http://presence.example.org", "http://192.168.0.7:8000"])
def test_signing_in_needs_tls(url: str) -> None:
    """Elsewhere, others could read the session on its way."""
    with pytest.raises(NoPublicAddress, match="https://"):
        site_address(request(), url)
    assert not site_address(request(), "http://127.0.0.1:8080").is_secure
