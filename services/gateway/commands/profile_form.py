"""The modal in which a person writes bio, pronouns and links. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from services.gateway.commands.replies import Json, Modal, Reply, button, row, text_input
from shared.commands.texts import Texts
from shared.model.user_settings import (
    BIO_MAX_CHARS,
    LABEL_MAX_CHARS,
    LINKS_MAX,
    PRONOUNS_MAX_CHARS,
    URL_MAX_CHARS,
    InvalidSettings,
    UserSettings,
)

OPEN: Final = "grux:v1:profile"
OPEN_DRAFT: Final = "grux:v1:profile:draft"
SUBMIT: Final = "grux:v1:profile"

LINKS_MAX_CHARS: Final = LINKS_MAX * (LABEL_MAX_CHARS + URL_MAX_CHARS + 2)


class ProfileDraft(Struct, frozen=True):
    """What is in the fields of the modal."""

    bio: str = ""
    pronouns: str = ""
    links: str = ""  # one per line

    def patch(self) -> dict[str, object]:
        """For `user_settings.patched`."""
        return {"bio": self.bio, "pronouns": self.pronouns, "links": parse_links(self.links)}


def draft_of_settings(settings: UserSettings) -> ProfileDraft:
    lines = [f"{link.label} {link.url}" for link in settings.links]
    return ProfileDraft(settings.bio or "", settings.pronouns or "", "\n".join(lines))


def draft_of_fields(fields: Mapping[str, str]) -> ProfileDraft:
    """What was sent off."""
    return ProfileDraft(*(fields.get(name, "") for name in ProfileDraft.__struct_fields__))


def draft_of_message(message: Mapping[str, Any] | None) -> ProfileDraft:
    """What `rejected` has shown: Discord keeps it for us until the person edits it again."""
    embeds = (message or {}).get("embeds")
    if not isinstance(embeds, list) or not all(isinstance(one, dict) for one in embeds):
        return ProfileDraft()
    texts = [str(one.get("description") or "") for one in embeds]
    return ProfileDraft(*texts[: len(ProfileDraft.__struct_fields__)])


def modal(draft: ProfileDraft, texts: Texts) -> Modal:
    said = texts.profile
    return Modal(
        custom_id=SUBMIT,
        title=said.title,
        inputs=(
            text_input(
                "bio",
                said.bio,
                draft.bio,
                max_chars=BIO_MAX_CHARS,
                description=said.bio_hint,
                paragraph=True,
            ),
            text_input("pronouns", said.pronouns, draft.pronouns, max_chars=PRONOUNS_MAX_CHARS),
            text_input(
                "links",
                said.links,
                draft.links,
                max_chars=LINKS_MAX_CHARS,
                description=said.links_hint,
                paragraph=True,
            ),
        ),
    )


def rejected(draft: ProfileDraft, error: InvalidSettings, texts: Texts) -> Reply:
    """Says what cannot be saved and why, with what was written and a button to edit it."""
    said = texts.profile
    field = error.field.partition("[")[0]
    reasons = {"bio": said.bad_bio, "pronouns": said.bad_pronouns, "links": said.bad_links}
    reason = reasons.get(field, str(error))
    return Reply(
        content=f"{said.not_saved.format(reason=reason)}\n{said.draft}",
        embeds=(
            _shown(said.bio, draft.bio[:BIO_MAX_CHARS]),
            _shown(said.pronouns, draft.pronouns[:PRONOUNS_MAX_CHARS]),
            _shown(said.links, draft.links[:LINKS_MAX_CHARS]),
        ),
        rows=(row(button(OPEN_DRAFT, said.edit_again, "primary")),),
    )


def parse_links(text: str) -> list[dict[str, str]]:
    """One for each line that is not empty: a label, a space, and the address. An address alone is
    labelled with its host. Whether they are allowed, `user_settings.patched` says."""
    links = []
    for line in text.splitlines():
        label, _, url = line.strip().rpartition(" ")
        if url:
            links.append({"label": label.strip() or _host(url), "url": url})
    return links


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")[:LABEL_MAX_CHARS]
    except ValueError:
        return ""


def _shown(title: str, text: str) -> Json:
    return {"title": title, **({"description": text} if text else {})}
