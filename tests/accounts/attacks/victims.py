"""Who is attacked, and what of theirs must not change."""

from __future__ import annotations

from typing import Any

from tests.accounts.visitor import ROBIN, Site, Visitor


def other_person(here: Site) -> int:
    """Somebody who is not Robin."""
    return next(
        int(person.user.id)
        for person in here.sim.world.people.values()
        if person.user.bot is not True and int(person.user.id) != ROBIN
    )


async def held(visitor: Visitor) -> dict[str, Any]:
    """Everything about the person who is signed in."""
    reply = await visitor.get("/me/export")
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.json()["data"]
    del data["exported_at"]
    return data
