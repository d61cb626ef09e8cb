"""A service on loopback that answers in the shapes of the wire contract, as scripted; for tests of its clients."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "ibid_a-key-of-the-scripted-service"
TURN_ID = "0199c0de-0000-7000-8000-000000000001"
CONVERSATION_ID = "0199c0de-0000-7000-8000-000000000002"


def an_evidence(n: int = 1, **changes: Any) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "n": n,
        "passage_id": f"0199c0de-0000-5000-8000-00000000000{n}",
        "text": "Pin a dependency with two equals signs. Ranges float.",
        "start": 10,
        "end": 63,
        "score": 0.81,
        "document": {
            "id": "0199c0de-0000-7000-8000-00000000000d",
            "version": "abc",
            "collection": "docs",
            "uri": "guides/pinning.md",
            "title": "Pinning",
            "url": "https://x.test/guides/pinning",
            "peer_reviewed": None,
            "metadata": {},
        },
        "section": {
            "heading_path": ["Pinning", "Exact versions"],
            "anchor": "exact-versions",
            "page": None,
            "url": "https://x.test/guides/pinning#exact-versions",
        },
    }
    return evidence | changes


def a_claim(
    answer: str, sentence: str, *, verdict: str = "supported", sources: tuple[int, ...] = (1,)
) -> dict[str, Any]:
    start = answer.index(sentence)
    quote = "Pin a dependency with two equals signs."
    return {
        "index": 0,
        "start": start,
        "end": start + len(sentence),
        "verdict": verdict,
        "score": 0.9,
        "verbatim": False,
        "citations": [{"evidence": 1, "quote": quote, "quote_start": 10, "quote_end": 49}],
    }


def a_turn(answer: str = "Use two equals signs [1].", **changes: Any) -> dict[str, Any]:
    turn: dict[str, Any] = {
        "turn_id": TURN_ID,
        "conversation_id": CONVERSATION_ID,
        "created_at": "2026-11-21T00:00:00Z",
        "status": "answered",
        "question": "How do I pin?",
        "standalone_question": "How do I pin?",
        "answer": answer,
        "abstention": None,
        "claims": [a_claim(answer, answer)] if answer else [],
        "verifier": {"name": "lexical", "version": "1"},
        "evidence": [an_evidence(1), an_evidence(2)],
        "references": [],
        "notices": [],
        "degraded": [],
        "model": "extractive",
        "attempts": [{"model": "extractive", "outcome": "ok", "ms": 1}],
        "usage": None,
        "timings_ms": {"total": 3},
    }
    return turn | changes


def a_problem(status: int, code: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": code,
        "status": status,
        "detail": detail,
        "instance": "/",
        "code": code,
        "errors": [],
    }


def an_event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def a_stream(turn: dict[str, Any], *deltas: str) -> bytes:
    """The events of a turn whose text came in these deltas."""
    started = {"turn_id": turn["turn_id"], "conversation_id": turn["conversation_id"]}
    events = [an_event("turn", started), an_event("evidence", {"evidence": turn["evidence"], "degraded": []})]
    events += [an_event("text", {"delta": delta}) for delta in deltas]
    return b": hello\n\n" + b"".join(events) + an_event("done", turn)


class ScriptedService:
    """``replies`` maps "METHOD /path" to (status, body); bytes are sent as an event stream, cut as they please."""

    def __init__(self) -> None:
        self.replies: dict[str, tuple[int, Any]] = {"GET /health/live": (200, {"status": "live"})}
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, Any]] = []
        self.url = ""
        self.chunk_bytes = 7

    def bodies(self, route: str) -> list[Any]:
        return [body for asked, body in self.requests if asked == route]

    def reply(self, route: str, body: Any) -> tuple[int, Any]:
        """What to answer; overridden where an answer depends on what was asked before."""
        return self.replies.get(route, (404, a_problem(404, "not_found", "no route has this path")))

    @contextmanager
    def running(self) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(script: ScriptedService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            route = f"{method} {self.path}"
            script.requests.append((route, json.loads(sent) if sent else None))
            open_to_all = self.path.startswith("/health")
            if not open_to_all and self.headers.get("Authorization") != f"Bearer {KEY}":
                status, body = 401, a_problem(401, "not_authenticated", "send an API key")
            else:
                status, body = script.reply(route, script.requests[-1][1])
            kind = "text/event-stream" if isinstance(body, bytes) else "application/json"
            encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in script.headers.items():
                self.send_header(name, value)
            self.end_headers()
            step = script.chunk_bytes if isinstance(body, bytes) else 1_000_000
            for start in range(0, len(encoded), step):
                self.wfile.write(encoded[start : start + step])
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's own name
            pass

    return Handler
