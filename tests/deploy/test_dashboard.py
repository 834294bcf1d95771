"""The dashboard and the alert rules use metrics that exist, and the dashboard shows all of them."""

from __future__ import annotations

import asyncio
import re

from tests.deploy.named_metrics import ALERTS, named, panels, queries, rules
from tests.documents import ROOT
from tests.e2e.test_insight import observed
from tests.scraped import fetch

HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def exported(page: str) -> set[str]:
    """The sample names on a page of metrics, including those without a sample yet."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))
    endings = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + end for name, kind in kinds.items() for end in endings.get(kind, ("",))}


async def test_every_metric_in_a_query_exists() -> None:
    """The real processes export it under exactly that name."""
    async with observed(PROFILE_SOURCE="discord") as (_, ports):
        pages = [await asyncio.to_thread(fetch, port, "/metrics") for port in ports.values()]
    there = {name for _, page in pages for name in exported(page.decode())}
    assert named(queries()) - there == set()
    assert named(rules()) - there == set()


def test_every_documented_metric_is_on_the_dashboard() -> None:
    """That is, every one that docs/operations.md explains."""
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = {HISTOGRAM.sub("", name).removesuffix("_total") for name in named(queries())}
    assert set(re.findall(r"`(grux_\w+)`", page)) - shown == set()


def test_panels_do_not_cover_each_other() -> None:
    """Each has its own id and cells; the page is 24 cells wide."""
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
    """And has a severity, a summary and a test."""
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
