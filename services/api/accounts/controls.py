"""Controls of the forms at /me as HTML: each with its label, its hint and its error.

Every text that is passed in is escaped here, unless its name ends with `html`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from services.api.accounts.view import Invalid
from shared.model.user_settings import TIME_MAX_MS


def switch(name: str, value: str, label: str, hint: str, *, on: bool, usable: bool = True) -> str:
    """A box that looks like a switch. `hint`: a sentence below it, or nothing."""
    control_id = escape(f"{name}-{value}")
    described = f' aria-describedby="{control_id}-hint"' if hint else ""
    below = f'\n  <p class="hint" id="{control_id}-hint">{escape(hint)}</p>' if hint else ""
    return f"""\
<div class="option">
  <input type="checkbox" role="switch" class="switch" id="{control_id}" name="{escape(name)}" \
value="{escape(value)}"{" checked" if on else ""}{"" if usable else " disabled"}{described}>
  <label for="{control_id}"><bdi>{escape(label)}</bdi></label>{below}
</div>"""


def text_input(
    name: str, control_id: str, label: str, value: str, *, more: str, invalid: Invalid | None
) -> str:
    """A line of text. `more`: further attributes, as HTML."""
    attributes = f'id="{control_id}" name="{name}" value="{escape(value)}" {more}'
    return (
        f'<div class="text"><label for="{control_id}">{escape(label)}</label>\n'
        f"<input {attributes}{_described(control_id, invalid)}>{error(control_id, invalid)}</div>"
    )


def text_area(
    name: str, label: str, value: str, hint: str, *, more: str, invalid: Invalid | None
) -> str:
    """Several lines of text."""
    described = _described(name, invalid, f"{name}-hint")
    # A newline directly behind the tag is not part of the value.
    return (
        f'<div class="text"><label for="{name}">{escape(label)}</label>\n'
        f'<textarea id="{name}" name="{name}" {more}{described}>\n{escape(value)}</textarea>'
        f'\n<p class="hint" id="{name}-hint">{escape(hint)}</p>{error(name, invalid)}</div>'
    )


def error(control_id: str, invalid: Invalid | None) -> str:
    """The place of a control's error: scripts fill it as well."""
    text = escape(invalid.message) if invalid else ""
    return f'\n<p class="error" id="{control_id}-error">{text}</p>'


def _described(control_id: str, invalid: Invalid | None, *others: str) -> str:
    ids = " ".join((*others, f"{control_id}-error"))
    wrong = ' aria-invalid="true"' if invalid else ""
    return f' aria-describedby="{ids}"{wrong}'


def csrf_input(token: str) -> str:
    """What shows that the form was sent from this page."""
    return f'<input type="hidden" name="csrf" value="{escape(token)}">'


def section(anchor: str, title: str, body_html: str) -> str:
    """A part of the page with a heading."""
    return (
        f'<section class="part" aria-labelledby="{anchor}">\n'
        f'<h2 id="{anchor}">{escape(title)}</h2>\n{body_html}\n</section>'
    )


def time_html(time_ms: int) -> str:
    """In UTC; scripts show it as the browser's clock does."""
    time = datetime.fromtimestamp(min(time_ms, TIME_MAX_MS) / 1000, UTC)
    return f'<time datetime="{time:%Y-%m-%dT%H:%M:%SZ}">{time:%Y-%m-%d %H:%M} UTC</time>'


def lines(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)
