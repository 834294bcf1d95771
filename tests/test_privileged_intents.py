"""docs/privileged-intents.md: what Discord's form asks, and answers that fit into it."""

from __future__ import annotations

import re

import pytest

from tests.documents import ROOT

FORM = (ROOT / "docs" / "privileged-intents.md").read_text()
DELETION = "How do users contact you to request deletion of their activity data?"
ENCRYPTION = (
    "Are you encrypting the data that you store at rest, as is required by our developer policy?"
)
EVIDENCE = "Please provide links to screenshots and/or videos that demonstrate your use case"
SECTIONS = {
    "General": [
        "What does your application do?",
        "Do you have a public Privacy Policy telling your users about their data usage?",
        "Where is your Privacy Policy available?",
        "Please share a link to your Privacy Policy.",
    ],
    "Server Members": [
        "Why do you need the Guild Members intent?",
        EVIDENCE,
        "Are you storing any API Data off-platform (outside of Discord)?",
        "Are you storing API Data for 30 days or less?",
        DELETION,
        ENCRYPTION,
    ],
    "Presence": [
        "Why do you need the Guild Presences intent?",
        EVIDENCE,
        "Can users opt-out of having their Presence data tracked?",
        "Are you storing user activity data off-platform (outside of Discord)?",
        "Are you storing user activity data for 30 days or less?",
        DELETION,
        ENCRYPTION,
    ],
}
MIN_CHARS = {"What does": 50, "Why do": 50, "Where is": 25, "How do": 25}
MAX_CHARS = 2000


def answers(section: str) -> dict[str, str]:
    """By question."""
    text = re.split(rf"^## {section}$", FORM, flags=re.MULTILINE)[1].partition("\n## ")[0]
    found = re.findall(r"^\*\*(.+)\*\*\n\n((?:> .*\n)+)", text, re.MULTILINE)
    return {question: " ".join(answer.replace("> ", "").split()) for question, answer in found}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_question_has_an_answer_that_fits(section: str) -> None:
    """The labels are Discord's own, in the form's order; a text field has bounds."""
    found = answers(section)
    assert list(found) == SECTIONS[section]
    for question, answer in found.items():
        least = next((n for start, n in MIN_CHARS.items() if question.startswith(start)), 1)
        assert least <= len(answer) <= MAX_CHARS, question
