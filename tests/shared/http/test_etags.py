"""Entity tags and the lists they stand in. RFC 9110, 8.8.3."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.http.responses import etag_matches, etag_of

TAG_CHARACTERS = st.characters(
    codec="latin-1", exclude_characters='"', exclude_categories=["C", "Z"]
)
OPAQUE = st.text(TAG_CHARACTERS, max_size=10)


def test_the_tag_is_the_digest_of_the_body() -> None:
    """Replicas agree on it, also those that run another version of Grux."""
    assert etag_of(b"") == b'"b8e1dda3ac0aa3820ad2990b"'
    assert etag_of(b"a") != etag_of(b"b")


@given(st.lists(st.tuples(st.booleans(), OPAQUE), max_size=6), OPAQUE)
def test_a_list_matches_the_tags_in_it(listed: list[tuple[bool, str]], wanted: str) -> None:
    """Weak or strong, wherever in the list, and no other tag."""
    header = ", ".join(f'W/"{tag}"' if weak else f'"{tag}"' for weak, tag in listed)
    found = etag_matches(header.encode("latin-1"), f'"{wanted}"'.encode("latin-1"))
    assert found == (wanted in [tag for _, tag in listed])


@given(st.binary(max_size=200))
def test_any_header_is_read(header: bytes) -> None:
    """A header that is no list of tags matches nothing, unless it is `*`."""
    assert etag_matches(header, etag_of(b"another body")) == (header.strip() == b"*")
