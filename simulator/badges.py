"""Profile badges that simulated people wear, with Discord's own ids and icons.

Source: the project's badge table (client tables that agree; user flags: resources/user).
"""

from typing import Final, NamedTuple


class Badge(NamedTuple):
    """One badge of a profile."""

    id: str
    description: str
    icon: str
    link: str | None = None


_HOUSES = "https://discord.com/settings/hypesquad-online"
_NITRO = "https://discord.com/settings/premium"

FLAG_BADGES: Final[dict[int, Badge]] = {
    6: Badge("hypesquad_house_1", "HypeSquad Bravery", "8a88d63823d8a71cd5e390baa45efa02", _HOUSES),
    7: Badge(
        "hypesquad_house_2", "HypeSquad Brilliance", "011940fd013da3f7fb926e4a1cd2e618", _HOUSES
    ),
    8: Badge("hypesquad_house_3", "HypeSquad Balance", "3aa41de486fa12454c3761e8e223442e", _HOUSES),
    9: Badge("early_supporter", "Early Supporter", "7060786766c9c840eb3019e725d2b358", _NITRO),
    22: Badge(
        "active_developer",
        "Active Developer",
        "6bdc42827a38498929a4920da12695d9",
        "https://support-dev.discord.com/hc/en-us/articles/10113997751447",
    ),
}

NITRO_BADGES: Final = (
    Badge(
        "premium_tenure_1_month_v2",
        "Nitro tenure 1 month: Bronze",
        "4f33c4a9c64ce221936bd256c356f91f",
        _NITRO,
    ),
    Badge(
        "premium_tenure_6_month_v2",
        "Nitro tenure 6 months: Gold",
        "2895086c18d5531d499862e41d1155a6",
        _NITRO,
    ),
    Badge(
        "premium_tenure_24_month_v2",
        "Nitro tenure 24 months: Diamond",
        "0d61871f72bb9a33a7ae568c1fb4f20a",
        _NITRO,
    ),
)

OTHER_BADGES: Final = (
    Badge(
        "quest_completed",
        "Completed a Quest",
        "7d9ae358c8c5e118768335dbe68b4fb8",
        "https://discord.com/discovery/quests",
    ),
    Badge(
        "orb_profile_badge", "Collected the Orb Profile Badge", "83d8a1eb09a8d64e59233eec5d4d5c2d"
    ),
)
