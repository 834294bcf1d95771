"""The dashboard and the alert rules ask for what the processes tell, and leave nothing out."""

from __future__ import annotations

import asyncio
import re

from tests.deploy.named_metrics import ALERTS, named, panels, queries, rules
from tests.documents import ROOT
from tests.e2e.test_insight import observed
from tests.scraped import fetch

HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def told(page: str) -> set[str]:
    """The names on a page of metrics, those without a sample yet included."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))
    endings = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + end for name, kind in kinds.items() for end in endings.get(kind, ("",))}


async def test_every_metric_that_is_named_is_scraped() -> None:
    """By the real processes, under just that name."""
    async with observed(PROFILE_SOURCE="discord") as (_, ports):
        pages = [await asyncio.to_thread(fetch, port, "/metrics") for port in ports.values()]
    there = {name for _, page in pages for name in told(page.decode())}
    assert named(queries()) - there == set()
    assert named(rules()) - there == set()


def test_every_metric_that_is_told_is_shown() -> None:
    """What docs/operations.md explains has a place on the dashboard."""
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = {HISTOGRAM.sub("", name).removesuffix("_total") for name in named(queries())}
    assert set(re.findall(r"`(grux_\w+)`", page)) - shown == set()


def test_panels_do_not_cover_each_other() -> None:
    """Each has its own number and place, and the width of the page is 24."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in panels()]
    assert len(numbers) == len(set(numbers))


def test_every_alert_says_what_to_do() -> None:
    """And how urgent it is."""
    text = ALERTS.read_text()
    alerts = text.split("- alert: ")[1:]
    assert len(alerts) == len(rules()) > 10
    for alert in alerts:
        name = alert.split("\n")[0]
        assert re.search(r"severity: (page|ticket)", alert), name
        assert re.search(r"^ +summary: \S", alert, re.MULTILINE), name
        assert re.search(r"^ +action: \S", alert, re.MULTILINE), name
    tests = (ALERTS.parent / "alerts.test.yml").read_text()
    assert {alert.split("\n")[0] for alert in alerts} == set(re.findall(r"Grux\w+", tests))
