"""Links to connected accounts, kind by kind."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.discord.connection_links import BY_ID, BY_NAME, link
from testing import samples

TABLE: dict[str, dict[str, Any]] = {
    row["type"]: row for row in samples.read("connection-links.json")["connections"]
}
OTHERWISE = {
    "skype": None,  # not a web address
    "youtube": "https://youtube.com/channel/{id}",  # the contract's example says so
}
KINDS = sorted({*BY_ID, *BY_NAME, "domain", "mastodon"})


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_links_follow_the_table(kind: str) -> None:
    """Each kind has the link of the Discord client, but for two."""
    account_id = {"domain": "example.org", "mastodon": "https://mastodon.example/@me"}.get(
        kind, "the-id"
    )
    template = OTHERWISE.get(kind, TABLE[kind]["url_template"])
    wanted = template and template.replace("{id}", account_id).replace("{name}", "the-name")
    assert link(kind, account_id, "the-name") == wanted


@pytest.mark.parametrize(
    ("kind", "account_id", "name", "wanted"),
    [
        ("github", "1", "a/../b", "https://github.com/a%2F..%2Fb"),
        ("github", "1", "é ☕?#", "https://github.com/%C3%A9%20%E2%98%95%3F%23"),
        ("github", "1", '"><script>', "https://github.com/%22%3E%3Cscript%3E"),
        ("bluesky", "did:plc:abc/..", None, "https://bsky.app/profile/did:plc:abc%2F.."),
        ("tiktok", None, "me", "https://www.tiktok.com/@me"),
    ],
)
def test_strangers_texts_are_encoded(
    kind: str, account_id: str | None, name: str | None, wanted: str
) -> None:
    """What a user has typed stays one part of the path."""
    assert link(kind, account_id, name) == wanted


@pytest.mark.parametrize(
    ("kind", "account_id", "name"),
    [
        ("threads", "1", "unknown kind"),
        ("", "1", "no kind"),
        ("github", "1", None),
        ("github", "1", ""),
        ("github", "1", ".."),
        ("steam", None, "no id"),
        ("steam", ".", "a step"),
        ("skype", "robin", "robin"),
    ],
)
def test_no_link_where_there_is_none(kind: str, account_id: str | None, name: str | None) -> None:
    """Unknown kinds, missing values and `..` have no link."""
    assert link(kind, account_id, name) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/",
        "evil.example:80",
        "user@evil.example",
        'evil.example/"><script>',
        "localhost",
        "127.0.0.1",
        "[::1]",
        "a..b",
        "-a.example",
        "a-.example",
        ".example.org",
        "example.org.",
        "example.org\n",
        "exämple.org",
        "exam ple.org",
        "a" * 64 + ".example",
        "a." * 130 + "example",
        "",
    ],
)
def test_a_domain_must_be_a_host_name(host: str) -> None:
    """Anything but a name of a public host has no link, as a domain and in Mastodon's address."""
    assert link("domain", host, None) is None
    if not host.startswith("evil.example/"):
        assert link("mastodon", f"https://{host}/@me", None) is None


@pytest.mark.parametrize("host", ["example.org", "a.b-c.example", "xn--bcher-kva.example", "A.IO"])
def test_a_host_name_is_linked(host: str) -> None:
    """Names of public hosts are links, also those in Punycode."""
    assert link("domain", host, None) == f"https://{host}/"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "http://mastodon.example/@me",
        "https:/mastodon.example/@me",
        "//mastodon.example/@me",
        "https://user:pass@mastodon.example/@me",
        "https://mastodon.example:444/@me",
        "https://mastodon.example/@me?x=1",
        "https://mastodon.example/@me#x",
        "https://mastodon.example/\\@me",
        "https://mastodon.example/@me\n",
        "https://mastodon.example/" + "a" * 500,
    ],
)
def test_mastodon_takes_plain_addresses_only(address: str) -> None:
    """https, a host and a path: nothing else."""
    assert link("mastodon", address, None) is None


@given(st.sampled_from(KINDS), st.text(), st.text())
def test_a_link_leads_to_its_site(kind: str, account_id: str, name: str) -> None:
    """Whatever the account's texts are, the link is a plain https address."""
    found = link(kind, account_id, name)
    if found is None:
        return
    parts = urlsplit(found)
    assert parts.scheme == "https"
    assert (parts.query, parts.fragment, parts.username, parts.port) == ("", "", None, None)
    template = BY_ID.get(kind) or BY_NAME.get(kind)
    if template is not None:
        assert parts.netloc == urlsplit(template).netloc
        assert parts.path.count("/") == urlsplit(template).path.count("/")
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(" \"'<>\\`")
