"""The addresses at which a person is shown. Nothing here does I/O."""

from __future__ import annotations

from typing import Final

from services.gateway.commands.replies import Reply, link_button, row
from shared.commands.texts import Texts

WIDGET: Final = """\
```html
<script type="module" src="{url}/widget.js"></script>
<grux-presence user="{user_id}"></grux-presence>
```"""


def links_reply(public_url: str, user_id: int, texts: Texts, *, is_shown: bool) -> Reply:
    """`public_url`: of api, without a slash at the end; "": not known."""
    said = texts.links
    if not public_url:
        return Reply(content=said.unknown)
    addresses = (
        (said.page, f"{public_url}/u/{user_id}"),
        (said.card, f"{public_url}/card/{user_id}.svg"),
        (said.api, f"{public_url}/user/{user_id}"),
    )
    lines = [said.intro if is_shown else f"{said.intro} {said.hidden}"]
    lines += [f"- {label} <{url}>" for label, url in addresses]
    lines += [said.widget, WIDGET.format(url=public_url, user_id=user_id)]
    buttons = [link_button(url, label) for label, url in addresses[:2]]
    buttons += [
        link_button(f"{public_url}/me", said.account),
        link_button(f"{public_url}/privacy", said.privacy),
    ]
    return Reply(content="\n".join(lines), rows=(row(*buttons),))
