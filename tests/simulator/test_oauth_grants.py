"""Codes, tokens and grants, without HTTP and without waiting."""

import pytest

from simulator.clock import MovableClock
from simulator.oauth_grants import Grants, TokenPair, challenge_of
from simulator.oauth_requests import (
    AuthorizeRefused,
    AuthorizeRequest,
    BadClient,
    OAuthError,
    read_authorize,
)
from simulator.options import Options
from simulator.people import FIRST_PERSON as ROBIN
from tests.simulator.browser import CALLBACK, CHALLENGE, QUERY, VERIFIER


def asked(*scopes: str, challenge: str | None = None) -> AuthorizeRequest:
    return AuthorizeRequest(redirect_uri=CALLBACK, scopes=scopes, challenge=challenge)


class Case:
    """Grants with a clock that stands still."""

    def __init__(self) -> None:
        self.clock = MovableClock(lambda: 1_000.0)
        self.dead = False
        self.grants = Grants(self.clock, lambda: self.dead)

    def sign_in(self, *scopes: str) -> TokenPair:
        code = self.grants.authorize(ROBIN, asked(*scopes))
        return self.grants.exchange(code, CALLBACK, None)


@pytest.fixture
def case() -> Case:
    return Case()


def refused(error: str) -> "pytest.RaisesExc[OAuthError]":
    return pytest.raises(OAuthError, check=lambda found: found.error == error)


def test_a_code_becomes_tokens(case: Case) -> None:
    """They live for seven days and have the scopes of this flow."""
    pair = case.sign_in("identify", "connections")
    assert (pair.user_id, pair.scopes) == (ROBIN, ("identify", "connections"))
    assert case.grants.expires_in(pair) == 604_800
    assert case.grants.find(pair.access_token) == pair
    case.clock.advance(604_800)
    assert case.grants.find(pair.access_token) is None
    assert case.grants.refresh(pair.refresh_token).scopes == pair.scopes


def test_a_code_works_once(case: Case) -> None:
    code = case.grants.authorize(ROBIN, asked("identify"))
    case.grants.exchange(code, CALLBACK, None)
    with refused("invalid_grant"):
        case.grants.exchange(code, CALLBACK, None)


def test_a_code_lives_for_a_hundred_seconds(case: Case) -> None:
    early, late = (case.grants.authorize(ROBIN, asked("identify")) for _ in range(2))
    case.clock.advance(99)
    case.grants.exchange(early, CALLBACK, None)
    case.clock.advance(1)
    with refused("invalid_grant"):
        case.grants.exchange(late, CALLBACK, None)


@pytest.mark.parametrize("redirect_uri", [CALLBACK + "/", "http://evil.example/", None, ""])
def test_a_code_is_bound_to_the_redirect_uri(case: Case, redirect_uri: str | None) -> None:
    code = case.grants.authorize(ROBIN, asked("identify"))
    with refused("invalid_grant"):
        case.grants.exchange(code, redirect_uri, None)
    with refused("invalid_grant"):  # the attempt used it up
        case.grants.exchange(code, CALLBACK, None)


def test_a_code_is_bound_to_the_challenge(case: Case) -> None:
    """S256, as in the example of the RFC."""
    assert challenge_of(VERIFIER) == CHALLENGE
    wanted = asked("identify", challenge=CHALLENGE)
    for verifier in (None, "x" * 43):
        code = case.grants.authorize(ROBIN, wanted)
        with refused("invalid_grant"):
            case.grants.exchange(code, CALLBACK, verifier)
    case.grants.exchange(case.grants.authorize(ROBIN, wanted), CALLBACK, VERIFIER)


def test_a_verifier_without_a_challenge_is_refused(case: Case) -> None:
    code = case.grants.authorize(ROBIN, asked("identify"))
    with refused("invalid_grant"):
        case.grants.exchange(code, CALLBACK, VERIFIER)


@pytest.mark.parametrize("verifier", ["x" * 42, "x" * 129, "x" * 43 + "+", ""])
def test_a_malformed_verifier_is_named(case: Case, verifier: str) -> None:
    code = case.grants.authorize(ROBIN, asked("identify", challenge=CHALLENGE))
    with refused("invalid_request"):
        case.grants.exchange(code, CALLBACK, verifier)


def test_a_refresh_replaces_both_tokens(case: Case) -> None:
    """The old refresh token is refused, and the old access token is dead."""
    old = case.sign_in("identify")
    new = case.grants.refresh(old.refresh_token)
    assert {old.access_token, old.refresh_token}.isdisjoint({new.access_token, new.refresh_token})
    assert case.grants.find(old.access_token) is None
    assert case.grants.find(new.access_token) == new
    with refused("invalid_grant"):
        case.grants.refresh(old.refresh_token)


def test_scopes_add_up(case: Case) -> None:
    """A new flow answers with its own scopes, a refresh with all."""
    case.sign_in("identify", "connections")
    second = case.sign_in("identify", "guilds.join")
    assert second.scopes == ("identify", "guilds.join")
    assert case.grants.refresh(second.refresh_token).scopes == (
        "identify",
        "connections",
        "guilds.join",
    )


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_ends_everything(case: Case, kind: str) -> None:
    """Whichever token is sent, all tokens and codes of the person die."""
    first, second = case.sign_in("identify"), case.sign_in("identify")
    code = case.grants.authorize(ROBIN, asked("identify"))
    case.grants.revoke(getattr(first, kind))
    assert case.grants.find(second.access_token) is None
    assert case.grants.scopes(ROBIN) == ()
    with refused("invalid_grant"):
        case.grants.refresh(second.refresh_token)
    with refused("invalid_grant"):
        case.grants.exchange(code, CALLBACK, None)
    assert not case.grants.remove(ROBIN)
    case.grants.revoke("unknown")


def test_a_token_can_be_dead_from_the_start(case: Case) -> None:
    """Its refresh token works."""
    case.dead = True
    pair = case.sign_in("identify")
    assert case.grants.find(pair.access_token) is None
    case.dead = False
    assert case.grants.find(case.grants.refresh(pair.refresh_token).access_token)


def test_an_authorize_url_is_read() -> None:
    wanted = read_authorize({**QUERY, "prompt": "none"}, Options())
    assert wanted.scopes == ("identify", "connections")
    assert (wanted.challenge, wanted.state, wanted.skips_page) == (CHALLENGE, "a&b", True)
    assert wanted.granted("c") == f"{CALLBACK}?code=c&state=a%26b"
    assert wanted.denied() == (
        f"{CALLBACK}?error=access_denied&error_description="
        "The+resource+owner+or+authorization+server+denied+the+request&state=a%26b"
    )


def test_the_first_redirect_uri_is_the_default() -> None:
    """The token request may leave it out as well then."""
    query = {name: value for name, value in QUERY.items() if name != "redirect_uri"}
    wanted = read_authorize(query, Options())
    assert wanted.redirect_uri == CALLBACK
    case = Case()
    case.grants.exchange(case.grants.authorize(ROBIN, wanted), None, VERIFIER)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"client_id": ""},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": "http://evil.example/auth/callback"},
        {"redirect_uri": ""},
    ],
)
def test_an_unknown_client_is_not_redirected(changes: dict[str, str]) -> None:
    with pytest.raises(BadClient):
        read_authorize({**QUERY, **changes}, Options())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "identify everything"}, "invalid_scope"),
        ({"scope": "identify,connections"}, "invalid_scope"),
        ({"scope": "identify role_connections.write"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
)
def test_a_bad_request_goes_back_to_the_client(changes: dict[str, str], error: str) -> None:
    """With the state, so that the client can tell to whom it belongs."""
    with pytest.raises(AuthorizeRefused) as caught:
        read_authorize({**QUERY, **changes}, Options())
    assert caught.value.location.startswith(f"{CALLBACK}?error={error}&")
    assert caught.value.location.endswith("&state=a%26b")


def test_linked_roles_are_granted_without_pkce() -> None:
    query = {name: value for name, value in QUERY.items() if "challenge" not in name}
    assert read_authorize({**query, "scope": "role_connections.write"}, Options()).challenge is None
