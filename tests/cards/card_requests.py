"""A user in Redis, and what a card shows of them."""

from __future__ import annotations

import base64
import re

import msgspec

from shared.model.snapshot import Presence, Profile
from shared.redis.store import Fields, Save, Store
from tests.api.golden import GUILD
from tests.api.http_client import Answer
from tests.cards.image_server import ImageServer
from tests.cards.sample_users import AUDIBERT, like

USER = int(AUDIBERT.id)
PLAIN: Profile = like(
    AUDIBERT, avatar_decoration_image=None, nameplate_image=None, badges=[], clan=None
)


async def save(
    store: Store,
    presence: Presence,
    profile: Profile = PLAIN,
    *,
    history: bytes = b"",
    hidden: bytes = b"",
) -> None:
    shown = msgspec.json.encode(profile), msgspec.json.encode(presence)
    fields = Fields(*shown, b"{}", history=history, hidden=hidden)
    await store.save([Save(USER, fields, joined=(GUILD,))])


def with_avatar(server: ImageServer, avatar: str) -> Profile:
    profile: Profile = like(PLAIN, avatar_image=f"{server.url}/{avatar}")
    return profile


def images_in(answer: Answer) -> list[bytes]:
    found = re.findall(rb'href="data:image/\w+;base64,([^"]*)"', answer.body)
    return [base64.b64decode(data) for data in found]


def title_of(answer: Answer) -> str:
    title = re.search(r"<title>(.*?)</title>", answer.body.decode())
    assert title is not None
    return title[1]
