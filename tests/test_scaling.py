"""The plan in docs/scaling.md follows from its own costs and assumptions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from tests.documents import ROOT, rows

PAGE = ROOT / "docs" / "scaling.md"
PERFORMANCE = ROOT / "docs" / "performance.md"
SIZES = (1_000, 100_000, 10_000_000)
PROXIED = ("ping", "frame", "connect", "read")
DAY, MONTH = 86_400, 30 * 86_400  # seconds


def figure(text: str) -> float:
    """`27.7 µs`, `2.08 KB`, `20,000`: in seconds or bytes, or a count."""
    number, _, unit = text.partition(" ")
    scale = {"µs": 1e-6, "KB": 1e3, "MB": 1e6, "bytes": 1.0}.get(unit, 1.0)
    return float(number.replace(",", "")) * scale


def table(heading: str) -> dict[str, float]:
    return {name: figure(text) for name, text, *_ in rows(PAGE, heading)}


class Plan:
    """A number of users, and as many watchers, at the peak of a day."""

    def __init__(self, users: int) -> None:
        self.users = users
        self.cost = table("Unit costs")
        self.assumed = table("Assumptions")

    def changes(self) -> float:
        """A second."""
        a = self.assumed
        return self.users * a["changes of a user a day"] * a["peak over mean"] / DAY

    def visits(self) -> float:
        """A second: each connects once and reads once."""
        return self.users / (self.assumed["minutes of a visit"] * 60)

    def gateway(self) -> float:
        repeats = self.assumed["repeats of a change"]
        one = self.cost["a change, gateway"] + repeats * self.cost["a repeat, gateway"]
        return self.changes() * one

    def redis(self) -> float:
        reads = 2 * self.visits() * self.assumed["a read, Redis"]
        return self.changes() * self.cost["a save, Redis"] + reads

    def pings(self) -> float:
        """CPU of ws, a second."""
        return self.users / 20 * self.cost["a ping, ws"]

    def connects(self) -> float:
        """CPU of ws, a second."""
        return self.visits() * self.cost["a connect, ws"]

    def ws(self) -> float:
        return self.changes() * self.cost["an update, ws"] + self.pings() + self.connects()

    def api(self) -> float:
        return self.visits() * self.cost["a read, api"]

    def proxy(self) -> float:
        """An update of a single watcher is a frame like those of a fan-out for it."""
        a = self.assumed
        times = {what: a[f"proxy's CPU of a {what}, of the service's"] for what in PROXIED}
        frames = self.changes() * self.cost["a frame, ws"]
        own = times["ping"] * self.pings() + times["frame"] * frames
        return own + times["connect"] * self.connects() + times["read"] * self.api()

    def cores(self) -> float:
        return self.gateway() + self.redis() + self.ws() + self.api() + self.proxy()

    def busy(self, cores: float) -> int:
        return math.ceil(cores / self.assumed["load of a core at the peak"])

    def gateways(self) -> int:
        return 2 * self.busy(self.gateway())

    def masters(self) -> int:
        """A cluster has three at least."""
        needed = self.busy(self.redis())
        return 1 if needed == 1 else max(3, needed)

    def ws_processes(self) -> int:
        by_sockets = math.ceil(self.users / self.assumed["sockets of one ws"])
        return max(2, by_sockets, self.busy(self.ws()))

    def apis(self) -> int:
        return max(2, self.busy(self.api()))

    def servers(self) -> float:
        return self.users / self.assumed["members of a server"]

    def shards(self) -> int:
        return math.ceil(self.servers() / 2500)

    def redis_memory(self) -> float:
        """Of the users alone: a replica and the rewriting of the file make it four times that."""
        return self.users * self.cost["a user, Redis memory"]

    def memory(self) -> float:
        c, a = self.cost, self.assumed
        users = 2 * self.users * a["a user, gateway's memory"]
        gateways = self.gateways() * a["a gateway at rest"] + users
        ws = self.ws_processes() * a["a ws at rest"] + self.users * c["a client, ws memory"]
        apis = self.apis() * (a["an api at rest"] + 50_000 * c["a response, api memory"])
        proxy = self.users * a["a client, proxy's memory"]
        kernel = 3 * self.users * a["a socket, kernel's memory"]
        return 4 * self.redis_memory() + gateways + ws + apis + proxy + kernel

    def outgoing(self) -> float:
        """Bytes a second to clients."""
        a = self.assumed
        frames = self.changes() * (a["a frame"] + a["overhead of a packet"])
        pings = self.users / 20 * a["overhead of a packet"]
        return frames + pings + self.visits() * a["overhead of a visit"]

    def published(self) -> float:
        """Bytes a second from Redis to ws."""
        return self.changes() * self.assumed["a message of Redis"]

    def month(self) -> float:
        """Bytes to clients in a month, at the mean."""
        return self.outgoing() / self.assumed["peak over mean"] * MONTH

    def rented(self) -> int:
        return max(2, self.busy(self.cores()))

    def gigabytes(self) -> int:
        return max(2, math.ceil(self.memory() / 1e9))

    def dollars(self) -> float:
        a = self.assumed
        machines = self.rented() * a["a core a month"] + self.gigabytes() * a["a GB a month"]
        return machines + self.month() / 1e12 * a["a TB to clients"]


ROWS: dict[str, Callable[[Plan], float]] = {
    "changes a second": Plan.changes,
    "visits a second": Plan.visits,
    "Discord servers": Plan.servers,
    "shards": Plan.shards,
    "cores: gateway": Plan.gateway,
    "cores: Redis": Plan.redis,
    "cores: ws": Plan.ws,
    "cores: api": Plan.api,
    "cores: proxy": Plan.proxy,
    "cores, total": Plan.cores,
    "gateway processes": Plan.gateways,
    "Redis masters": Plan.masters,
    "ws processes": Plan.ws_processes,
    "api processes": Plan.apis,
    "MB in Redis": lambda plan: plan.redis_memory() / 1e6,
    "Mbit/s from Redis to ws": lambda plan: plan.published() * 8 / 1e6,
    "Mbit/s to clients": lambda plan: plan.outgoing() * 8 / 1e6,
    "TB to clients a month": lambda plan: plan.month() / 1e12,
    "cores to rent": Plan.rented,
    "GB of memory to rent": Plan.gigabytes,
    "dollars a month": Plan.dollars,
}


def shown(value: float) -> str:
    """Integers as they are; of other numbers two significant digits."""
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def test_plan_follows_from_its_tables() -> None:
    """Every cell follows from the two tables above it."""
    plans = [Plan(size) for size in SIZES]
    calculated = [[name, *(shown(of(plan)) for plan in plans)] for name, of in ROWS.items()]
    assert rows(PAGE, "The plan") == calculated


def test_costs_are_the_measured_ones() -> None:
    """Each cost that names a row of docs/performance.md has the figure of that row."""
    text = PERFORMANCE.read_text()
    for name, cost, source in rows(PAGE, "Unit costs"):
        assert re.search(rf"^\| {re.escape(source)} .*\b{re.escape(cost)}\b", text, re.MULTILINE), (
            name
        )


@pytest.mark.parametrize(
    ("value", "text"), [(0.00123, "0.0012"), (17.36, "17"), (1234.0, "1,200"), (12345, "12,345")]
)
def test_numbers_are_rounded(value: float, text: str) -> None:
    assert shown(value) == text
