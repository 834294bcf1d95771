"""Profile badges that follow from the flags of a user object. Discord docs: User, User Flags.

In the order of display.
"""

from __future__ import annotations

from shared.discord.cdn import Cdn
from shared.model.snapshot import Badge

FLAG_BADGES: tuple[tuple[int, str, str, str], ...] = (
    (0, "staff", "Discord Staff", "5e74e9b61934fc1f67c65515d1f7e60d"),
    (1, "partner", "Partnered Server Owner", "3f9748e53446a137a052f3454e2de41e"),
    (18, "certified_moderator", "Moderator Programs Alumni", "fee1624003e2fee35cb398e125dc479b"),
    (2, "hypesquad", "HypeSquad Events", "bf01d1073931f921909045f3a39fd264"),
    (6, "hypesquad_house_1", "HypeSquad Bravery", "8a88d63823d8a71cd5e390baa45efa02"),
    (7, "hypesquad_house_2", "HypeSquad Brilliance", "011940fd013da3f7fb926e4a1cd2e618"),
    (8, "hypesquad_house_3", "HypeSquad Balance", "3aa41de486fa12454c3761e8e223442e"),
    (3, "bug_hunter_level_1", "Discord Bug Hunter", "2717692c7dca7289b35297368a940dd0"),
    (14, "bug_hunter_level_2", "Discord Bug Hunter", "848f79194d4be5ff5f81505cbd0ce1e6"),
    (22, "active_developer", "Active Developer", "6bdc42827a38498929a4920da12695d9"),
    (17, "verified_developer", "Early Verified Bot Developer", "6df5892e0f35b051f8b61eace34f4967"),
    (9, "early_supporter", "Early Supporter", "7060786766c9c840eb3019e725d2b358"),
)
"""Bit of public_flags, badge id, description, icon. The other bits have no badge."""


def from_flags(public_flags: int, cdn: Cdn) -> list[Badge]:
    """The badges of a user with these `public_flags` (may exceed 32 bits)."""
    return [
        Badge(badge_id, description, icon, cdn.badge(icon))
        for bit, badge_id, description, icon in FLAG_BADGES
        if public_flags >> bit & 1
    ]
