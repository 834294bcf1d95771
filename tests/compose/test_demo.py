"""What `make up` starts without a bot. Tests that take `front_door` run with each of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator

import aiohttp
from websockets.asyncio.client import connect

from testing.event_stream import EventStreamParser
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.compose.project import FETCH, FRONT_DOORS, ROBIN, ROOT, XENIA, Project
from tests.compose.watcher import watching

NOT_REACHED = "Grux is being started or updated"  # the front door's own answer


async def test_what_it_prints_works(project: Project, front_door: str) -> None:
    """It says that the users are simulated, and the URL that it prints shows one of them."""
    assert "because DISCORD_TOKEN is not set" in project.said
    (address,) = re.findall(r"curl (\S+)", project.said)
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        assert answer.status == 200
        profile = (await answer.json())["data"]["profile"]
        assert profile["username"] == "robin"
        async with http.get(profile["avatar_image"]) as picture:
            assert (picture.status, picture.content_type) == (200, "image/png")
    (address,) = re.findall(r'WebSocket\("(\S+)"\)', project.said)
    async with connect(address, proxy=None) as socket:
        assert '"initial_data"' in str(await socket.recv())


async def test_a_change_arrives_everywhere(project: Project, front_door: str) -> None:
    """A WebSocket and a request show it, and every replica of api and ws has served."""
    address = f"{project.url}/activity/{XENIA}"
    async with (
        aiohttp.ClientSession() as http,
        watching(f"{project.ws_url}/socket?user_id={XENIA}", 20) as watchers,
    ):

        async def shown() -> str | None:
            async with http.get(address) as answer:
                status = (await answer.json())["data"]["custom_status"]
                return status["text"] if status else None

        await eventually(lambda: all(watcher.state for watcher in watchers))
        say(project, "hello")
        await eventually(lambda: {watcher.text for watcher in watchers} == {"hello"})

        async def read() -> bool:
            return await shown() == "hello"

        await eventually_async(read)
        for _ in range(40):
            assert await shown() == "hello"
        told = [project.metric(one, "grux_ws_connections ") for one in project.containers("ws")]
        hits = [project.metric(one, "grux_api_hits_total ") for one in project.containers("api")]
    assert len(told) == len(hits) == 2
    assert sum(told) == 20
    assert min(told) > 0
    assert min(hits) > 0


async def test_every_write_arrives(project: Project, front_door: str) -> None:
    """A body cannot be sent twice, so the first try has to reach a process that listens."""
    address = f"{project.url}/v1/users/@me/kv/mood"
    headers = {"Authorization": "of nobody"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for _ in range(12):
            async with http.put(address, data="calm") as answer:
                assert NOT_REACHED not in await answer.text()


async def test_cards_are_drawn_with_their_pictures(project: Project) -> None:
    """In a container with a read-only file system; the images come from the simulator."""
    (simulator,) = project.containers("simulator")
    stats = "http://127.0.0.1:8100/control/stats"

    def fetched() -> int:
        page = project.inside(simulator, "python", "-c", FETCH, stats, "")
        found: int = json.loads(page)["cdn"]
        return found

    before = fetched()
    address = f"{project.url}/card/{ROBIN}.png"
    async with aiohttp.ClientSession() as http, http.get(address) as card:
        assert (card.status, card.content_type) == (200, "image/png")
    assert fetched() > before


async def test_an_event_stream_is_not_buffered(project: Project, front_door: str) -> None:
    """The front door routes it to ws, and passes on each event at once."""
    url = f"{project.url}/events?user_id={XENIA}"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        texts = _texts(answer.content)
        for text in ("first of the stream", "second of the stream"):
            await asyncio.to_thread(say, project, text)
            async with asyncio.timeout(PATIENCE):
                while await anext(texts) != text:
                    pass


async def test_pictures_pages_and_documents(project: Project, front_door: str) -> None:
    """Each is answered by the service that has it; the documents are in the image."""
    async with aiohttp.ClientSession() as http:
        for path, kind in (
            (f"/now-playing/{ROBIN}.svg", "image/svg+xml"),
            (f"/now-playing/{ROBIN}.png", "image/png"),
            (f"/now-playing/{ROBIN}.txt", "text/plain"),
            (f"/now-playing/{ROBIN}", "application/json"),
            (f"/users?ids={ROBIN},{XENIA}", "application/json"),
            (f"/check/{ROBIN}", "application/json"),
            (f"/overlay/{ROBIN}", "text/html"),
            (f"/embed/{ROBIN}", "text/html"),
            (f"/u/{ROBIN}", "text/html"),
            (f"/oembed?url={project.url}/u/{ROBIN}", "application/json"),
            ("/llms.txt", "text/plain"),
            ("/docs/events.md", "text/markdown"),
            ("/docs/recipes/obs", "text/html"),
            ("/docs/images/now-playing.svg", "image/svg+xml"),
        ):
            async with http.get(project.url + path) as answer:
                assert (answer.status, answer.content_type) == (200, kind), path
                assert "X-Grux-Problem" not in answer.headers, path
        async with http.get(f"{project.url}/history/{XENIA}") as answer:
            assert (await answer.json())["error"]["code"] == "history_off"


async def test_the_rest_goes_to_the_api(project: Project, front_door: str) -> None:
    """The front door passes on the API's pages and errors, but not its metrics."""
    async with aiohttp.ClientSession() as http:
        async with http.get(project.url, headers={"Accept": "text/html"}) as page:
            assert page.content_type == "text/html"
            assert project.ws_url in await page.text()
        for path, status in (
            ("/metrics", 404),
            ("/control/stats", 404),
            ("/cdn/nothing.png", 404),
            ("/oauth2/authorize", 400),  # the simulator's page, without the parameters
            ("/socket", 400),  # as Lanyard answers where there is no handshake
        ):
            async with http.get(project.url + path) as answer:
                assert answer.status == status, path
        async with http.get(f"{project.url}/user/x") as answer:
            assert (await answer.json())["error"]["code"] == "invalid_user_id"


def test_limits_count_the_client_and_not_the_proxy(project: Project, front_door: str) -> None:
    """The front door passes on the client's address, and replaces what the client claims."""
    network = f"{project.name}-strangers"
    (container,) = project.containers(front_door)
    last = 10 * FRONT_DOORS.index(front_door)  # the limit of an address lasts for a minute
    # Public addresses that are no longer in use: RFC 7526.
    project.run("docker", "network", "create", "--internal", "--subnet", "192.88.99.0/24", network)
    try:
        project.run("docker", "network", "connect", "--ip", "192.88.99.2", network, container)
        first = _ask(project, network, f"192.88.99.{last + 7}", times=80)
        second = _ask(project, network, f"192.88.99.{last + 8}", times=1)
    finally:
        project.run("docker", "network", "disconnect", "--force", network, container, check=False)
        project.run("docker", "network", "rm", network, check=False)
    assert first.count("200") <= 60  # 30 a minute, two replicas
    assert first.count("429") >= 20
    assert second == ["200"]


def test_without_token_and_demo_the_error_names_both(project: Project) -> None:
    """The gateway does not guess: its error names both ways to continue."""
    said = project.run(
        *("docker", "run", "--rm", f"grux:{project.name}", "gateway"), check=False, stderr=True
    )
    assert "DISCORD_TOKEN must be set" in said
    assert "docker compose --profile demo up" in said


def test_the_doctor_finds_nothing_to_fix(project: Project) -> None:
    """It reaches the simulated Discord, Redis and the other containers, and exits with 0."""
    said = project.compose("run", "--rm", "gateway", "doctor")
    for words in (
        "the bot is grux",
        "the Presence Intent is switched on",
        "its data survives a restart (append-only file)",
        "of 384 MB, maxmemory-policy volatile-ttl",
        "a gateway is connected to Discord",
        "api answers",
        "ws answers",
        "cards answers",
        "the profile source answers",
    ):
        assert words in said
    assert "warning" not in said
    assert "failure" not in said


def test_site_address_selects_the_published_ports(project: Project, front_door: str) -> None:
    """With a name, 80 and 443 are published; without one, a port of this machine only."""
    local = project.compose("config")
    assert f'published: "{project.port}"' in local
    assert "host_ip: 127.0.0.1" in local
    public = project.compose("config", settings={"SITE_ADDRESS": "presence.example.org"})
    assert {"80", "443"} == set(re.findall(r'published: "(\d+)"', public))
    assert "host_ip" not in public
    assert "PUBLIC_URL: https://presence.example.org\n" in public
    assert "PUBLIC_WS_URL: wss://presence.example.org\n" in public


def test_an_unknown_front_door(project: Project) -> None:
    """`make up` says what is allowed, and compose which file is missing."""
    wrong = {"FRONT_DOOR": "nginx"}
    said = project.run("deploy/up.sh", check=False, stderr=True, settings=wrong)
    assert said.startswith("FRONT_DOOR is nginx, but must be caddy or haproxy: ")
    said = project.run("docker", "compose", "up", check=False, stderr=True, settings=wrong)
    assert "deploy/front-door/nginx.yml: no such file" in said


def test_the_images_have_only_what_they_need(project: Project) -> None:
    """They have no settings, tests or tools; only api serves docs/."""
    code = {"services", "shared", "web"}
    for image, expected in (("grux", code | {"docs"}), ("grux-cards", code)):
        assert set(_in_image(project, image, "ls", "-A").split()) == expected
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in ignored if not line.startswith("#")) == "*"


def test_only_the_image_of_cards_can_draw(project: Project) -> None:
    """The others have neither the fonts nor the image libraries."""
    libraries = ("PIL", "uharfbuzz", "bidi", "resvg_py")
    program = (
        f"import importlib.util as u;print(*(name for name in {libraries} if u.find_spec(name)))"
    )
    for image, found in (("grux", set()), ("grux-cards", set(libraries))):
        assert set(_in_image(project, image, "python", "-c", program).split()) == found
    assert "cards" not in _in_image(project, "grux", "ls", "services").split()
    assert "Twemoji.ttf" in _in_image(project, "grux-cards", "ls", "services/cards/fonts")


async def test_more_cards(project: Project) -> None:
    """`make scale CARDS=2`: the front door finds the second one, and both draw."""
    project.run("deploy/scale.sh", "cards=2")
    try:
        containers = project.containers("cards")
        assert len(containers) == 2
        labels = itertools.count()

        async def both_draw() -> bool:
            async with aiohttp.ClientSession() as http:
                address = f"{project.url}/badge/{ROBIN}.svg?label={next(labels)}"
                async with http.get(address) as badge:
                    assert (badge.status, badge.content_type) == (200, "image/svg+xml")
            drawn = [project.metric(one, "grux_cards_renders_total ") for one in containers]
            return min(drawn) > 0

        await eventually_async(both_draw)
    finally:
        project.run("deploy/scale.sh", "cards=1")


async def _texts(body: aiohttp.StreamReader) -> AsyncIterator[str | None]:
    """The custom status of each event."""
    parser = EventStreamParser()
    async for piece in body.iter_any():
        for event in parser.feed(piece):
            status = event.frame["d"].get("custom_status")
            yield status["text"] if status else None


def _in_image(project: Project, image: str, *command: str) -> str:
    """What a command prints that is run in the image."""
    entrypoint, *arguments = command
    return project.run(
        *("docker", "run", "--rm", "--entrypoint", entrypoint),
        *(f"{image}:{project.name}", *arguments),
    )


def say(project: Project, text: str) -> None:
    """Set this custom status for Xenia."""
    status = {"id": "custom", "name": "Custom Status", "type": 4, "state": text}
    project.control("set_presence", user_id=XENIA, activities=[status])


def _ask(project: Project, network: str, address: str, *, times: int) -> list[str]:
    """The response statuses of one client that claims many addresses."""
    program = (
        "import http.client as h\n"
        f"for n in range({times}):\n"
        "  c = h.HTTPConnection('192.88.99.2', 80)\n"
        f"  c.request('GET', '/activity/{XENIA}', headers={{'X-Forwarded-For': f'8.8.4.{{n}}'}})\n"
        "  print(c.getresponse().status)\n"
    )
    place = ("--network", network, "--ip", address, "--entrypoint", "python")
    return project.run(
        "docker", "run", "--rm", *place, f"grux:{project.name}", "-c", program
    ).split()
