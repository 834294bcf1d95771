"""Activities of a user that have ended, and which guilds that are about to follow still show.

One that a guild has stopped showing is hidden in all guilds, until each of them has followed, or
time has shown that the others go on showing it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from services.gateway.state.guild_progress import Group, GuildProgress
from services.gateway.state.guild_report import (
    GuildReport,
    State,
    agreed_state,
    began_at,
    kind_of,
    newest_of,
)
from services.gateway.state.shown_states import SETTLE_TICKS, SETTLE_TICKS_ELSEWHERE

IsLive = Callable[[int], bool | None]
"""Whether the guild's events come now. None: another process knows."""


ANY_GUILD: Final = 0
"""In place of a guild: whether the activity goes on is for the next one that shows it to tell."""


class EndedActivity(Struct):
    """A group of which no activity is shown that began at this time or before."""

    created_at: int
    guild_id: int  # whose report ended it, or which knows whether it goes on; or ANY_GUILD
    ticks: int = 0  # for how long guilds whose events come have gone on showing it


class EndedActivities:
    """By group of activities (GuildReport.groups)."""

    __slots__ = ("_progress", "by_group")

    def __init__(self, progress: GuildProgress) -> None:
        self.by_group: dict[str, EndedActivity] = {}
        self._progress = progress

    def __len__(self) -> int:
        return len(self.by_group)

    def hides(self, item: Group) -> bool:
        """Whether the group has ended as it is."""
        key, group = item
        ended = self.by_group.get(key)
        return ended is not None and began_at(group) <= ended.created_at

    def is_ended_by(self, key: str, guild_id: int) -> bool:
        """Whether no other guild has said that the group has ended."""
        ended = self.by_group.get(key)
        return ended is not None and ended.guild_id in (guild_id, ANY_GUILD)

    def are_taken_back(self, guild_id: int, new: GuildReport) -> bool:
        """Whether the guild shows something that is hidden until it says that it goes on."""
        return any(
            self.hides(item) and self.is_ended_by(item[0], guild_id) for item in new.groups.items()
        )

    def may_settle(self) -> bool:
        """Whether time may still show that one of them goes on."""
        return any(one.ticks < SETTLE_TICKS_ELSEWHERE for one in self.by_group.values())

    def note(
        self,
        guild_id: int,
        groups: Iterable[Group],
        new: GuildReport,
        reports: Mapping[int, GuildReport],
    ) -> None:
        """Those that are not in `new` have ended."""
        for key, group in groups:
            created = began_at(group)
            if key in new.groups and began_at(new.groups[key]) <= created:
                continue
            ended = self.by_group.get(key)
            if ended and ended.created_at >= created:
                continue
            if any(key in report.groups for report in reports.values()):
                self.by_group[key] = EndedActivity(created, guild_id)

    def leave_to(self, guild_id: int, groups: Iterable[str]) -> None:
        """The guild knows whether these go on."""
        for key in groups:
            if ended := self.by_group.get(key):
                ended.guild_id = guild_id

    def note_replaced(
        self,
        guild_id: int,
        new: GuildReport,
        reports: Mapping[int, GuildReport],
        outdated: Collection[int],
    ) -> None:
        """Where the guild shows activities of a kind for the first time, those that began before
        have ended that only guilds show which are behind it."""
        kinds = frozenset(map(kind_of, new.groups)) - self._progress.kinds(guild_id)
        if not kinds:
            return
        newest = {kind: newest_of(new, kind) for kind in kinds}
        for one, report in reports.items():
            if one in outdated or self._progress.is_before(one, report, new, kinds):
                replaced = [
                    (key, group)
                    for key, group in report.groups.items()
                    if began_at(group) < newest.get(kind_of(key), 0)
                ]
                self.note(guild_id, replaced, new, reports)

    def note_outdated(
        self,
        guild_id: int,
        new: GuildReport,
        shown: GuildReport,
        told: Collection[str],
        *,
        is_past: bool,
    ) -> None:
        """What the guild, which is late, shows alone has ended, unless it is the latest, or of a
        kind that is not `told` ahead of it. `is_past`: as a whole, it was shown before."""
        over = {kind_of(item[0]) for item in new.groups.items() if self.hides(item)}
        for item in new.groups.items():
            if (kind := kind_of(item[0])) not in told and kind not in over:
                continue
            created = began_at(item[1])
            is_shown = began_at(shown.groups.get(item[0], ())) >= created
            is_latest = created > self._progress.latest and kind not in over
            if not ((is_latest and not is_past) or is_shown or self.hides(item)):
                self.by_group[item[0]] = EndedActivity(created, guild_id)

    def note_missed(
        self,
        guild_id: int,
        old: GuildReport,
        new: GuildReport,
        reports: Mapping[int, GuildReport],
    ) -> set[str]:
        """What has begun and ended while other guilds were ahead: they show what began later of the
        kind, of which the guild had not heard, and do not show it. Gives the groups."""
        kinds, as_of = self._progress.kinds(guild_id), self._progress.as_of.get(guild_id, 0)
        missed: set[str] = set()
        for key, group in new.groups.items():
            kind, created = kind_of(key), began_at(group)
            if kind not in kinds or created <= began_at(old.groups.get(key, ())):
                continue
            for one, report in reports.items():
                if one == guild_id or key in report.groups:
                    continue
                if newest_of(report, kind) > max(created, as_of):
                    self.by_group[key] = EndedActivity(created, one)
                    missed.add(key)
                    break
        return missed

    def forget_shown_beside_newer(
        self, guild_id: int, new: GuildReport, reports: Mapping[int, GuildReport]
    ) -> None:
        """What is shown together with something that began after all that was shown has not ended,
        if the guild that ended it would have shown that as well: it has stopped showing such."""
        latest = self._progress.latest
        begun = {kind_of(key) for key, one in new.groups.items() if began_at(one) > latest}
        going_on = [
            (key, ender)
            for key in new.groups.keys() & self.by_group.keys()
            if begun & self._progress.kinds(ender := self.by_group[key].guild_id)
        ]
        for key, ender in going_on:
            del self.by_group[key]
            if ender != guild_id and ender in reports and key not in reports[ender].groups:
                self._progress.stop_sharing(ender, key)

    def forget_gone_on(
        self,
        reports: Mapping[int, GuildReport],
        late: Collection[int],
        begun: Collection[str],
        repeating: Collection[int],
    ) -> None:
        """What all guilds show has not ended, nor what `begun`: a guild begins to show it that was
        up to date. Nor what one had hidden that is not `late` now; where it is `repeating` what was
        shown before, all others that show such have to show it, too. Nor what ANY_GUILD may show
        again that is neither."""
        known = {one: report for one, report in reports.items() if report.state}
        is_agreed = agreed_state(known.values()) is not None
        for key, ended in list(self.by_group.items()):
            one, kind = ended.guild_id, kind_of(key)
            missing = [other for other, report in known.items() if key not in report.groups]
            tellers = reports.keys() - {*repeating} if one == ANY_GUILD else reports.keys() & {one}
            is_own = any(other not in late and key in reports[other].groups for other in tellers)
            if is_own and one in repeating:
                is_own = is_agreed and all(
                    kind not in self._progress.kinds(other) for other in missing
                )
            if is_own or key in begun or not missing:
                del self.by_group[key]
            elif ended.ticks >= SETTLE_TICKS_ELSEWHERE:
                ended.ticks = 0  # guilds that were late may not be any more

    def forget_unless_evident(
        self, reports: Mapping[int, GuildReport], silent: Collection[int]
    ) -> None:
        """A guild was left: what only it had ended may go on. Where a `silent` guild shows it, that
        one knows when it reports."""
        for key, ended in list(self.by_group.items()):
            if self._is_evident(key, ended, reports):
                continue
            holders = [one for one in silent if key in reports[one].groups]
            if holders:
                ended.guild_id = holders[0]
            else:
                del self.by_group[key]

    def _is_evident(
        self, key: str, ended: EndedActivity, reports: Mapping[int, GuildReport]
    ) -> bool:
        """Whether one of these guilds has shown that the group has ended: it shows such activities,
        and not this one, or a later form of it."""
        return any(
            kind_of(key) in self._progress.kinds(guild_id)
            and (key not in report.groups or began_at(report.groups[key]) > ended.created_at)
            for guild_id, report in reports.items()
            if report.state is not None
        )

    def settle(self, state: State, reports: Mapping[int, GuildReport], is_live: IsLive) -> bool:
        """A tick has passed. Whether one of them is shown again, or not known any more."""
        settled = [self._settles(key, state, reports, is_live) for key in [*self.by_group]]
        return any(settled)

    def _settles(
        self, key: str, state: State, reports: Mapping[int, GuildReport], is_live: IsLive
    ) -> bool:
        """Whether it is not known any more that the group has ended: guilds still show it, though
        their reports come, or no guild shows it."""
        ended = self.by_group[key]
        holders = [
            guild_id
            for guild_id, report in reports.items()
            if key in report.groups and self.hides((key, report.groups[key]))
        ]
        current = [guild_id for guild_id in holders if reports[guild_id].state == state]
        live = [is_live(guild_id) for guild_id in current or holders]
        if False not in live:
            ended.ticks += 1
        ticks = SETTLE_TICKS_ELSEWHERE if None in live else SETTLE_TICKS
        if holders and (not current or ended.ticks < ticks):
            return False  # a guild with another status is late: only its next report can tell
        del self.by_group[key]
        if holders and ended.guild_id not in holders:  # it has stopped showing such
            self._progress.stop_sharing(ended.guild_id, key)
        return True
