"""One presence of what several guilds show of a user: the union of their reports.

Discord sends each change once for each guild, and hides the custom status or all other activities
in some of them (docs/gateway.md, "Different servers show different things"). A union alone would
show what has ended until the last guild has reported the end, so what has ended is hidden until the
other guilds have followed (ended_activities.py). Which guilds are behind is told by the times of
their activities (guild_progress.py), and by what was shown before (shown_states.py).

Long because a report is one decision after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Self

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize.sanitize import Json
from services.gateway.state.ended_activities import (
    ANY_GUILD,
    EndedActivities,
    EndedActivity,
    IsLive,
)
from services.gateway.state.guild_progress import NO_KINDS, GuildProgress
from services.gateway.state.guild_report import (
    GuildReport,
    State,
    agreed_state,
    began_at,
    compose,
    is_offline,
    kind_of,
    read_report,
    richness,
)
from services.gateway.state.shown_states import (
    SETTLE_TICKS,
    SETTLE_TICKS_ELSEWHERE,
    ShownStates,
    StoredStates,
)

NOT_REPORTED: Final = b"null"
"""In place of a presence: Discord has not sent the user's presence for the guild yet."""

OUTDATED: Final = -1  # no version in Redis

TICK_S: Final = 0.5  # between two calls of MergedPresence.tick
ASK_TICKS: Final = 20  # then a server that is late by events alone has followed
_LAST: Final = 1 << 31  # after all places of guilds

_encode = msgspec.json.encode


class _Stored(Struct, omit_defaults=True):
    """What is stored of a MergedPresence, besides what is shown."""

    reports: dict[str, Raw] = {}
    shares: dict[str, list[str]] = {}
    as_of: dict[str, int] = {}
    latest: int = 0
    ended: dict[str, EndedActivity] = {}
    is_kept: bool = False
    is_late: bool = False
    awaited_state: State = None
    awaited_ticks: int = 0
    recent: StoredStates | None = None


class _News(Struct, frozen=True):
    """A report, compared with what is shown."""

    guild_id: int
    old: GuildReport  # the guild's last one
    new: GuildReport
    is_alone: bool  # the reports of all other guilds may be outdated
    is_first: bool  # it was not shown since the guild's last report
    is_past: bool  # it was, and is not shown any more
    is_behind: bool  # the guild had not reported all that is shown
    is_old: bool  # it is past, or shows something in an older form or that has ended
    is_newer: bool  # it shows what began after all that is shown, though the guild was behind
    is_ahead: bool  # newer, and so is its status

    @property
    def is_repeated(self) -> bool:
        """Whether it is the guild's last report once more."""
        return (self.new.state, self.new.groups) == (self.old.state, self.old.groups)

    @property
    def first(self) -> int | None:
        """The guild, if it is the first that reports what it does."""
        return self.guild_id if self.is_first and not self.is_repeated else None


_decode_stored = msgspec.json.Decoder(_Stored).decode


class MergedPresence:
    """The presence of one user who is in several guilds."""

    __slots__ = (
        "_awaited_state",
        "_awaited_ticks",
        "_recent",
        "elsewhere",
        "ended",
        "is_kept",
        "is_late",
        "late_ticks",
        "progress",
        "reports",
        "shown",
        "unlisted",
        "version",
    )

    def __init__(self, shown: bytes) -> None:
        self.shown = shown
        self.reports: dict[int, bytes] = {}  # of the guilds that do not report what is shown
        self.elsewhere: frozenset[int] = frozenset()  # the user's guilds of other processes
        self.unlisted: frozenset[int] = frozenset()  # guilds that Redis has, and Discord not yet
        self.version = 0  # in Redis, when this was loaded or saved; 0: not compared
        self.progress = GuildProgress(began_at(read_report(shown).activities))
        self.ended = EndedActivities(self.progress)
        self.is_kept = False  # `shown` is of a guild that was left: no other has come so far
        self.is_late = False  # and one that has not sends its events: it is about to
        self.late_ticks = 0  # for how long
        self._awaited_state: State = None  # shown when the wait is over
        self._awaited_ticks = 0
        self._recent: ShownStates | None = None  # None: all guilds have reported what is shown

    @classmethod
    def restore(cls, shown: bytes, stored: bytes | None) -> Self:
        """As `stored` gave it. Raises msgspec.MsgspecError."""
        merged = cls(shown)
        if stored:
            found = _decode_stored(stored)
            merged.reports = {int(one): bytes(raw) for one, raw in found.reports.items()}
            merged.progress.restore(found.shares, found.as_of, found.latest)
            merged.ended.by_group = found.ended
            merged.is_kept, merged.is_late = found.is_kept, found.is_late
            merged._awaited_state = found.awaited_state
            merged._awaited_ticks = found.awaited_ticks
            if found.recent:
                merged._recent = ShownStates.restore(found.recent, shown)
        return merged

    def stored(self) -> bytes:
        """JSON for `restore`; empty where all guilds report the same."""
        if self.is_uniform:
            return b""
        reports = {str(one): Raw(report) for one, report in self.reports.items()}
        shares, as_of, latest = self.progress.stored()
        kept, awaited = (self.is_kept, self.is_late), (self._awaited_state, self._awaited_ticks)
        recent = self._recent.stored() if self._recent else None
        return _encode(
            _Stored(reports, shares, as_of, latest, self.ended.by_group, *kept, *awaited, recent)
        )

    @property
    def is_uniform(self) -> bool:
        """Whether all guilds report the same, and none is known to be late."""
        return not self.reports and self._recent is None

    @property
    def is_waiting(self) -> bool:
        """Whether `tick` may change what is shown."""
        waits = self.ended.may_settle() or bool(self._awaited_state) or self._recent is not None
        return self.is_late or (waits and not self.is_kept)

    def report(
        self,
        guild_id: int,
        presence: bytes,
        guilds: Collection[int],
        silent: Collection[int] = (),
        unfollowed: Collection[int] = (),
    ) -> None:
        """Discord has sent the user's presence for the guild.

        `guilds`: all guilds of the user. `silent`: those whose last report may be long outdated,
        because they send no events now, or have not been listed in this session yet: they are yet
        to be listed. `unfollowed`: those whose shard has no connection. It may report nothing more
        where it resumes.
        """
        if (
            presence == self.shown
            and self.reports.keys() <= {guild_id}
            and (self._recent is None or self._recent.is_last_to_follow(guild_id))
        ):
            self._agree(read_report(presence))
            self._recent = None
            return
        new = read_report(presence)
        if self.is_late and self._is_still_late(guild_id, new):
            self._store_report(guild_id, presence)
            return
        shown = read_report(self.shown)
        reports = self._reports(guilds, shown)
        outdated = reports.keys() & {*silent, *unfollowed}
        news = self._news(guild_id, presence, reports, outdated, silent)
        if all(self.reports.get(one, self.shown) == presence for one in guilds if one != guild_id):
            self._agree_on(presence, guilds, news)
            return
        self.progress.learn(reports)
        missed = self.ended.note_missed(guild_id, news.old, new, reports)
        reports[guild_id] = new
        was_late = self._note_ends(news, reports, outdated, silent)
        if self._recent and not news.is_repeated:
            self._recent.note_past(guild_id, is_past=was_late)
        state = self._next_state(news, reports)
        has_followed = not news.is_behind and new.state == state
        if has_followed or began_at(new.activities) >= self.progress.latest:
            self.progress.as_of[guild_id] = self.progress.latest
        lags = self.progress.lags
        is_late = news.is_old or lags(guild_id, new, state, shown)
        if self.ended:
            late = {one for one in reports if lags(one, reports[one], state, shown)}
            late |= outdated - {guild_id}
            late |= {guild_id} if news.is_old else set()
            begun = set() if news.is_behind else new.groups.keys() - news.old.groups.keys()
            self.ended.forget_gone_on(reports, late, begun - missed, self._repeating(reports))
        self._end_keeping()
        self.reports = {**self.reports, guild_id: presence}
        self._show(state, reports, news, is_late)

    def tick(self, guilds: Collection[int], is_live: IsLive) -> bool:
        """TICK_S has passed. True if what is shown has changed, or what is stored."""
        if self.is_kept:
            return self.is_late and self._tick_late(guilds, is_live)
        if is_over := self._recent is not None and self._recent.tick(map(is_live, guilds)):
            self._recent = None
        if not (is_over or self.ended or self._awaited_state):
            return False
        shown = read_report(self.shown)
        reports = self._reports(guilds, shown)
        state = shown.state
        is_settled = self.ended.settle(state, reports, is_live)
        if self._awaited_state:
            self._awaited_ticks -= 1
            if self._awaited_ticks <= 0:
                is_over = True
                is_reported = any(one.state == self._awaited_state for one in reports.values())
                state = self._awaited_state if is_reported else state
                self._awaited_state = None
        if is_over or is_settled:
            self._show(state, reports)
        return is_over or is_settled

    def to_ask(self) -> list[int]:
        """Guilds that still show what has ended, for ASK_TICKS now. Discord may have left out an
        event, and knows better."""
        keys = {key for key, one in self.ended.by_group.items() if one.ticks == ASK_TICKS}
        if not keys:
            return []
        return [
            one for one, report in self.reports.items() if keys & read_report(report).groups.keys()
        ]

    def join(self, guild_id: int) -> None:
        """The user is in this guild, of a shard of this process."""
        if guild_id not in self.unlisted:  # else Redis has its last report
            self.reports[guild_id] = NOT_REPORTED
        self._forget_place(guild_id)
        self.elsewhere -= {guild_id}
        self.unlisted -= {guild_id}

    def restore_report(self, guild_id: int, presence: bytes) -> None:
        """The guild had reported this before its shard was run by this process."""
        self.elsewhere -= {guild_id}
        self.unlisted -= {guild_id}
        self._store_report(guild_id, presence)
        self._forget_place(guild_id)
        self.version = OUTDATED

    def skip_reports(self, guild_ids: Iterable[int]) -> None:
        """Of all that these guilds have reported since this was stored, only the last is known."""
        for guild_id in guild_ids:
            if self._recent and self._recent.is_lost(guild_id):
                self._forget_place(guild_id)

    def note_skipped(self, latest: int) -> None:
        """What began then was shown by the guild that reported last, but not reported."""
        self.progress.latest = max(self.progress.latest, latest)

    def note_guilds(self, guilds: Collection[int]) -> None:
        """All these are part of this."""
        self.progress.learn(self._reports(guilds, read_report(self.shown)))

    def leave(
        self,
        guild_id: int,
        guilds: Collection[int],
        silent: Collection[int] = (),
        unfollowed: Collection[int] = (),
        newer: Collection[int] = (),
    ) -> None:
        """The user is not in the guild any more. `guilds`: those that are left. `silent`,
        `unfollowed`: of these, as for `report`. `newer`: of these, those that are known to have
        come farther than the guild had in its last report."""
        shown = read_report(self.shown)
        reports = self._reports(guilds, shown)
        self.progress.learn(reports)
        self.reports.pop(guild_id, None)
        self.progress.forget(guild_id)
        self.elsewhere -= {guild_id}
        self.unlisted -= {guild_id}
        known = {other for other, one in reports.items() if one.state}
        late = known.difference(silent)
        away = late.intersection(unfollowed)
        behind = {one for one in away if self._recent and self._recent.is_behind(one)}
        doubtful = ((known - late) | away) - behind
        if (
            (self.is_kept or known.isdisjoint(newer))
            and all(self._is_behind(one, reports[one], shown) for one in doubtful)
            and all(self._has_missed(one, reports[one], shown) for one in late - away)
        ):
            self._keep(reports, shown)
            self.is_late = self.is_kept and bool(late)
            return
        self._show_reports(reports, shown, silent)

    def _show_reports(
        self, reports: Mapping[int, GuildReport], shown: GuildReport, silent: Collection[int] = ()
    ) -> None:
        """Show what these guilds report, and nothing that only one that was left showed."""
        self.ended.forget_unless_evident(reports, silent)
        self._end_keeping()
        state = shown.state
        known = [one for one in reports.values() if one.state]
        if known and all(one.state != state for one in known):
            state = max(known, key=richness).state
        self._show(state, reports)

    def _keep(self, reports: Mapping[int, GuildReport], shown: GuildReport) -> None:
        """Go on showing all of it until one of these guilds reports the user.

        A part of it, or the status with what one of them showed long ago, was never true.
        """
        self.is_kept = bool(self.reports)
        self._awaited_state = None
        for guild_id, report in reports.items():
            self.ended.leave_to(guild_id, report.groups)
            self.ended.note(guild_id, report.groups.items(), shown, reports)

    def _end_keeping(self) -> None:
        self.is_kept = self.is_late = False
        self.late_ticks = 0

    def _forget_place(self, guild_id: int) -> None:
        """What the guild reports next may be any state."""
        if self._recent:
            self._recent.places.pop(guild_id, None)

    def _news(
        self,
        guild_id: int,
        presence: bytes,
        reports: Mapping[int, GuildReport],
        outdated: AbstractSet[int],
        silent: Collection[int],
    ) -> _News:
        shown, old, new = read_report(self.shown), reports[guild_id], read_report(presence)
        if self._recent is None:
            self._recent = ShownStates([self.shown], dict.fromkeys(reports, 0))
            self._recent.hide({one: reports[one] for one in self.reports if one in reports})
        self._recent.skipping |= outdated
        for one in silent:
            self._forget_place(one)
        shares = self.progress.kinds(guild_id).union(map(kind_of, new.groups))
        is_alone = reports.keys() <= {guild_id, *outdated}
        is_listed = guild_id not in self._recent.places  # it was silent
        takes_back = is_listed and self.ended.are_taken_back(guild_id, new)
        was_shown = self._recent.has(guild_id, old, new, shares)
        is_lost = self._recent.is_lost(guild_id) and not self.progress.is_newer(new)
        is_catching_up = (
            guild_id in self._recent.past
            and self._recent.is_behind(guild_id)
            and not self.progress.is_newer(new)
        )
        is_first = not (was_shown or is_lost or is_catching_up)
        if is_alone or self.is_kept:
            is_first, is_past = True, False
        elif was_shown:
            is_past = not (takes_back or self._recent.is_shown(new, shares))
        else:
            is_past = is_lost and not self._adds_to(shown, new, shares)
        if self.ended:
            self.ended.forget_shown_beside_newer(guild_id, new, reports)
        is_behind = is_past or (
            not self.is_kept and (is_catching_up or self._is_behind(guild_id, old, shown))
        )
        is_old = is_past or (is_behind and self._is_old(guild_id, new, shown))
        is_new = old.state is None and new.state != shown.state
        is_newer = (is_behind or is_new) and not is_old and self.progress.is_newer(new)
        is_ahead = is_newer and (
            is_alone or new.state != old.state or self._would_be_known(guild_id, new, reports)
        )
        return _News(
            guild_id,
            old,
            new,
            is_alone,
            is_first,
            is_past,
            is_behind,
            is_old,
            is_newer,
            is_ahead,
        )

    def _would_be_known(
        self, guild_id: int, new: GuildReport, reports: Mapping[int, GuildReport]
    ) -> bool:
        """Whether guilds that report what is shown would have shown what has begun here."""
        late = self._places(reports, guild_id)
        kinds = NO_KINDS.union(
            *(
                self.progress.kinds(one).union(map(kind_of, report.groups))
                for one, report in reports.items()
                if one != guild_id and one not in late
            )
        )
        return any(
            began_at(group) > self.progress.latest and kind_of(key) in kinds
            for key, group in new.groups.items()
        )

    def _adds_to(self, shown: GuildReport, new: GuildReport, shares: Collection[str]) -> bool:
        """Whether the report is what is shown, and what no guild has shown that has come so far."""
        return new.state == shown.state and all(
            new.groups.get(key) == group
            for key, group in shown.groups.items()
            if kind_of(key) in shares
        )

    def _agree_on(self, presence: bytes, guilds: Iterable[int], news: _News) -> None:
        """The last report of each guild says it, whatever had ended: what a user starts again may
        have its old `created_at`."""
        latest, as_of = self.progress.latest, self.progress.as_of
        self.shown = presence
        self._agree(news.new)
        reports = self._reports(guilds, news.new)
        self._note_shown(reports, news.first)
        if self._recent:  # a guild that is late may report the same
            kept = {one: as_of[one] for one in as_of if not self._recent.is_there(one)}
            self.progress.latest = max(latest, self.progress.latest)
            self.progress.as_of = kept
        self.progress.learn(reports)

    def _note_ends(
        self,
        news: _News,
        reports: Mapping[int, GuildReport],
        outdated: Collection[int],
        silent: Collection[int],
    ) -> bool:
        """What the report says of activities that other guilds still show. True if it is late."""
        guild_id, new, shown = news.guild_id, news.new, read_report(self.shown)
        progress = self.progress
        is_late = news.is_old or (
            news.is_behind
            and not news.is_newer
            and progress.lags(guild_id, new, shown.state, shown)
        )
        if is_late:
            told = progress.told_ahead(guild_id, shown, reports)
            self.ended.note_outdated(guild_id, new, shown, told, is_past=news.is_past)
            ended = [item for item in news.old.groups.items() if kind_of(item[0]) not in told]
        else:
            ended = [*news.old.groups.items()]
        self.ended.note(guild_id, ended, new, reports)
        heard_until = progress.as_of.setdefault(guild_id, 0)
        if not is_late:
            self.ended.note_replaced(guild_id, new, reports, outdated)
        progress.learn({guild_id: new})
        if news.is_newer:
            self.ended.note(guild_id, progress.not_followed(guild_id, shown), new, reports)
        for one in outdated:
            if one == guild_id:
                continue
            is_outdated = one in silent and reports[one].state not in (None, new.state)
            if self.progress.is_newer(new) or (is_outdated and not is_late):
                self.ended.note(guild_id, progress.shared(guild_id, reports[one]), new, reports)
                if one not in silent:
                    continue
                # Whether this guild would show what it has not heard of is not known: the silent
                # one may show it again.
                heard = [reports[other] for other in reports.keys() - {*silent}]
                unknown = [
                    (key, group)
                    for key, group in reports[one].groups.items()
                    if began_at(group) > heard_until
                    and all(
                        began_at(other.groups.get(key, ())) < began_at(group) for other in heard
                    )
                ]
                self.ended.note(ANY_GUILD, unknown, new, reports)
        progress.latest = max(progress.latest, began_at(new.activities))
        return is_late

    def _next_state(self, news: _News, reports: Mapping[int, GuildReport]) -> State:
        """The status and devices to show. Where the guild may be late, its status has to wait."""
        old, new, shown = news.old.state, news.new.state, read_report(self.shown).state
        was_new = old is None and (news.is_alone or is_offline(shown))
        is_next = not news.is_behind and old is not None
        state = shown
        if self.is_kept or was_new or is_next or news.is_ahead:
            state = new
        elif new != shown and self._awaited_state is None:
            self._awaited_state, self._awaited_ticks = new, SETTLE_TICKS
        state = agreed_state(reports.values()) or state
        if state == new and is_offline(state):
            for one, report in reports.items():
                self.ended.note(one, report.groups.items(), news.new, reports)
        if state != shown or new == state:
            self._awaited_state = None
        return state

    def _is_still_late(self, guild_id: int, new: GuildReport) -> bool:
        """Whether the guild has come nearer to what is kept, and not so far."""
        if self.reports.get(guild_id, self.shown) == NOT_REPORTED:
            return False
        if self._recent and self._recent.is_lost(guild_id):
            shares = self.progress.kinds(guild_id).union(map(kind_of, new.groups))
            if not (self.progress.is_newer(new) or self._recent.is_shown(new, shares)):
                return True
        return self._is_old(guild_id, new, read_report(self.shown))

    def _tick_late(self, guilds: Collection[int], is_live: IsLive) -> bool:
        """As `tick`: guilds whose events come were not late, but show something else."""
        live = [is_live(guild_id) for guild_id in guilds]
        if False not in live:
            self.late_ticks += 1
        if self.late_ticks < (SETTLE_TICKS_ELSEWHERE if None in live else SETTLE_TICKS):
            return False
        shown = read_report(self.shown)
        self._recent = None
        self._show_reports(self._reports(guilds, shown), shown)
        return True

    def _agree(self, shown: GuildReport) -> None:
        self._end_keeping()
        self.reports = {}
        self.ended.by_group = {}
        self.progress.latest = began_at(shown.activities)
        self.progress.as_of = {}
        self._awaited_state = None

    def _note_shown(self, reports: Mapping[int, GuildReport], guild_id: int | None) -> None:
        """`shown` is shown now. `guild_id`: the guild that has reported it first, if one has."""
        if self._recent:
            self._recent.show(self.shown, reports)
            if guild_id is not None:
                self._recent.reach(guild_id)
            if self._recent.is_passed:
                self._recent = None

    def _places(self, reports: Mapping[int, GuildReport], first: int | None) -> dict[int, int]:
        """How far the guilds have come that report what is not shown any more. `first`: the guild
        that has reported what will be shown."""
        places = self._recent.late(reports, self.progress.shares) if self._recent else {}
        if first is not None:
            places.pop(first, None)
        return places

    def _repeating(self, reports: Mapping[int, GuildReport]) -> Collection[int]:
        """The guilds that report what was shown before, and not what is shown."""
        return self._recent.past & self._places(reports, None).keys() if self._recent else ()

    def _is_behind(self, guild_id: int, old: GuildReport, shown: GuildReport) -> bool:
        """Whether the guild had not reported all that is shown, so that its next report may be an
        old one."""
        if old.state is None:
            return False
        return old.state != shown.state or self._has_missed(guild_id, old, shown)

    def _has_missed(self, guild_id: int, old: GuildReport, shown: GuildReport) -> bool:
        """Whether that is certain: the status has no time."""
        return any(map(self.ended.hides, old.groups.items())) or any(
            began_at(old.groups.get(key, ())) < began_at(group)
            for key, group in self.progress.not_followed(guild_id, shown)
        )

    def _is_old(self, guild_id: int, new: GuildReport, shown: GuildReport) -> bool:
        """Whether the report shows something in an older form than is shown, or something that has
        ended."""
        return any(
            (self.ended.hides((key, group)) and not self.ended.is_ended_by(key, guild_id))
            or began_at(group) < began_at(shown.groups.get(key, ()))
            for key, group in new.groups.items()
        )

    def _reports(self, guilds: Iterable[int], shown: GuildReport) -> dict[int, GuildReport]:
        reports = self.reports
        return {one: read_report(reports[one]) if one in reports else shown for one in guilds}

    def _store_report(self, guild_id: int, presence: bytes) -> None:
        self.reports = {one: known for one, known in self.reports.items() if one != guild_id}
        if presence != self.shown:
            self.reports[guild_id] = presence

    def _show(
        self,
        state: State,
        reports: Mapping[int, GuildReport],
        news: _News | None = None,
        is_late: bool = False,
    ) -> None:
        """Show the union. `news`: what has just been reported. `is_late`: by a guild that is."""
        groups: dict[str, list[Json]] = {}
        holders: dict[str, int] = {}  # how far the guild has come that shows the group so
        before = read_report(self.shown).groups
        changed: set[str] = set()
        if news and not is_late:
            old = news.old.groups
            changed = {key for key, group in news.new.groups.items() if old.get(key) != group}
        first = news.first if news and not is_late else None
        places = self._places(reports, first)
        for guild_id in sorted(reports):
            place = places.get(guild_id, _LAST)
            for key, group in reports[guild_id].groups.items():
                rival = groups.get(key)
                if self.ended.hides((key, group)) or (rival and place < holders[key]):
                    continue
                if rival is None or place > holders[key] or began_at(group) > began_at(rival):
                    is_preferred = True
                elif began_at(group) < began_at(rival):
                    is_preferred = False
                elif news and key in changed:
                    is_preferred = guild_id == news.guild_id
                else:
                    is_preferred = group == before.get(key)
                if is_preferred:
                    groups[key], holders[key] = group, place
        earlier = {one: self.reports.get(one, self.shown) for one in reports}
        self.shown = compose(state, groups, reports)
        self.reports = {one: known for one, known in earlier.items() if known != self.shown}
        if not self.reports:
            self.ended.by_group = {}
        self._note_shown(reports, first)
        latest = max(map(began_at, groups.values()), default=0)
        self.progress.latest = max(self.progress.latest, latest)
