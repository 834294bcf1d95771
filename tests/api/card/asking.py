"""Somebody in Redis, and what a card of them says and shows."""

from __future__ import annotations

import base64
import re

import msgspec

from shared.model.snapshot import Presence, Profile
from shared.redis.store import Fields, Save, Store
from tests.api.card.hostile import PictureServer
from tests.api.card.people import AUDIBERT, like
from tests.api.golden import GUILD
from tests.api.http_client import Answer

USER = int(AUDIBERT.id)
PLAIN: Profile = like(
    AUDIBERT, avatar_decoration_image=None, nameplate_image=None, badges=[], clan=None
)


async def save(store: Store, presence: Presence, profile: Profile = PLAIN) -> None:
    fields = Fields(msgspec.json.encode(profile), msgspec.json.encode(presence), b"{}")
    await store.save([Save(USER, fields, joined=(GUILD,))])


def seen_at(server: PictureServer, avatar: str) -> Profile:
    picture: Profile = like(PLAIN, avatar_image=f"{server.url}/{avatar}")
    return picture


def images(answer: Answer) -> list[bytes]:
    found = re.findall(rb'href="data:image/\w+;base64,([^"]*)"', answer.body)
    return [base64.b64decode(data) for data in found]


def says(answer: Answer) -> str:
    title = re.search(r"<title>(.*?)</title>", answer.body.decode())
    assert title is not None
    return title[1]
