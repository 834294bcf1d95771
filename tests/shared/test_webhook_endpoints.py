"""WEBHOOKS is checked before anything starts, and no message repeats a secret of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared import config
from shared.config import ConfigError, WebhooksSettings, non_defaults, secrets_of
from shared.webhook_endpoints import MAX_ENDPOINTS, Endpoint
from tests.webhooks.receiver import SECRET

URL = "https://hooks.example.org/grux?token=hunter2"
ANNA = 1274150219482660897


def of(**changes: Any) -> list[Endpoint]:
    one = {"url": URL, "secret": SECRET, **changes}
    return parsed(msgspec.json.encode([one]).decode())


def parsed(text: str) -> list[Endpoint]:
    return list(config.from_env(WebhooksSettings, {"WEBHOOKS": text}).endpoints())


def test_an_endpoint_gets_every_user_by_default() -> None:
    """URL and secret are all that it needs."""
    [found] = of()
    assert (found.url, found.secrets, found.label) == (URL, (SECRET,), "hooks.example.org")
    assert found.wants(ANNA)
    assert not found.private


def test_an_endpoint_may_be_for_some_users() -> None:
    """Their ids are strings, as everywhere."""
    [found] = of(users=[str(ANNA)])
    assert found.wants(ANNA)
    assert not found.wants(ANNA + 1)


def test_several_secrets_sign() -> None:
    """So that a receiver may change to the new one when it likes."""
    other = "whsec_" + "B" * 32
    assert of(secret=f"{SECRET}, {other}")[0].secrets == (SECRET, other)


def test_labels_differ() -> None:
    """They show the host alone, and metrics need one name for each endpoint."""
    text = msgspec.json.encode(
        [{"url": f"https://h.example:8443/{n}", "secret": SECRET} for n in range(3)]
    ).decode()
    labels = [one.label for one in parsed(text)]
    assert labels == ["h.example:8443", "h.example:8443 (2)", "h.example:8443 (3)"]


def test_a_private_network_is_allowed_explicitly() -> None:
    """Without encryption, too."""
    for url in ("http://bot.internal/x", "https://10.0.0.7/x", "http://localhost:8080/x"):
        assert of(url=url, private=True)[0].private


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"url": "ftp://example.org"}, "must start with https://"),
        ({"url": "https://"}, "must start with https://"),
        ({"url": "https://exa mple.org/x"}, "no spaces"),
        ({"url": "https://example.org:0/"}, "must start with https://"),
        ({"url": "https://example.org:99999/"}, "a port is from 1 to 65535"),
        ({"url": "https://bücher.example/"}, "write such a host as xn--"),
        ({"url": "https://example.org/" + "x" * 2000}, "at most 2000 characters"),
        ({"url": "https://example.org/\r\nX: 1"}, "no spaces"),
        ({"url": "https://user:hunter2@example.org/"}, "no user name"),
        ({"url": "https://example.org/#hunter2"}, "no user name"),
        ({"url": "http://example.org/x"}, '"private": true'),
        ({"url": "https://127.0.0.1/x"}, "private network"),
        ({"url": "https://localhost/x"}, "private network"),
        ({"url": "https://[::1]/x"}, "private network"),
        ({"url": "https://169.254.169.254/x"}, "messages never go there"),
        ({"url": "http://169.254.169.254/x", "private": True}, "messages never go there"),
        ({"url": "http://[fe80::1%25eth0]/x", "private": True}, "messages never go there"),
        ({"url": "http://0.0.0.0/x", "private": True}, "messages never go there"),
        ({"url": "https://[::ffff:10.0.0.1]/x"}, "private network"),
        ({"secret": ""}, "the secret must be whsec_"),
        ({"secret": "hunter2-" + "A" * 32}, "the secret must be whsec_"),
        ({"secret": "whsec_hunter2"}, "24 to 64"),
        ({"secret": "whsec_" + "A" * 100}, "24 to 64"),
        ({"secret": "whsec_!!!!" + "A" * 32}, "24 to 64"),
        ({"users": [str(ANNA), "anna"]}, "number 2 in its users is not the id of a user"),
        ({"users": ["whsec_hunter2"]}, "number 1 in its users is not the id of a user"),
        ({"users": ["https://example.org/hunter2"]}, "number 1 in its users"),
        ({"whsec_hunter2": True}, "unknown field `whsec_…`"),
        ({"users": [ANNA]}, "Expected `str`"),
        ({"secert": "x"}, "unknown field `secert`"),
        ({"url": None}, "Expected `str`"),
    ],
)
def test_what_cannot_be_used_is_explained(changes: dict[str, Any], expected: str) -> None:
    """The message names the setting, and repeats neither the secret nor the rest of the URL."""
    with pytest.raises(ConfigError) as raised:
        of(**changes)
    assert str(raised.value).startswith("WEBHOOKS")
    assert expected in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["hunter2", "[]", "{}", '"hunter2"', "[[[", "[" * 100_000, "\udcff"]
)
def test_what_is_no_list_is_explained(text: str) -> None:
    """With an example."""
    with pytest.raises(ConfigError, match="WEBHOOKS must be a JSON list such as") as raised:
        parsed(text)
    assert "hunter2" not in str(raised.value)


def test_endpoints_are_different_and_not_too_many() -> None:
    """One that is there twice would be sent everything twice."""
    one = {"url": URL, "secret": SECRET}
    with pytest.raises(ConfigError, match="endpoint 2 of 2 has the url of another one"):
        parsed(msgspec.json.encode([one, one]).decode())
    many = [{**one, "url": f"{URL}{n}"} for n in range(MAX_ENDPOINTS + 1)]
    with pytest.raises(ConfigError, match="length <= 20"):
        parsed(msgspec.json.encode(many).decode())


def test_there_are_none_by_default() -> None:
    """Nothing is sent anywhere."""
    assert WebhooksSettings().endpoints() == ()


def test_the_log_masks_all_of_it() -> None:
    """The URL may be a secret as well."""
    text = msgspec.json.encode([{"url": URL, "secret": SECRET}]).decode()
    settings = WebhooksSettings(webhooks=text)
    assert non_defaults(settings) == "WEBHOOKS=***"
    assert {SECRET, URL} <= set(secrets_of(settings))
