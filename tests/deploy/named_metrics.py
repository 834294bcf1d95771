"""The queries of the dashboard and of the alert rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.documents import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "grux.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"

_NAME = re.compile(r"\b(?:grux|process)_\w+")


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without its row headings."""
    found = msgspec.json.decode(DASHBOARD.read_bytes())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def queries() -> Iterator[str]:
    """Every query of the dashboard."""
    return (target["expr"] for panel in panels() for target in panel["targets"])


def rules() -> list[str]:
    """Every expression of the alert rules."""
    found = re.findall(r"^ +expr: (\|\n(?:  {10}.*\n)+|.*\n)", ALERTS.read_text(), re.MULTILINE)
    return [expression.removeprefix("|\n") for expression in found]


def named(expressions: Iterator[str] | list[str]) -> set[str]:
    """The names of the samples that these queries use."""
    return {name for expression in expressions for name in _NAME.findall(expression)}
