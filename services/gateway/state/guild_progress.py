"""Which kinds of activities each guild of a user shows, and how far it has followed.

Discord names no order between guilds. What tells that one is behind another: the time at which an
activity began, where both show such activities; and the status, which is the same in all guilds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from services.gateway.normalize.sanitize import Json
from services.gateway.state.guild_report import (
    GuildReport,
    State,
    began_at,
    kind_of,
    newest_of,
)

Group = tuple[str, list[Json]]
"""An item of GuildReport.groups."""

NO_KINDS: Final[frozenset[str]] = frozenset()


class GuildProgress:
    """Of all guilds of one user."""

    __slots__ = ("as_of", "latest", "shares")

    def __init__(self, latest: int) -> None:
        # The latest `created_at` that was shown, since all guilds agreed.
        self.latest = latest
        self.shares: dict[int, frozenset[str]] = {}  # the kinds that a guild is known to show
        self.as_of: dict[int, int] = {}  # `created_at` up to which a guild has followed

    def restore(
        self, shares: Mapping[str, Collection[str]], as_of: Mapping[str, int], latest: int
    ) -> None:
        """As `stored` gave it."""
        self.shares = {int(one): frozenset(kinds) for one, kinds in shares.items()}
        self.as_of = {int(one): time for one, time in as_of.items()}
        self.latest = max(self.latest, latest)

    def stored(self) -> tuple[dict[str, list[str]], dict[str, int], int]:
        """For `restore`."""
        shares = {str(one): sorted(kinds) for one, kinds in self.shares.items()}
        return shares, {str(one): time for one, time in self.as_of.items()}, self.latest

    def learn(self, reports: Mapping[int, GuildReport]) -> None:
        """These guilds report this."""
        for guild_id, report in reports.items():
            if report.state is None:
                continue
            self.shares[guild_id] = self.kinds(guild_id) | set(map(kind_of, report.groups))
            self.as_of.setdefault(guild_id, self.latest)

    def forget(self, guild_id: int) -> None:
        """The user has left the guild."""
        self.shares.pop(guild_id, None)
        self.as_of.pop(guild_id, None)

    def stop_sharing(self, guild_id: int, key: str) -> None:
        """The guild does not show such groups any more. Discord has a setting for custom statuses,
        and one for all others."""
        if guild_id in self.shares:
            self.shares[guild_id] -= {"custom"} if key == "custom" else {"spotify", "other"}

    def kinds(self, guild_id: int) -> frozenset[str]:
        """Those that the guild is known to show."""
        return self.shares.get(guild_id, NO_KINDS)

    def shared(self, guild_id: int, report: GuildReport) -> list[Group]:
        """What the guild would show as well, if it is still shown."""
        kinds = self.kinds(guild_id)
        return [item for item in report.groups.items() if kind_of(item[0]) in kinds]

    def not_followed(self, guild_id: int, shown: GuildReport) -> list[Group]:
        """What the guild would have shown, unless it had not come so far."""
        as_of = self.as_of.get(guild_id, 0)
        return [one for one in self.shared(guild_id, shown) if began_at(one[1]) > as_of]

    def is_newer(self, new: GuildReport) -> bool:
        """Whether the report shows something that began after all that was shown."""
        return began_at(new.activities) > self.latest

    def lags(self, guild_id: int, report: GuildReport, state: State, shown: GuildReport) -> bool:
        """Whether the guild is behind what is shown with this report. `state`: will be shown."""
        as_of, kinds = self.as_of.get(guild_id, 0), self.kinds(guild_id)
        return report.state != state or any(
            began_at(report.groups.get(key, ())) < began_at(group)
            for key, group in shown.groups.items()
            if began_at(group) > as_of
            and (
                (kind := kind_of(key)) in kinds
                or 0 < newest_of(report, kind) < began_at(group)  # it shows such from now on
            )
        )

    def is_before(
        self, guild_id: int, report: GuildReport, new: GuildReport, besides: Collection[str]
    ) -> bool:
        """Whether the guild's report shows an earlier state than `new`. Of kinds `besides` nothing
        is told by what is not there."""
        return report.state != new.state or any(
            began_at(report.groups.get(key, ())) < began_at(group)
            for key, group in self.shared(guild_id, new)
            if kind_of(key) not in besides or key in report.groups
        )

    def told_ahead(
        self, guild_id: int, shown: GuildReport, reports: Mapping[int, GuildReport]
    ) -> frozenset[str]:
        """The kinds of activities that other guilds are known to show which are not late. Of all
        other kinds a late guild tells in order, too, and first."""
        return NO_KINDS.union(
            *(
                self.kinds(one)
                for one, report in reports.items()
                if one != guild_id and not self.lags(one, report, shown.state, shown)
            )
        )
