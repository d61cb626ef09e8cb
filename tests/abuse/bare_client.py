"""A client without a client's own opinions: any bytes as target, headers and body, straight into the application."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import anyio
import msgspec

JSON: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def is_problem(answer: Answer) -> bool:
    return answer.headers.get("content-type") == "application/problem+json" and answer.json()["status"] == answer.status


def as_scope(method: str, target: str | bytes, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    """What a server tells an application of a request."""
    raw_path, _, query = (target if isinstance(target, bytes) else target.encode()).partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode(errors="replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"ibid.test"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def send(
    app: Any,
    method: str,
    target: str | bytes,
    *,
    key: str | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
) -> Answer:
    """
    One request and its whole answer, by a client that goes when it has that.

    What the application raises instead of answering is raised here too.
    """
    credentials = [(b"authorization", f"Bearer {key}".encode())] if key else []
    length = [(b"content-length", str(len(body)).encode())] if body else []
    scope = as_scope(method, target, [*credentials, *headers, *length])
    asked = False
    answered = anyio.Event()
    answer: dict[str, Any] = {"body": bytearray()}

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await answered.wait()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer["body"] += message.get("body", b"")
            if not message.get("more_body"):
                answered.set()

    await app(scope, receive, take)
    return Answer(answer["status"], answer["headers"], bytes(answer["body"]))
