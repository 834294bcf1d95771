"""Query parameters: valid ones apply, and all others are harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cards import card_options
from services.cards.card_options import CardOptions


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, CardOptions()),
        ({"theme": "LIGHT"}, CardOptions(theme="light")),
        ({"theme": "auto"}, CardOptions(theme="auto")),
        ({"bg": "#0D1117"}, CardOptions(bg="0d1117")),
        ({"bg": "fff"}, CardOptions(bg="ffffff")),
        ({"bg": "transparent"}, CardOptions(bg="transparent")),
        ({"borderRadius": "30px"}, CardOptions(radius=30)),
        ({"borderRadius": "10.5"}, CardOptions(radius=10)),
        ({"borderRadius": "1rem"}, CardOptions(radius=16)),
        ({"borderRadius": "0.5em"}, CardOptions(radius=8)),
        ({"borderRadius": ".25REM"}, CardOptions(radius=4)),
        ({"borderRadius": "9pt"}, CardOptions(radius=12)),
        ({"borderRadius": "50%"}, CardOptions(radius=card_options.MAX_RADIUS_PX)),
        ({"borderRadius": "10%"}, CardOptions(radius=12)),
        ({"bg": "00000000"}, CardOptions(bg="transparent")),
        ({"bg": "#abc0"}, CardOptions(bg="transparent")),
        ({"bg": "0D1117ff"}, CardOptions(bg="0d1117")),
        ({"bg": "0d111780"}, CardOptions(bg="0d111780")),
        ({"bg": "f008"}, CardOptions(bg="ff000088")),
        ({"animatedDecoration": "false"}, CardOptions(animated_decoration=False)),
        ({"clanBackgroundColor": "#1A1C1F"}, CardOptions(tag_bg="1a1c1f")),
        ({"borderRadius": "9999"}, CardOptions(radius=card_options.MAX_RADIUS_PX)),
        ({"width": "1"}, CardOptions(width=card_options.MIN_WIDTH_PX)),
        ({"width": "9000"}, CardOptions(width=card_options.MAX_WIDTH_PX)),
        ({"accent": "ff0055"}, CardOptions(accent="ff0055")),
        ({"animated": "false"}, CardOptions(animated=False)),
        ({"idleMessage": " Away "}, CardOptions(idle_message="Away")),
        ({"showDisplayName": "false"}, CardOptions(display_name=False)),
        ({"hideStatus": "true", "hideTag": "1"}, CardOptions(hide_status=True, hide_tag=True)),
        ({"hideActivity": "whenNotUsed"}, CardOptions(hide_activity="whenNotUsed")),
        ({"hideActivity": "true"}, CardOptions(hide_activity="true")),
        (
            {"ignoreAppId": "383226320970055681, 1302143410907648071"},
            CardOptions(ignored=frozenset({"383226320970055681", "1302143410907648071"})),
        ),
        ({"bg": "e96443,904e95"}, CardOptions(bg="135,e96443,904e95")),
        ({"bg": "30, #E96443 ,904e95,fff"}, CardOptions(bg="30,e96443,904e95,ffffff")),
        ({"bg": "111,222"}, CardOptions(bg="135,111111,222222")),
        ({"bg": "450,111,222"}, CardOptions(bg="90,111111,222222")),
        ({"gradient": "645CBB-A084DC-fff"}, CardOptions(gradient=("645cbb", "a084dc", "ffffff"))),
        ({"gradient": "645CBB,#A084DC"}, CardOptions(gradient=("645cbb", "a084dc"))),
        ({"showBanner": "true"}, CardOptions(banner="true")),
        ({"showBanner": "Animated"}, CardOptions(banner="animated")),
        ({"animatedNameplate": "false"}, CardOptions(animated_nameplate=False)),
        ({"layout": "Compact"}, CardOptions(layout="compact")),
        ({"layout": "minimal"}, CardOptions(layout="minimal")),
        ({"layout": "Wide"}, CardOptions(layout="wide")),
        ({"nameStyle": "false"}, CardOptions(name_style=False)),
        ({"lang": "de"}, CardOptions(lang="de")),
        ({"lang": "pt"}, CardOptions(lang="pt-BR")),
        ({"lang": "FR_ca"}, CardOptions(lang="fr")),
        ({"v": "2", "cache": "no"}, CardOptions()),
    ],
)
def test_valid_values(query: dict[str, str], wanted: CardOptions) -> None:
    """As in lanyard-profile-readme. Unknown names are ignored."""
    assert card_options.parse(query.items()) == (wanted, [])


@pytest.mark.parametrize("name", card_options.PARAMETERS)
def test_an_invalid_value_is_named_and_ignored(name: str) -> None:
    """The default applies."""
    nonsense = "" if name == "idleMessage" else '"><script>'
    parsed, invalid = card_options.parse([(name, nonsense)])
    if not name.startswith("hide"):
        assert parsed == CardOptions()
    assert invalid == ([name] if nonsense else [])


@pytest.mark.parametrize(
    "bg",
    ["e96443,", ",", "90,e96443", "e96443,904e9", "1234,fff,000", "0d111780,fff", "transparent,fff",
     ",".join(["fff"] * (card_options.MAX_STOPS + 1)), ",".join(["fff"] * 400)],
)  # fmt: skip
def test_what_is_no_gradient(bg: str) -> None:
    """The theme's background, and the parameter is named."""
    assert card_options.parse([("bg", bg)]) == (CardOptions(), ["bg"])


@pytest.mark.parametrize("value", ["on", "ture", "2", "", '"', "when", "true;"])
@pytest.mark.parametrize("name", [n for n in card_options.PARAMETERS if n.startswith("hide")])
def test_an_invalid_value_hides(name: str, value: str) -> None:
    """A typing error publishes nothing. The parameter is named nevertheless."""
    assert card_options.parse([(name, value)]) == (card_options.parse([(name, "true")])[0], [name])
    assert card_options.parse([(name, "false")]) == (CardOptions(), [])


@pytest.mark.parametrize(
    "rest", ["abc", "12", "99999999999999999999", "1302143410907648071x", "<", "1 2"]
)
def test_one_invalid_id_does_not_show_the_others(rest: str) -> None:
    """The valid ids are hidden, wherever the invalid one is."""
    good = "383226320970055681"
    for value in (f"{good},{rest}", f"{rest},{good}", f"{rest} , {good},,"):
        parsed, invalid = card_options.parse([("ignoreAppId", value)])
        assert parsed == CardOptions(ignored=frozenset({good}))
        assert invalid == ["ignoreAppId"]


def test_too_many_ids_hide_every_activity() -> None:
    """An id beyond the limit would be shown otherwise. A repeated id counts once."""
    ids = [str(10**17 + n) for n in range(card_options.MAX_IGNORED_APPS + 1)]
    parsed, invalid = card_options.parse([("ignoreAppId", ",".join(ids))])
    assert (parsed.hide_activity, invalid) == ("true", ["ignoreAppId"])
    parsed, invalid = card_options.parse([("ignoreAppId", ",".join(ids[1:] * 2))])
    assert (parsed, invalid) == (CardOptions(ignored=frozenset(ids[1:])), [])


def test_the_last_of_two_values_wins() -> None:
    """A parameter appended to a URL overrides an earlier one."""
    query = [("theme", "dark"), ("theme", "light")]
    assert card_options.parse(query) == (CardOptions(theme="light"), [])


@given(st.dictionaries(st.sampled_from(card_options.PARAMETERS), st.text(max_size=400)))
def test_any_query_gives_options(query: dict[str, str]) -> None:
    """Within their bounds, and usable as a cache key."""
    options, _ = card_options.parse(query.items())
    assert card_options.MIN_WIDTH_PX <= options.width <= card_options.MAX_WIDTH_PX
    assert 0 <= options.radius <= card_options.MAX_RADIUS_PX
    assert len(options.idle_message) <= card_options.MAX_IDLE_CHARS
    assert len(options.ignored) <= card_options.MAX_IGNORED_APPS
    assert hash(options) == hash(card_options.parse(query.items())[0])
