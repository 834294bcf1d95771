"""Accessibility rules, as axe checks them (WCAG 2 and best practices)."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page


async def violations(page: Page) -> str:
    """A report of the violations; empty without any."""
    found = await Axe().run(page)
    return str(found.generate_report()) if found.violations_count else ""
