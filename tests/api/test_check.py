"""GET /check/:id: why a user is shown, or is not, without telling who hides."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from msgspec import Struct
from redis.asyncio import Redis

from services.api.endpoints.check import UserCheck, findings_of
from shared.discord import snowflake
from shared.redis.store import Fields, Save, SnapshotDamaged, Store
from tests.api.golden import BOT, GOLDEN, GUILD, RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving
from tests.garbage import NO_JSON_OBJECT

STRANGER, OTHER_STRANGER = 1274150219482660898, 1274150219482660899
AWAY = (
    b'{"status":"%b","spotify":null,"activity":[],"custom_status":{"text":"x","emoji":null},'
    b'"listening":null}'
)


def check_of(answer: Answer) -> tuple[bool, list[str]]:
    """Whether the user is monitored, and the codes of what was found."""
    assert answer.status == 200
    check = msgspec.convert(msgspec.json.decode(answer.body)["data"], UserCheck)
    return check.monitored, [finding.code for finding in check.findings]


def messages_of(answer: Answer) -> str:
    return " ".join(one["message"] for one in msgspec.json.decode(answer.body)["data"]["findings"])


async def test_a_user_who_is_shown(port: int) -> None:
    """Nothing is found; the headers are those of presence."""
    answer, user = (
        await ask(port, f"/check/{RICH.user_id}"),
        await ask(port, f"/user/{RICH.user_id}"),
    )
    assert answer.body == b'{"data":{"monitored":true,"findings":[]},"success":true}'
    varying = ("etag", "content-length")
    assert [one for one in answer.headers if one[0] not in varying] == [
        one for one in user.headers if one[0] not in varying
    ]
    etag = answer.header("etag")
    assert (await ask(port, f"/check/{RICH.user_id}", f"If-None-Match: {etag}")).status == 304
    head = await ask(port, f"/check/{RICH.user_id}", method="HEAD")
    assert (head.headers, head.body) == (answer.headers, b"")


@pytest.mark.parametrize(
    ("status", "codes"),
    [(b"invisible", ["invisible"]), (b"online", ["no_activities"]), (b"dnd", ["no_activities"])],
)
async def test_a_user_of_whom_little_is_shown(
    store: Store, status: bytes, codes: list[str]
) -> None:
    """Offline, or without activities: a custom status is none."""
    await store.save([Save(BOT.user_id, Fields(BOT.profile, AWAY % status, b"{}"))])
    async with serving(store) as port:
        answer = await ask(port, f"/check/{BOT.user_id}")
    assert check_of(answer) == (True, codes)
    if codes == ["no_activities"]:
        assert "server by server" in messages_of(answer)
        assert "Friends & Small Servers Only" in messages_of(answer)


async def test_a_user_who_hides_the_status_alone(store: Store) -> None:
    """It is not claimed that there are no activities."""
    playing = (AWAY % b"invisible").replace(b'"activity":[]', b'"activity":[{}]')
    await store.save([Save(BOT.user_id, Fields(BOT.profile, playing, b"{}"))])
    async with serving(store) as port:
        answer = await ask(port, f"/check/{BOT.user_id}")
    assert check_of(answer) == (True, ["invisible"])
    assert messages_of(answer).startswith("This user is shown as offline, and with activities:")


async def test_a_user_who_is_not_shown(store: Store) -> None:
    """The same bytes for everyone, and the way to join."""
    async with serving(store, discord_invite="https://discord.gg/grux") as port:
        answer = await ask(port, f"/check/{STRANGER}")
        assert answer == await ask(port, f"/check/{OTHER_STRANGER}")
    assert check_of(answer) == (False, ["not_monitored"])
    assert "join a server that Grux monitors (https://discord.gg/grux)." in messages_of(answer)


async def test_an_id_that_was_rounded(port: int) -> None:
    """Its last digits are zeros."""
    answer = await ask(port, "/check/1274150219482661000")
    assert check_of(answer) == (False, ["not_monitored"])
    assert "may have been lost" in messages_of(answer)
    assert "may have been lost" not in messages_of(await ask(port, f"/check/{STRANGER}"))


async def test_the_id_of_a_server(port: int) -> None:
    """That of a monitored one is recognised."""
    answer = await ask(port, f"/check/{GUILD}")
    assert check_of(answer) == (False, ["not_an_id"])
    assert "the id of a server that Grux monitors" in messages_of(answer)


TEXTS = {
    "invitation": ("https://discord.gg/grux", "an invitation to a server"),
    "profile": (f"https://discord.com/users/{RICH.user_id}", f"The id in it is {RICH.user_id}."),
    "mention": (f"<@{RICH.user_id}>", f"The id in it is {RICH.user_id}."),
    "message": ("https://discord.com/channels/1/2/3", "the link to a message"),
    "username": ("robin", "a username"),
    "short": ("123", "too short"),
    "slash at the end": ("robin/", "a username"),
    "nothing": ("", "The id is empty."),
    "markup": ('<script>alert("x")</script>', "no user's id is in it"),
    "control characters": ("\r\nSet-Cookie: x=1\x00\x1b[31m\u202e", "other characters than digits"),
    "long": ("9" * 20_000, "too long"),
    "long address": ("https://x/" + "/users/1" * 2_000, "too long"),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("safe", ["", "/:@<>"])
async def test_what_is_no_id(port: int, text: str, expected: str, safe: str) -> None:
    """200 with a hint and how to find an id, however it is encoded."""
    answer = await ask(port, f"/check/{quote(text, safe=safe)}")
    assert check_of(answer) == (False, ["not_an_id"])
    message = messages_of(answer)
    assert expected in message
    assert message.endswith(snowflake.HOW_TO_COPY)
    assert message.isprintable()
    assert b"<" not in answer.body


@pytest.mark.parametrize(
    "path", ["%FF%FE", "%zz%", "%2E%2E", "..%2F..", "%25", "?x=1", "%00", "//"]
)
async def test_what_is_broken(port: int, path: str) -> None:
    """The same."""
    assert check_of(await ask(port, f"/check/{path}")) == (False, ["not_an_id"])


class Stale(Struct):
    stale: int | None


async def test_while_the_gateway_is_silent(store: Store) -> None:
    """That comes first, whether the user is known or not."""
    async with serving(store, liveness=Stale(42)) as port:
        assert check_of(await ask(port, f"/check/{RICH.user_id}")) == (True, ["gateway_silent"])
        unknown = await ask(port, f"/check/{STRANGER}")
        assert check_of(unknown) == (False, ["gateway_silent", "not_monitored"])
        assert check_of(await ask(port, "/check/robin")) == (False, ["not_an_id"])


async def test_without_redis() -> None:
    """What is no id needs no Redis; the rest gets 503."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        assert (await ask(port, f"/check/{RICH.user_id}")).status == 503
        assert check_of(await ask(port, "/check/robin")) == (False, ["not_an_id"])


async def test_with_permissions_of_before(store: Store, redis_url: str) -> None:
    """Servers are not recognised then, and everything else is answered."""
    async with Redis.from_url(redis_url, protocol=2) as redis:
        await redis.acl_setuser(
            "reader",
            enabled=True,
            nopass=True,
            categories=["+@all"],
            keys=["presence:*", "profile:*"],
        )
        try:
            url = redis_url.replace("redis://", "redis://reader:x@")
            async with Store.connect(url) as reader, serving(reader) as port:
                assert check_of(await ask(port, f"/check/{GUILD}")) == (False, ["not_monitored"])
                assert check_of(await ask(port, f"/check/{RICH.user_id}")) == (True, [])
        finally:
            await redis.acl_deluser("reader")


@pytest.mark.parametrize("garbage", NO_JSON_OBJECT)
def test_a_presence_that_is_damaged(garbage: bytes) -> None:
    """503, as everywhere: it is rewritten with the next change."""
    with pytest.raises(SnapshotDamaged):
        findings_of(garbage)


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
def test_what_is_stored_is_understood(golden: Any) -> None:
    """Each golden presence."""
    assert isinstance(findings_of(golden.presence), list)
