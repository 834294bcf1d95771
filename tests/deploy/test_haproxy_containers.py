"""deploy/haproxy/containers.cfg and start.sh, with a real HAProxy, and Docker's DNS on loopback."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from testing.eventually import eventually_async
from testing.process import ROOT
from tests.deploy.haproxy_container import (
    EACH,
    HAPROXY,
    HOSTS,
    NAME,
    OTHER,
    container,
    echo,
    replica,
)


async def test_replicas_are_found_by_name(tmp_path: Path) -> None:
    """One that starts is used, one that is gone is dropped, and no read fails meanwhile."""
    async with container(tmp_path) as proxy:

        async def reads() -> set[str]:
            """What answers a few reads: names of replicas, and statuses of errors."""
            answers = [await proxy.get("/user/1") for _ in range(6)]
            return {
                text.partition(" ")[0] if status == 200 else str(status) for status, text in answers
            }

        async def become(expected: set[str], allowed: set[str]) -> None:
            async def is_so() -> bool:
                seen = await reads()
                assert seen <= allowed, seen
                return seen == expected

            await eventually_async(is_so)

        assert await reads() == {"503"}  # nothing has started yet
        proxy.dns.names = {"api": [HOSTS["api"]]}
        await become({"api"}, {"503", "api"})
        proxy.dns.names = {"api": [HOSTS["api"], OTHER]}
        await become({"api", "another"}, {"api", "another"})
        proxy.dns.names = {"api": [OTHER]}
        await become({"another"}, {"api", "another"})


ROUTES = {
    "/events": ("ws", "/events"),
    "/card/*": ("cards", "/card/1.svg"),
    "/badge/*": ("cards", "/badge/1"),
    "/now-playing/*.svg": ("cards", "/now-playing/1.svg"),
    "/now-playing/*.png": ("cards", "/now-playing/1.png"),
    "/cdn/*": ("simulator", "/cdn/avatars/1.png"),
    "/oauth2/authorize": ("simulator", "/oauth2/authorize?client_id=1"),
}
"""What deploy/Caddyfile routes, with an address for each, and the service that answers."""
REST = ("/", "/user/1", "/now-playing/1", "/now-playing/1.txt", "/card", "/events/1", "/me")


def test_the_routes_are_those_of_caddy() -> None:
    """A route that is new there is missing in ROUTES, and therefore in the next test."""
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    paths = [
        *re.findall(r"handle (/\S+)", text),
        *re.findall(r"^\t+path (.*)$", text, re.MULTILINE),
    ]
    assert set(" ".join(paths).split()) == set(ROUTES)


async def test_each_service_gets_its_routes(tmp_path: Path) -> None:
    """WebSockets are routed by their header alone."""
    async with container(tmp_path) as proxy:
        for name, path in ROUTES.values():
            await proxy.finds(EACH, path, f"{name} {path} ")
        for path in REST:
            await proxy.finds(EACH, path, f"api {path} ")
        proxy.dns.names = {"ws": EACH["ws"]}
        for path in ("/", "/socket", *(path for _, path in ROUTES.values())):
            async with connect(f"ws://127.0.0.1:{proxy.port}{path}", proxy=None) as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"


async def test_errors_are_those_of_caddy(tmp_path: Path) -> None:
    """While nothing runs, and of what only the demo has: JSON that pages can read."""
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    bodies = dict(re.findall(r"respond `(.*)` (\d+)", text))
    assert len(bodies) == 2
    async with container(tmp_path) as proxy:
        for path in (*REST, *(path for _, path in ROUTES.values())):
            async with proxy.http.get(f"{proxy.url}{path}") as answer:
                assert bodies[await answer.text()] == str(answer.status)
                assert answer.status == (404 if path.startswith(("/cdn", "/oauth2")) else 503)
                assert answer.content_type == "application/json"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers.get("Retry-After") == ("2" if answer.status == 503 else None)


@pytest.mark.parametrize(
    ("trusted", "passed_on"),
    [
        ("", "127.0.0.1"),
        ("10.0.0.0/8", "127.0.0.1"),
        ("10.0.0.0/8 127.0.0.1", "9.9.9.9, 1.2.3.4, 127.0.0.1"),
        ("10.0.0.0/8, 127.0.0.0/8", "9.9.9.9, 1.2.3.4, 127.0.0.1"),
    ],
)
async def test_the_address_of_the_client(tmp_path: Path, trusted: str, passed_on: str) -> None:
    """What a client sends as X-Forwarded-For counts only if it is one of TRUSTED_PROXIES."""
    async with container(tmp_path, TRUSTED_PROXIES=trusted) as proxy:
        await proxy.finds(EACH, "/user/1", "api ")
        sent = {"X-Forwarded-For": "9.9.9.9, 1.2.3.4"}
        assert await proxy.get("/user/1", **sent) == (200, f"api /user/1 {passed_on}")
        assert await proxy.get("/user/1") == (200, "api /user/1 127.0.0.1")


async def test_an_address_in_a_line_of_its_own(tmp_path: Path) -> None:
    """Some proxies append theirs that way. The lines before are part of the list."""
    async with container(tmp_path, TRUSTED_PROXIES="127.0.0.1") as proxy:
        await proxy.finds(EACH, "/user/1", "api ")
        sent = [("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4")]
        async with proxy.http.get(f"{proxy.url}/user/1", headers=sent) as answer:
            assert await answer.text() == "api /user/1 9.9.9.9, 1.2.3.4, 127.0.0.1"


async def test_a_challenge_goes_nowhere_without_caddy(tmp_path: Path) -> None:
    """HAProxy would send it to the address that it came to: to itself, again and again."""
    async with container(tmp_path, SITE_ADDRESS=NAME) as proxy:
        at_that_address = replica("itself")
        async with serve(echo, "127.0.0.1", proxy.upstream, process_request=at_that_address):
            status, text = await proxy.get("/.well-known/acme-challenge/x")
        assert status == 503
        assert '"unavailable"' in text


class Authority:
    """Writes certificates where Caddy keeps them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "an-authority" / NAME
        self._count = 0

    def issue(self, *, key_of_another: bool = False) -> ssl.SSLContext:
        """A new certificate, which signs itself; gives a context that trusts nothing else."""
        self._count += 1
        made = Path(f"{self._folder}.{self._count}")
        made.mkdir(parents=True)
        key, certificate = made / "key", made / "crt"
        command = [shutil.which("openssl") or "openssl", "req", "-x509", "-newkey", "ec"]
        command += ["-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={NAME}"]
        command += ["-addext", f"subjectAltName=DNS:{NAME}", "-set_serial", str(self._count)]
        subprocess.run(
            [*command, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
        self._folder.mkdir(exist_ok=True)
        if not key_of_another:
            shutil.copy(key, self._folder / f"{NAME}.key")
        shutil.copy(certificate, self._folder / f"{NAME}.crt")
        return ssl.create_default_context(cafile=str(certificate))

    def complete(self) -> None:
        """Write the key of the last certificate too."""
        key = Path(f"{self._folder}.{self._count}") / "key"
        shutil.copy(key, self._folder / f"{NAME}.key")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes certificates")
    return Authority(tmp_path / "caddy")


async def test_a_certificate_is_used_as_soon_as_there_is_one(
    tmp_path: Path, authority: Authority
) -> None:
    """Until then HTTP redirects, and passes on the challenges. A WebSocket outlives a renewal."""
    async with container(tmp_path, SITE_ADDRESS=NAME.title()) as proxy:
        await proxy.finds(EACH, "/.well-known/acme-challenge/x", "caddy ")
        redirected = proxy.http.get(f"{proxy.url}/user/1?x=y", allow_redirects=False)
        async with redirected as answer:
            assert answer.status == 308
            assert answer.headers["Location"] == f"https://127.0.0.1:{proxy.port}/user/1?x=y"
        first = authority.issue()
        socket = await eventually_async(lambda: proxy.secure_socket(first))
        second = authority.issue()
        after = await eventually_async(lambda: proxy.secure_socket(second))

        async def only_the_new_one() -> bool:  # both workers accept connections for a moment
            return await proxy.secure_socket(first) is None

        await eventually_async(only_the_new_one)
        for one in (socket, after):
            assert one is not None
            await one.send("hello")
            assert await one.recv() == "hello"
            await one.close()


async def test_a_key_of_another_certificate_is_not_loaded(
    tmp_path: Path, authority: Authority
) -> None:
    """Caddy writes the two files one after the other. The certificate before stays in use."""
    first = authority.issue()
    async with container(tmp_path, SITE_ADDRESS=NAME) as proxy:
        proxy.dns.names = EACH
        assert await eventually_async(lambda: proxy.secure_socket(first))
        second = authority.issue(key_of_another=True)
        await proxy.process.line_with("inconsistencies between private key and certificate")
        assert await proxy.secure_socket(first)
        authority.complete()
        assert await eventually_async(lambda: proxy.secure_socket(second))


def test_it_differs_from_the_file_for_processes_only_where_it_must() -> None:
    """The same timeouts, retries, checks and errors, and the same rules for services."""

    def section(file: str, name: str) -> list[str]:
        text = (HAPROXY / file).read_text()
        (found,) = re.findall(rf"^{name}\n((?:(?: .*)?\n)+)", text, re.MULTILINE)
        lines = [line.strip() for line in found.splitlines()]
        return [line for line in lines if line and not line.startswith(("#", "server"))]

    for name in ("defaults", "backend api", "backend ws", "backend cards"):
        assert section("containers.cfg", name) == section("haproxy.cfg", name)
    for rule in section("haproxy.cfg", "frontend https"):
        if rule.startswith(("use_backend", "default_backend", "http-request disable")):
            assert f"    {rule}\n" in (HAPROXY / "containers.cfg").read_text()
