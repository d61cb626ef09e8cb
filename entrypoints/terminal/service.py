"""One Ibid service, spoken to over HTTP; whatever goes wrong on the way becomes one readable line."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from entrypoints.settings import Secret
from entrypoints.terminal.event_stream import ServerEvent, read_events
from entrypoints.terminal.failures import CommandFailed

PATIENCE_S: Final = 180.0
"""Longest silence: a model may take 120 s, and a comment line comes every 15 s of a stream."""

CONNECT_S: Final = 10.0

_WAYS_OUT: Final = {
    "collection_not_found": "fill it with 'ibid ingest PATH --collection NAME'",
    "document_not_found": "'ibid documents list' shows those that there are",
    "api_key_not_found": "'ibid keys list' shows those that there are",
    "conversation_not_found": "leave --conversation out to begin a new one",
}


class TryLater(CommandFailed):
    """Refused for now: the same request may go through after ``seconds``."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(f"{message}; try again in {seconds} s")
        self.seconds = seconds


class Service:
    """``key_source`` says where the key came from, for whoever must mend a refused one."""

    def __init__(self, url: str, key: Secret, *, key_source: str) -> None:
        self.url = url
        self._key_source = key_source
        secret = key.reveal()
        if not (secret.isascii() and secret.isprintable()):
            raise CommandFailed(f"{key_source} holds characters that no key has; copy the key again")
        try:
            self._http = httpx.Client(
                base_url=url,
                headers={"Authorization": f"Bearer {secret}", "User-Agent": "ibid-cli"},
                timeout=httpx.Timeout(PATIENCE_S, connect=CONNECT_S),
                verify=url.startswith("https:"),  # loading certificates takes 0.1 s: not where none is checked
                trust_env=not _is_loopback(url),  # a proxy has no business between a machine and itself
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise CommandFailed(f"{url!r} is not an address of a service: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """The JSON of an answer. Raises CommandFailed."""
        with self._explained():
            return self._json(self._http.get(path, params=parameters))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        with self._explained():
            return self._json(self._http.post(path, json=body))

    def post_encoded(self, path: str, body: bytes) -> Any:
        """Send JSON that is encoded already."""
        with self._explained():
            return self._json(self._http.post(path, content=body, headers={"Content-Type": "application/json"}))

    def delete(self, path: str) -> None:
        with self._explained():
            response = self._http.delete(path)
            if not response.is_success:
                raise self._refused(response)

    def stream(self, path: str, body: Mapping[str, Any]) -> AbstractContextManager[Iterator[ServerEvent]]:
        """The events of an answer that is streamed. Entering, and each step, raises CommandFailed."""
        return self._streamed("POST", path, body)

    def follow(self, path: str) -> AbstractContextManager[Iterator[ServerEvent]]:
        """The events of something that goes on. Entering, and each step, raises CommandFailed."""
        return self._streamed("GET", path, None)

    @contextmanager
    def _streamed(self, method: str, path: str, body: Mapping[str, Any] | None) -> Iterator[Iterator[ServerEvent]]:
        with self._explained():
            accept = {"Accept": "text/event-stream"}
            with self._http.stream(method, path, json=body, headers=accept) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise self._refused(response)
                yield read_events(response.iter_bytes())

    def _json(self, response: httpx.Response) -> Any:
        if not response.is_success:
            raise self._refused(response)
        try:
            return response.json()
        except ValueError as error:
            raise CommandFailed(f"{self.url} does not answer as an Ibid service does; check IBID_URL") from error

    def _refused(self, response: httpx.Response) -> CommandFailed:
        problem = _problem(response)
        if problem is None:
            return CommandFailed(
                f"{self.url} answered {response.status_code}, and not as an Ibid service does; check IBID_URL"
            )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return CommandFailed(f"the service at {self.url} refused the key; check {self._key_source}")
        said = str(problem.get("detail") or problem.get("title") or f"status {response.status_code}")
        way_out = _WAYS_OUT.get(str(problem.get("code")), "")
        after = response.headers.get("Retry-After", "")
        if after.isdigit():
            return TryLater(said, int(after))
        return CommandFailed(f"{said}; {way_out}" if way_out else said)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise CommandFailed(
                f"no service answers at {self.url} ({error}); start one with 'ibid serve', or correct IBID_URL"
            ) from error
        except httpx.TimeoutException as error:
            raise CommandFailed(f"the service at {self.url} did not answer in time; try again") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise CommandFailed(f"the connection to {self.url} broke ({reason}); try again") from error


def _problem(response: httpx.Response) -> Mapping[str, Any] | None:
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and "code" in problem else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
