"""The HTTP face of Ibid, over any use cases."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from litestar import Litestar
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute

from domain.access.model import Principal
from domain.errors import IbidError
from entrypoints.http.asking import AskingController
from entrypoints.http.auth import Guard, caller
from entrypoints.http.client_address import Network
from entrypoints.http.collections import CollectionsController
from entrypoints.http.conversations import ConversationsController
from entrypoints.http.diagnostics import DiagnosticsController, SettingsShown
from entrypoints.http.documents import DocumentsController
from entrypoints.http.envelope import Envelope
from entrypoints.http.errors import answer_error
from entrypoints.http.health import HealthController
from entrypoints.http.ingestion import IngestionController
from entrypoints.http.json_body import JSONRequest
from entrypoints.http.keys import CallerController, KeysController
from entrypoints.http.openapi import docs_page, openapi_config
from entrypoints.http.origins import AllowedOrigins
from entrypoints.http.quotas import QuotasController
from entrypoints.http.references import ReferencesController
from entrypoints.http.room import Room
from entrypoints.http.searching import SearchingController
from entrypoints.http.turns import TurnsController

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""One ingestion; the documentation trees that were looked at are 2 to 20 MB. Asking and searching take far less."""


def create_app(
    use_cases: Mapping[str, Callable[[], Any]],
    *,
    readiness: Callable[[], Mapping[str, Any]],
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
    trusted_proxies: Sequence[Network] = (),
    allowed_origins: Sequence[str] = (),
    settings_shown: SettingsShown = dict,
    room: Room | None = None,
) -> Litestar:
    """
    Build the application.

    ``use_cases`` gives, by each name of ``entrypoints.asgi.ROUTED``, a function that returns the use case.
    ``readiness`` returns ``{"ready": bool, "checks": {name: outcome}}`` from memory.
    ``trusted_proxies`` are those whose X-Forwarded-For is believed.
    """
    guard = Guard(use_cases["authenticate"], use_cases["limit_rate"], trusted_proxies)
    app = Litestar(
        [
            AskingController,
            SearchingController,
            ConversationsController,
            TurnsController,
            ReferencesController,
            DocumentsController,
            IngestionController,
            CollectionsController,
            KeysController,
            QuotasController,
            CallerController,
            DiagnosticsController,
            HealthController,
            docs_page,
        ],
        middleware=[guard],
        dependencies={
            "caller": Provide(caller, sync_to_thread=False),
            "readiness": Provide(lambda: readiness, sync_to_thread=False),
            **{name: _provide(make) for name, make in use_cases.items() if name not in ("authenticate", "limit_rate")},
            "settings_shown": Provide(lambda: settings_shown, sync_to_thread=False),
        },
        request_class=JSONRequest,
        request_max_body_size=max_body_bytes,
        exception_handlers={IbidError: answer_error, HTTPException: answer_error, Exception: answer_error},
        openapi_config=openapi_config(),
        lifespan=list(lifespan),
        logging_config=None,
        debug=False,
    )
    routes = {route.path_format: route.methods for route in app.routes if isinstance(route, HTTPRoute)}
    app.asgi_handler = Envelope(
        app.asgi_handler, routes, AllowedOrigins(allowed_origins), room or Room(), guard.count_stranger
    )
    return app


def _provide(make: Callable[[], Any]) -> Provide:
    """After the caller, not beside: for two things at once the framework starts a group of tasks with each request."""

    def made(caller: NamedDependency[Principal]) -> Any:
        return make()

    return Provide(made, sync_to_thread=False)
