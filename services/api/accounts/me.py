"""/me: the page of the person who is signed in, and the same for programs.

A form is answered by a redirect to the page, a program by JSON. `Cache-Control: no-store` on all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.accounts import other_pages, page, settings_form
from services.api.accounts.account_data import AccountData
from services.api.accounts.address import SiteAddress
from services.api.accounts.answers import by_method, prefers_page, root_of
from services.api.accounts.forms import Form, read_form, read_object
from services.api.accounts.joining import JoinService
from services.api.accounts.service import AccountService
from services.api.accounts.sessions import CSRF_FIELD, Session, check_origin
from services.api.accounts.settings_form import SettingsForm
from services.api.accounts.view import Invalid
from services.api.http.security_headers import private_html_response
from shared.http.errors import InvalidRequestBody, Unauthorized
from shared.http.responses import (
    NO_STORE,
    Header,
    RawResponse,
    envelope,
    json_response,
    no_content,
    parameters_of,
    redirect,
)
from shared.model import user_settings
from shared.model.user_settings import InvalidSettings, UserSettings

ME_PATH: Final = "/me"

_VARY: Final = (b"vary", b"Accept, Cookie")


class MeEndpoints:
    """Each endpoint may raise the exceptions of shared/http/errors.py."""

    def __init__(self, accounts: AccountService, data: AccountData, joining: JoinService) -> None:
        self._accounts = accounts
        self._data = data
        self._joining = joining
        self._policy = page.policy(accounts.settings)

    def routes(self) -> list[Route]:
        return [
            by_method(ME_PATH, GET=self.me, POST=self.save, PATCH=self.patch, DELETE=self.delete),
            by_method("/me/key", POST=self.create_key, DELETE=self.delete_key),
            by_method("/me/key/delete", POST=self.delete_key),
            by_method("/me/export", GET=self.export),
            by_method("/me/erase", GET=self.ask_to_erase, POST=self.erase),
            by_method("/me/join", POST=self.join),
        ]

    async def me(self, request: Request) -> Response:
        """The page, or `data` for programs."""
        site = self._accounts.site(request)
        session = await self._accounts.sessions.current(request, site)
        if not prefers_page(request):
            if session is None:
                raise Unauthorized
            return _json(await self._data.as_json(session.user_id))
        root, done = root_of(request), parameters_of(request).get("done", "")
        if session is not None:
            return await self._page(session, root, notice=done)
        if done in other_pages.ERASED:
            body = other_pages.erased(done, root=root)
        else:
            body = other_pages.sign_in(f"{root}auth/login", root=root)
        return private_html_response(200, body, other_pages.POLICY)

    async def save(self, request: Request) -> Response:
        """The form of the page."""
        site, session, form = await self._change(request)
        if form is None:
            raise InvalidRequestBody("This is not a form. Programs send PATCH with a JSON object.")
        written = settings_form.of_fields(form.fields)
        try:
            await self._patch(session, settings_form.patch(written, _now_ms()))
        except InvalidSettings as error:
            invalid = Invalid(error.field, str(error))
            return await self._page(
                session, root_of(request), status=400, written=written, invalid=invalid
            )
        return _back(site, "saved")

    async def patch(self, request: Request) -> Response:
        """`data`: all settings as they are now."""
        site = self._accounts.site(request)
        session = await self._accounts.sessions.required(request, site)
        check_origin(request, site, session)
        self._accounts.limits.count_change(session.user_id)
        changes = await read_object(request)
        await self._accounts.sessions.required(request, site)  # it may have ended meanwhile
        settings = await self._patch(session, changes)
        return _json(user_settings.as_json(settings))

    async def create_key(self, request: Request) -> Response:
        """`data`: the key, which cannot be shown again."""
        _, session, form = await self._change(request)
        key = await self._accounts.api_keys.create(session.user_id)
        if form is None:
            return _json({"key": key})
        return await self._page(session, root_of(request), new_key=key)

    async def delete_key(self, request: Request) -> Response:
        """The key ends."""
        site, session, form = await self._change(request)
        await self._accounts.api_keys.delete(session.user_id)
        return no_content() if form is None else _back(site, "key-deleted")

    async def export(self, request: Request) -> Response:
        """A file with everything that is held."""
        site = self._accounts.site(request)
        session = await self._accounts.sessions.required(request, site)
        return _json(
            await self._data.export(session.user_id),
            (b"content-disposition", b'attachment; filename="grux-%d.json"' % session.user_id),
        )

    async def ask_to_erase(self, request: Request) -> Response:
        """The page that asks once more."""
        site = self._accounts.site(request)
        session = await self._accounts.sessions.required(request, site)
        consent = self._accounts.settings.consent
        body = other_pages.erase(session.csrf_token, consent=consent, root=root_of(request))
        return private_html_response(200, body, other_pages.POLICY)

    async def erase(self, request: Request) -> Response:
        """The form of that page. Programs erase everything, as DELETE /me does."""
        site, session, form = await self._change(request)
        forget = self._accounts.sessions.forget(request, site)
        if form is None:
            await self._data.erase(session.user_id)
            return no_content(*forget)
        if not other_pages.is_confirmed(form.one("confirm")):
            body = other_pages.erase(
                session.csrf_token,
                consent=self._accounts.settings.consent,
                wrong=True,
                root=root_of(request),
            )
            return private_html_response(400, body, other_pages.POLICY)
        stay_hidden = bool(form.one("stay_hidden"))
        await self._data.erase(session.user_id, stay_hidden=stay_hidden)
        done = "erased-hidden" if stay_hidden else "erased"
        return redirect(303, site.url(f"{ME_PATH}?done={done}").encode(), NO_STORE, *forget)

    async def delete(self, request: Request) -> Response:
        """Erase everything."""
        site, session, _ = await self._change(request)
        await self._data.erase(session.user_id)
        return no_content(*self._accounts.sessions.forget(request, site))

    async def join(self, request: Request) -> Response:
        """Join the server of JOIN_GUILD_ID: the person has asked for it by this request."""
        site, session, form = await self._change(request)
        outcome = await self._joining.join(session.user_id)
        if form is None:
            return _json({"joined": True, "shown": outcome == "joined"})
        return _back(site, outcome)

    async def _change(self, request: Request) -> tuple[SiteAddress, Session, Form | None]:
        """What every request that changes something goes through."""
        site = self._accounts.site(request)
        session = await self._accounts.sessions.required(request, site)
        form = await read_form(request)
        await self._accounts.sessions.required(request, site)  # it may have ended meanwhile
        token = None if form is None else form.one(CSRF_FIELD)
        check_origin(request, site, session, form_token=token)
        self._accounts.limits.count_change(session.user_id)
        return site, session, form

    async def _patch(self, session: Session, patch: Mapping[str, object]) -> UserSettings:
        """Raises InvalidSettings, DurableUnavailable."""
        return await self._accounts.user_settings.change(
            session.user_id, lambda settings: user_settings.patched(settings, patch)
        )

    async def _page(
        self,
        session: Session,
        root: str,
        *,
        status: int = 200,
        notice: str = "",
        new_key: str = "",
        written: SettingsForm | None = None,
        invalid: Invalid | None = None,
    ) -> Response:
        view = await self._data.view(
            session, root=root, notice=notice, new_key=new_key, written=written, invalid=invalid
        )
        if not view.monitored:
            view = msgspec.structs.replace(
                view, join=await self._joining.offer(session.user_id, root)
            )
        return private_html_response(status, page.render(view), self._policy)


def _json(data: object, *headers: Header) -> RawResponse:
    return json_response(200, envelope(msgspec.json.encode(data)), _VARY, *headers)


def _back(site: SiteAddress, notice: str) -> RawResponse:
    return redirect(303, site.url(f"{ME_PATH}?done={notice}").encode(), NO_STORE)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
