"""A page on which a newcomer uses the bot's commands as a simulated person. It needs no JavaScript.

It shows less than Discord: text as it was sent, without formatting.
"""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from simulator.interaction import Interaction
from simulator.model import Guild, Json, Person
from simulator.oauth_page import document

CHAT_PATH: Final = "/chat"
LANGUAGES: Final = ("en-US", "de", "pt-BR", "es-ES", "fr", "ja")

_SUB_COMMAND: Final = 1
_INTEGER: Final = 4
_LINK_STYLE: Final = 5
_DIRECT_MESSAGE: Final = "in a direct message"


def start_page(command: Json | None, people: Iterable[Person], guilds: Iterable[Guild]) -> str:
    """Who types which command, and where."""
    if command is None:
        return document(
            "Commands",
            "<h1>Commands</h1><p>The bot has registered no commands yet. Start Grux, and load this "
            "page again.</p>",
        )
    persons = [(one.user.id, one.user.global_name or one.user.username) for one in people]
    places = [*((one.id, one.name) for one in guilds), ("", _DIRECT_MESSAGE)]
    context = "".join(
        _labelled(label, name, options)
        for label, name, options in (
            ("Person", "user_id", persons),
            ("Place", "guild_id", places),
            ("Language", "locale", [(one, one) for one in LANGUAGES]),
        )
    )
    forms = "".join(
        _command(command["name"], option, context)
        for option in command["options"]
        if option["type"] == _SUB_COMMAND
    )
    return document(
        "Commands",
        f"<h1>/{escape(command['name'])}</h1><p>This is a simulated Discord: use the bot's "
        f"commands as one of its people. Only that person would see the answer.</p>{forms}",
    )


def answer_page(interaction: Interaction) -> str:
    """What the person sees now."""
    here = f"{CHAT_PATH}/{interaction.id}"
    parts = [_refusal(one) for one in interaction.refusals]
    if interaction.modal is not None:
        parts.append(_modal(interaction.modal, here))
    elif interaction.message is not None:
        parts.append(_message(interaction.message, here))
    else:
        parts.append("<p>The application did not respond.</p>")
    parts.append(f'<p><a href="{CHAT_PATH}">All commands</a> <a href="{here}">Load again</a></p>')
    return document("Answer", "<h1>The bot's answer</h1>" + "".join(parts))


def error_page(message: str) -> str:
    """What cannot be used."""
    back = f'<p><a href="{CHAT_PATH}">All commands</a></p>'
    return document("Error", f"<h1>This does not work</h1><p>{escape(message)}</p>{back}")


def _command(name: str, option: Json, context: str) -> str:
    inputs = "".join(_option(one, option["name"]) for one in option.get("options") or ())
    title = f"/{escape(name)} {escape(option['name'])}"
    return (
        f'<form method="post" action="{CHAT_PATH}"><h2>{title}</h2>'
        f"<p>{escape(option['description'])}</p>"
        f'<input type="hidden" name="subcommand" value="{escape(option["name"])}">'
        f"<details><summary>Person, place, language</summary>{context}</details>{inputs}"
        f"<button>{title}</button></form>"
    )


def _option(option: Json, subcommand: str) -> str:
    """``number:`` or ``text:`` before the name tells the route its type."""
    kind = "number" if option["type"] == _INTEGER else "text"
    name = f"{kind}:{option['name']}"
    if choices := option.get("choices"):
        given = [("", "-"), *((one["value"], one["name"]) for one in choices)]
        return _labelled(option["description"], name, given)
    field_id = escape(f"{subcommand}-{option['name']}")
    least, most = option.get("min_value", ""), option.get("max_value", "")
    return (
        f'<p><label for="{field_id}">{escape(option["description"])}</label> '
        f'<input id="{field_id}" type="{kind}" name="{escape(name)}" min="{least}" max="{most}"'
        f"{' required' if option.get('required') else ''}></p>"
    )


def _labelled(label: str, name: str, options: Iterable[tuple[str, str]]) -> str:
    given = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
    )
    return f'<p><label>{escape(label)} <select name="{escape(name)}">{given}</select></label></p>'


def _message(message: Json, here: str) -> str:
    texts = [_text(message.get("content") or "")]
    for embed in message.get("embeds") or ():
        texts.append(f"<h2>{escape(embed.get('title') or '')}</h2>")
        texts.append(_text(embed.get("description") or ""))
    texts += [
        f"<h2>{escape(one['filename'])}</h2>{_text(one['text'])}"
        for one in message.get("attachments") or ()
    ]
    rows = [
        _component(item, here)
        for row in message.get("components") or ()
        for item in row["components"]
    ]
    return "".join([*texts, *rows])


def _text(text: str) -> str:
    return f'<p style="white-space: pre-wrap; overflow-wrap: anywhere">{escape(text)}</p>'


def _component(item: Json, here: str) -> str:
    if item.get("style") == _LINK_STYLE:
        return f'<p><a href="{escape(item["url"])}" rel="noopener">{escape(item["label"])}</a></p>'
    hidden = f'<input type="hidden" name="custom_id" value="{escape(item["custom_id"])}">'
    if "options" not in item:
        inside = f"<button>{escape(item['label'])}</button>"
    else:
        options = "".join(
            f'<p><label><input type="checkbox" name="values" value="{escape(one["value"])}"'
            f"{' checked' if one.get('default') else ''}> {escape(one['label'])}</label></p>"
            for one in item["options"]
        )
        label = escape(item.get("placeholder") or "Choose")
        inside = (
            f'<input type="hidden" name="is_select" value="1">'
            f"<fieldset><legend>{label}</legend>{options}</fieldset><button>OK</button>"
        )
    return f'<form method="post" action="{here}/component">{hidden}{inside}</form>'


def _modal(modal: Json, here: str) -> str:
    inputs = "".join(_input(label) for label in modal["components"])
    title = escape(modal["title"])
    return (
        f'<form method="post" action="{here}/modal"><h2>{title}</h2>{inputs}'
        "<button>OK</button></form>"
    )


def _input(label: Json) -> str:
    item: dict[str, Any] = label["component"]
    name, value = escape(item["custom_id"]), escape(item.get("value") or "")
    hint = f"<small>{escape(label['description'])}</small>" if label.get("description") else ""
    most = item.get("max_length", 4000)
    field = (
        f'<input type="text" name="{name}" value="{value}" maxlength="{most}">'
        if item["style"] == 1
        else f'<textarea name="{name}" rows="4" cols="40" maxlength="{most}">{value}</textarea>'
    )
    return f"<p><label>{escape(label['label'])} {hint}<br>{field}</label></p>"


def _refusal(refusal: str) -> str:
    return f"<p>The simulated Discord refused an answer: {escape(refusal)}</p>"
