"""/privacy: what this server knows of the people it shows and of its visitors."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final

from services.api.http import layout
from shared.config import ApiSettings
from shared.model.history import in_days

_TEMPLATE: Final = Path(__file__).with_name("privacy.html")

_SERVER: Final = "the Discord server in which you met this bot"
_SERVER_LINK: Final = '<a href="{}">the Discord server of this bot</a>'

_WHY_SHOWN: Final = {
    "joining": "You are shown because you share a Discord server with the bot.",
    "asking": "You are shown because you have asked for it, and share a Discord server with the "
    "bot. Nobody is shown here without having asked.",
}
_AFTER_ERASING: Final = {
    "joining": "As long as you stay in a server of the bot, you would then be shown again, like "
    "anyone who has chosen nothing: so you can keep one thing, that you stay hidden.",
    "asking": "You are not shown again unless you ask for it.",
}

_COMMANDS: Final = {
    "from_signing_in": "",
    "how_to_decide": "Type <code>/grux</code> in Discord, in a server that you share with the bot: "
    "hide what you want, pause for some hours, or hide completely.",
    "how_to_export": "<code>/grux data</code>",
    "how_to_erase": "<code>/grux erase</code>",
    "withdrawing": "",
    "cookies": "This server sets no cookies and knows no accounts of visitors.",
}
_SIGN_IN: Final = {
    "from_signing_in": """\
<tr><td>your connected accounts, if you sign in here. Hidden and unverified ones are never
  shown</td><td>Discord, because you allow it when you sign in</td>
  <td>until you withdraw that or erase it; they are read again once a day</td></tr>
<tr><td>Discord's tokens of your sign-in, encrypted, and a hash of each session</td>
  <td>signing in</td>
  <td>tokens: until you withdraw your consent; sessions: until you sign out, at most 30
  days</td></tr>
""",
    "how_to_decide": 'On <a href="me">your page</a>, or by <code>/grux</code> in Discord, you hide '
    "what you want, pause for some hours, or hide completely.",
    "how_to_export": '<a href="me">your page</a> or <code>/grux data</code>',
    "how_to_erase": '<a href="me">your page</a> or <code>/grux erase</code>',
    "withdrawing": """\
<li>Withdraw your consent to share connected accounts: in Discord, User Settings, Authorized Apps.
  They are then deleted here, and you are signed out.</li>
""",
    "cookies": "This server sets cookies only when you sign in, to know you until you sign out.",
}


def render(settings: ApiSettings) -> bytes:
    """The whole page."""
    invite = settings.discord_invite
    main = Template(_TEMPLATE.read_text()).substitute(
        _SIGN_IN if settings.discord_client_secret else _COMMANDS,
        contact=_SERVER_LINK.format(escape(invite)) if invite else _SERVER,
        why_shown=_WHY_SHOWN[settings.consent],
        history_time=in_days(settings.history_days),
        after_erasing=_AFTER_ERASING[settings.consent],
    )
    return layout.page(
        main,
        title="Privacy",
        description="What this server knows of the people it shows, and of its visitors.",
        current="privacy",
    )
