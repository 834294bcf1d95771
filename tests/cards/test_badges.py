"""GET /badge/:id.json and .svg."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from services.cards.badges import MAX_TEXT_CHARS, message_and_color
from services.cards.problems import PROBLEMS
from services.cards.render.badge import badge
from services.cards.render_jobs import DrawBadge
from services.cards.texts import LANGUAGES, TEXTS, Language
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.model.snapshot import ActivityType, CustomStatus, Presence, Status
from shared.redis.store import StoreUnavailable
from tests.api.golden import RICH
from tests.api.http_client import ask
from tests.cards.sample_users import (
    AT_WORK,
    EDITOR,
    LISTENING,
    NOTHING,
    ON_TIDAL,
    TIDAL_SONG,
    like,
)
from tests.cards.test_svg_safety import check_svg

STRANGER = "161092844126208999"


async def test_the_json_is_what_shields_io_asks_for(port: int) -> None:
    """Endpoint Badge, schema version 1."""
    answer = await ask(port, f"/badge/{RICH.user_id}.json")
    assert json.loads(answer.body) == {
        "schemaVersion": 1,
        "label": "discord",
        "message": "online",
        "color": "23a55a",
        "style": "flat",
        "isError": False,
        "cacheSeconds": 30,
    }
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("label=Me", {"label": "Me"}),
        ("label=", {"label": ""}),
        (f"label={'x' * 500}", {"label": "x" * MAX_TEXT_CHARS}),
        ("style=for-the-badge", {"style": "for-the-badge"}),
        ("style=x", {"style": "flat"}),
        ("color=%23FF0055", {"color": "ff0055"}),
        ("color=javascript:", {"color": "23a55a"}),
        ("show=activity", {"message": "playing Visual Studio Code", "color": "5865f2"}),
        ("show=spotify", {"message": "90mph by JBEE, Sillage", "color": "1db954"}),
        ("show=custom", {"message": "online"}),
    ],
)
async def test_parameters(port: int, query: str, wanted: dict[str, str]) -> None:
    """Valid values apply."""
    answer = await ask(port, f"/badge/{RICH.user_id}.json?{query}")
    assert json.loads(answer.body).items() >= wanted.items()


@pytest.mark.parametrize(
    ("presence", "show", "message"),
    [
        (like(AT_WORK, status="dnd"), "status", "do not disturb"),
        (NOTHING, "status", "offline"),
        (LISTENING, "activity", "listening to 夜の図書館"),
        (
            like(AT_WORK, activity=[like(EDITOR, type="Competing")]),
            "activity",
            "competing in Visual Studio Code",
        ),
        (like(AT_WORK, activity=[like(EDITOR, type=None)]), "activity", "Visual Studio Code"),
        (NOTHING, "activity", "offline"),
        (ON_TIDAL, "listening", "Harvest Moon by The Quiet Motors, Ola Fenn"),
        (like(ON_TIDAL, listening=like(TIDAL_SONG, artist=None)), "listening", "Harvest Moon"),
        (like(ON_TIDAL, listening=like(TIDAL_SONG, song=None)), "listening", "online"),
        (AT_WORK, "listening", "online"),
        (AT_WORK, "custom", "🔥 shipping on a friday"),
        (like(NOTHING, custom_status=CustomStatus(None, None)), "custom", "offline"),
    ],
)
def test_messages(presence: Presence, show: str, message: str) -> None:
    """The status, where there is nothing else to show."""
    assert message_and_color(presence, show, TEXTS["en"].badge)[0] == message


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("lang=de&show=activity", "spielt Visual Studio Code"),
        ("lang=fr&show=spotify", "90mph de JBEE, Sillage"),
        ("lang=ja", "オンライン"),
        ("lang=pt_br&show=activity", "jogando Visual Studio Code"),
        ("lang=es-MX&show=activity", "jugando a Visual Studio Code"),
        ("lang=xx", "online"),
    ],
)
async def test_languages(port: int, query: str, message: str) -> None:
    """Of the right half, as on cards; any other is English."""
    answer = await ask(port, f"/badge/{RICH.user_id}.json?{query}")
    found = json.loads(answer.body)
    assert (found["message"], found["label"]) == (message, "discord")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_badge_can_be_drawn(language: Language) -> None:
    """In every language, with every status and kind of activity. Braces in names are text."""
    texts = TEXTS[language].badge
    statuses: tuple[Status, ...] = ("online", "idle", "dnd", "invisible")
    kinds: list[ActivityType | None] = [*get_args(ActivityType), None]
    presences = [
        *(like(NOTHING, status=status) for status in statuses),
        *(like(AT_WORK, activity=[like(EDITOR, name="{0} {name}", type=kind)]) for kind in kinds),
    ]
    for presence in presences:
        message, color = message_and_color(presence, "activity", texts)
        assert ("{0} {name}" in message) == bool(presence.activity)
        check_svg(badge(DrawBadge("discord", message, f"#{color}", "flat")))


def test_every_problem_has_a_text() -> None:
    """In the words of a badge, which are fewer than those of a card."""
    for language in LANGUAGES:
        codes = {PROBLEMS[one].code for one in (InvalidUserId, UserNotMonitored, StoreUnavailable)}
        assert TEXTS[language].badge.problems.keys() == codes


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/badge/{STRANGER}.json", 404, "user_not_monitored"),
        ("/badge/x.json", 400, "invalid_user_id"),
    ],
)
async def test_errors_are_the_apis(port: int, path: str, status: int, code: str) -> None:
    """Status and code are those of the api."""
    answer = await ask(port, path)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)


async def test_the_svg(port: int) -> None:
    """Rendered here, with a title, in three styles."""
    widths = []
    for style in ("flat", "flat-square", "for-the-badge"):
        answer = await ask(port, f"/badge/{RICH.user_id}.svg?style={style}&label=%3Cb%3E%22")
        check_svg(answer.body.decode())
        assert answer.status == 200
        assert b'<title>&lt;b&gt;": online</title>' in answer.body
        widths.append(answer.body.split(b'width="')[1].split(b'"')[0])
    assert widths[0] == widths[1] != widths[2]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{STRANGER}.svg", "not monitored"),
        ("x.svg", "no Discord id"),
        ("x.svg?lang=de", "keine Discord-ID"),
    ],
)
async def test_the_svg_explains_problems(port: int, address: str, said: str) -> None:
    """As an image that proxies show."""
    answer = await ask(port, f"/badge/{address}")
    assert answer.status == 200
    assert said in answer.body.decode()
    assert answer.header("x-grux-problem") is not None


async def test_a_conditional_request(port: int) -> None:
    """304 as long as nothing changes; HEAD has no body."""
    answer = await ask(port, f"/badge/{RICH.user_id}.svg")
    tag = answer.header("etag")
    assert (await ask(port, f"/badge/{RICH.user_id}.svg", f"If-None-Match: {tag}")).status == 304
    assert (await ask(port, f"/badge/{RICH.user_id}.svg", method="HEAD")).body == b""
