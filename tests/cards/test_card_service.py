"""Cards over HTTP: a real Redis, real image servers, real render processes.

Long because each case is a whole request and its answer.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import time

import msgspec
import pytest
from PIL import Image

from services.cards.card_service import CardTimings
from services.cards.problems import BUSY_PNG, BUSY_SVG
from services.cards.render_jobs import DrawCard, RenderJob, RenderResult
from services.cards.render_pool import RenderPool
from shared.model.snapshot import Presence
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.logged import forget_earlier_tests
from testing.redis_server import RedisServer
from tests.api.golden import HOSTILE
from tests.api.http_client import EXPOSED_HEADERS, ask
from tests.cards.card_requests import USER, save, title_of
from tests.cards.cards_fixture import serving_cards
from tests.cards.sample_users import (
    AT_WORK,
    AUDIBERT,
    EDITOR,
    KEPT,
    LISTENING,
    NOTHING,
    TIDAL_SONG,
    like,
)
from tests.cards.test_svg_safety import check_svg

STRANGER = "161092844126208999"


async def test_an_svg(store: Store) -> None:
    """Its type, how long it may be cached, and its content."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?hideActivity=true")
        again = await ask(
            port, f"/card/{USER}.svg?hideActivity=true", f"If-None-Match: {answer.header('etag')}"
        )
        head = await ask(port, f"/card/{USER}.svg?hideActivity=true", method="HEAD")
    check_svg(answer.body.decode())
    assert answer.status == 200
    assert answer.header("content-type") == "image/svg+xml; charset=utf-8"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert "max-age=" in (answer.header("cache-control") or "")
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
    assert title_of(answer) == "Audibert is online · 🔥 shipping on a friday"
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.body) == (200, b"")
    assert head.header("etag") == answer.header("etag")


async def test_a_png(store: Store) -> None:
    """The same drawing, two pixels for each unit."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{USER}.png?width=500")
    image = Image.open(io.BytesIO(answer.body))
    assert answer.header("content-type") == "image/png"
    assert (image.format, image.width) == ("PNG", 1000)


@pytest.mark.parametrize("user_id", [str(USER), STRANGER, "12"])
@pytest.mark.parametrize("presence", [AT_WORK, NOTHING], ids=["playing", "nothing"])
async def test_a_wide_picture_always_has_its_size(
    store: Store, presence: Presence, user_id: str
) -> None:
    """Pages announce it before it is drawn. Problems are explained in that size, too."""
    await save(store, presence)
    path = f"/card/{user_id}.png?layout=wide&width=900&showBanner=true"
    async with serving_cards(store) as port:
        answer = await ask(port, path)
    assert Image.open(io.BytesIO(answer.body)).size == (1200, 630)


async def test_a_change_shows_at_once(store: Store) -> None:
    """A card of the previous presence is not served for the new one."""
    await save(store, NOTHING)
    async with serving_cards(store) as port:
        before = await ask(port, f"/card/{USER}.svg")
        await save(store, LISTENING)
        after = await ask(port, f"/card/{USER}.svg")
    assert title_of(before) == "Audibert is offline · I'm not currently doing anything!"
    assert "Listening to Spotify: 夜の図書館, 水色ラジオ" in title_of(after)


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (f"/card/{STRANGER}.{{}}", "user_not_monitored"),
        ("/card/12.{}", "invalid_user_id"),
        ("/card/%3Cscript%3E.{}", "invalid_user_id"),
    ],
)
async def test_what_is_wrong_is_a_picture(store: Store, path: str, problem: str, kind: str) -> None:
    """With a status that image proxies accept, and the code in a header."""
    async with serving_cards(store, discord_invite="https://discord.gg/abc") as port:
        answer = await ask(port, path.format(kind))
    assert answer.status == 200
    assert answer.header("x-grux-problem") == problem
    if kind == "png":
        assert Image.open(io.BytesIO(answer.body)).format == "PNG"
        return
    check_svg(answer.body.decode())
    assert ("Join: https://discord.gg/abc" in title_of(answer)) == (problem == "user_not_monitored")


async def test_invalid_parameters_are_named(store: Store) -> None:
    """And the card is drawn without them."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?theme=pink&bg=%22onload&width=400&v=3")
    assert answer.status == 200
    assert answer.header("x-grux-unusable") == "theme, bg"
    assert answer.header("access-control-expose-headers") == EXPOSED_HEADERS
    assert b'width="400"' in answer.body


async def test_a_background_may_be_translucent(store: Store) -> None:
    """And the server tag may have a color of its own."""
    await save(store, AT_WORK, AUDIBERT)
    async with serving_cards(store) as port:
        glass = await ask(port, f"/card/{USER}.svg?bg=0d111780&clanBackgroundColor=fde68a")
        nothing = await ask(port, f"/card/{USER}.svg?bg=00000000")
        same = await ask(port, f"/card/{USER}.svg?bg=transparent")
    check_svg(glass.body.decode())
    assert b'fill="#0d1117" fill-opacity="0.501961"' in glass.body
    assert b'fill="#fde68a"' in glass.body
    assert nothing.header("x-grux-unusable") is None
    assert nothing.body == same.body


async def test_untrusted_text_stays_text(store: Store) -> None:
    """A name that looks like a tag is drawn as letters, and is no markup."""
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{HOSTILE.user_id}.svg?idleMessage=%3Cimg%20onerror=x%3E")
    check_svg(answer.body.decode())
    assert "&lt;/script&gt;" in title_of(answer)


async def test_redis_is_away() -> None:
    """An image says so; the card returns when Redis does."""
    async with RedisServer() as redis, Store.connect(redis.url, timeout=PATIENCE) as store:
        await save(store, AT_WORK)
        async with serving_cards(store) as port:
            assert (await ask(port, f"/card/{USER}.svg")).header("x-grux-problem") is None
            await redis.kill()
            away = await ask(port, f"/card/{USER}.svg")
            assert away.status == 200
            assert away.header("x-grux-problem") == "unavailable"
            check_svg(away.body.decode())
            await redis.start()
            await save(store, AT_WORK)

            async def back() -> bool:
                return (await ask(port, f"/card/{USER}.svg")).header("x-grux-problem") is None

            await eventually_async(back)


async def test_a_stale_card_says_so(store: Store) -> None:
    """While the gateway is silent."""
    await save(store, NOTHING)
    async with serving_cards(store) as port:
        fresh = await ask(port, f"/card/{USER}.svg")
    async with serving_cards(store, silent_for=700) as port:
        stale = await ask(port, f"/card/{USER}.svg")
    tall = re.compile(rb'viewBox="0 0 450 (\d+)"')
    assert int(tall.search(stale.body)[1]) > int(tall.search(fresh.body)[1])  # type: ignore[index]


class CountingPool(RenderPool):
    """Keeps the jobs that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[RenderJob] = []

    async def submit(self, job: RenderJob) -> RenderResult:
        self.jobs.append(job)
        return await super().submit(job)


async def test_simultaneous_requests_share_one_render(store: Store) -> None:
    """Single flight: 30 requests, one job."""
    pool = CountingPool()
    await save(store, AT_WORK)
    async with serving_cards(store, pool=pool) as port:
        answers = await asyncio.gather(*(ask(port, f"/card/{USER}.svg") for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(pool.jobs) == 1


async def test_varying_the_parameters_is_limited(store: Store) -> None:
    """Renders of one user have a limit. Other users' cards go on, and so do cached ones."""
    await save(store, NOTHING)
    async with serving_cards(store, timings=CardTimings(renders_per_window=3)) as port:
        common = await ask(port, f"/card/{USER}.svg")
        varied = [await ask(port, f"/card/{USER}.svg?accent=00000{n}") for n in range(5)]
        assert [answer.header("x-grux-problem") for answer in varied] == [None] * 2 + ["busy"] * 3
        for answer in varied:
            check_svg(answer.body.decode())
        assert (await ask(port, f"/card/{USER}.svg")).body == common.body
        other = await ask(port, f"/card/{HOSTILE.user_id}.svg")
        assert other.header("x-grux-problem") is None


async def test_a_visitor_cannot_degrade_the_card_of_another_person(store: Store) -> None:
    """Their requests are limited. Others see each change, and they see the last good card."""
    await save(store, NOTHING)
    timings = CardTimings(renders_per_window=3)
    path = f"/card/{USER}.svg"
    hostile, reader = "X-Forwarded-For: 8.8.8.8", "X-Forwarded-For: 9.9.9.9"
    async with serving_cards(store, timings=timings, trusted_proxies="127.0.0.1") as port:
        common = await ask(port, path, hostile)
        varied = [await ask(port, f"{path}?accent=00000{n}", hostile) for n in range(6)]
        assert [answer.header("x-grux-problem") for answer in varied] == [None] * 2 + ["busy"] * 4
        await save(store, LISTENING)
        seen = await ask(port, path, reader)
        assert seen.header("x-grux-problem") is None
        assert "Listening to Spotify" in title_of(seen)
        await save(store, AT_WORK)
        last = await ask(port, f"{path}?accent=000001", hostile)
        assert last.header("x-grux-problem") is None
        assert last.body == varied[1].body
        assert "max-age=5," in (last.header("cache-control") or "")
        assert (await ask(port, path, hostile)).body == seen.body != common.body


@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_the_last_good_card_is_shown_at_the_limit(store: Store, kind: str) -> None:
    """Also where all visitors have one address. It is the one with the same parameters."""
    await save(store, NOTHING)
    path = f"/card/{USER}.{kind}"
    async with serving_cards(store, timings=CardTimings(renders_per_window=4)) as port:
        first = await ask(port, path)
        hidden = await ask(port, f"{path}?hideProfile=true")
        for n in range(6):
            await ask(port, f"{path}?accent=00000{n}")
        await save(store, LISTENING)
        assert (await ask(port, path)).body == first.body
        assert (await ask(port, f"{path}?hideProfile=true")).body == hidden.body
        unknown = await ask(port, f"{path}?theme=light")
    assert unknown.header("x-grux-problem") == "busy"


async def test_no_last_good_card_shows_what_is_hidden_now(store: Store) -> None:
    """It is of a time when that was shown. No card is better."""
    await save(store, LISTENING)
    path = f"/card/{USER}.svg"
    async with serving_cards(store, timings=CardTimings(renders_per_window=1)) as port:
        assert "Listening to Spotify" in title_of(await ask(port, path))
        await save(store, NOTHING, hidden=b'["spotify"]')
        assert (await ask(port, path)).header("x-grux-problem") == "busy"
        await save(store, AT_WORK, hidden=b"[]")
        assert (await ask(port, path)).header("x-grux-problem") is None


async def test_no_last_good_picture_shows_a_song_that_was_erased(store: Store) -> None:
    kept = msgspec.structs.replace(KEPT, until=time.time_ns())
    await save(store, NOTHING, history=msgspec.json.encode(kept))
    path, title = f"/now-playing/{USER}.svg", str(TIDAL_SONG.song)
    async with serving_cards(store, timings=CardTimings(renders_per_window=1)) as port:
        assert title in (await ask(port, path)).body.decode()
        await save(store, NOTHING)
        assert title not in (await ask(port, path)).body.decode()


@pytest.mark.parametrize("damage", [b"garbage", b"[1]", b'{"status":1}'])
async def test_a_damaged_user(
    store: Store, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The pictures say what api does, and nothing is logged as a fault of Grux."""
    forget_earlier_tests(caplog)
    await save(store, LISTENING)
    await store.redis.hset(keys.presence(USER), "presence", damage)
    async with serving_cards(store) as port:
        for path in ("card/{}.svg", "badge/{}.svg", "now-playing/{}.svg"):
            answer = await ask(port, f"/{path.format(USER)}")
            assert (answer.status, answer.header("x-grux-problem")) == (200, "unavailable")
        assert (await ask(port, f"/badge/{USER}.json")).status == 503
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_parameters_that_change_nothing_cost_nothing(store: Store) -> None:
    """Equal cards share one render, however they are asked for, and whatever else has changed."""
    pool = CountingPool()
    await save(store, AT_WORK)
    same = [
        "bg=fff",
        "bg=ffffff",
        "bg=FFFFFFFF",
        "bg=fff&idleMessage=Away",
        "bg=fff&ignoreAppId=383226320970055682",
        "bg=fff&hideSpotify=true",
        "bg=fff&hideTag=true&clanBackgroundColor=123",
        "bg=fff&width=450&borderRadius=1rem&v=7",
    ]
    timings = CardTimings(incomplete_ttl_s=60)  # its images cannot be fetched
    async with serving_cards(store, pool=pool, timings=timings) as port:
        answers = [await ask(port, f"/card/{USER}.svg?{query}") for query in same]
        await save(store, like(AT_WORK, activity=[like(EDITOR, created_at=1)]))
        answers.append(await ask(port, f"/card/{USER}.svg?bg=fff"))
    assert len({answer.body for answer in answers}) == 1
    assert len([job for job in pool.jobs if isinstance(job, DrawCard)]) == 1


async def test_problems_are_counted_by_visitor(store: Store) -> None:
    """A visitor who varies them does not take their looks from others."""
    timings = CardTimings(renders_per_window=2)
    path = f"/card/{STRANGER}.svg"
    async with serving_cards(store, timings=timings, trusted_proxies="127.0.0.1") as port:
        for n in range(4):
            await ask(port, f"{path}?width=30{n}", "X-Forwarded-For: 8.8.8.8")
        other = await ask(port, f"{path}?width=777", "X-Forwarded-For: 9.9.9.9")
    assert b'width="777"' in other.body


async def test_nothing_can_be_rendered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there are images that need no rendering."""
    monkeypatch.setattr("services.cards.render_pool.sys.executable", "/nowhere/python")
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        svg = await ask(port, f"/card/{USER}.svg")
        png = await ask(port, f"/card/{USER}.png")
        badge = await ask(port, f"/badge/{USER}.svg")
    assert svg.body == BUSY_SVG
    assert png.body == BUSY_PNG
    check_svg(svg.body.decode())
    check_svg(badge.body.decode())
    assert Image.open(io.BytesIO(png.body)).size == (225, 44)
    for answer in (svg, badge):
        assert answer.header("x-grux-problem") == "busy"
        assert "max-age=5," in str(answer.header("cache-control"))


async def test_ignored_activities_are_not_shown(store: Store) -> None:
    """Neither in the image nor in its title."""
    await save(store, like(AT_WORK, activity=[EDITOR]))
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?ignoreAppId={EDITOR.application_id}")
    assert "Visual Studio Code" not in answer.body.decode()


async def test_a_card_without_the_profile_does_not_tell_of_it(store: Store) -> None:
    """In its title, which screen readers read."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        title = title_of(await ask(port, f"/card/{USER}.svg?hideProfile=true"))
    assert "Visual Studio Code" in title
    for hidden in ("Audibert", "shipping on a friday", "online"):
        assert hidden not in title


async def test_a_query_that_is_too_long_hides_all_that_it_may_hide(store: Store) -> None:
    """Its end is not read."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        answer = await ask(
            port, f"/card/{USER}.svg?idleMessage={'x' * 8300}&hideActivity=true&hideStatus=true"
        )
    body = answer.body.decode()
    for hidden in ("Visual Studio Code", "Audibert", "shipping on a friday"):
        assert hidden not in body
    assert "hideActivity" in str(answer.header("x-grux-unusable"))


async def test_now_playing_has_no_layouts(store: Store) -> None:
    """What is no parameter of a picture changes nothing in it."""
    await save(store, LISTENING)
    path = f"/now-playing/{USER}.png?width=320"
    async with serving_cards(store) as port:
        plain = await ask(port, path)
        for more in ("layout=wide", "layout=minimal", "clanBackgroundColor=123"):
            assert (await ask(port, f"{path}&{more}")).body == plain.body


async def test_other_spellings_and_hints(store: Store) -> None:
    """A slash at the end and upper case make no difference; without an ending there is a hint."""
    await save(store, AT_WORK)
    async with serving_cards(store) as port:
        for path in (f"/card/{USER}.svg/", f"/CARD/{USER}.SVG"):
            answer = await ask(port, path)
            assert (answer.status, answer.header("x-grux-problem")) == (200, None)
        missing = await ask(port, f"/card/{USER}")
    assert missing.status == 404
    assert b"Route does not exist. Try GET /card/<Discord id>.svg, or .png." in missing.body
