"""Ask a service, show the answer as it is written and what stands under it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from entrypoints.terminal.event_stream import ServerEvent
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.rendering import Page, open_console, show_ending, show_notes, show_passages
from entrypoints.terminal.service import Service
from entrypoints.terminal.wording import ENDINGS


def ask(service: Service, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Stream one answer to standard output and return its turn. Raises CommandFailed."""
    page = Page(open_console())
    with service.stream("/v1/ask", body) as events:
        turn = _follow(page, events)
    if turn["status"] in ENDINGS:
        raise CommandFailed(f"{ENDINGS[turn['status']]}; ask again")
    show_ending(page, turn)
    return turn


def _follow(page: Page, events: Iterable[ServerEvent]) -> Mapping[str, Any]:
    """Show text as it comes, up to the event that ends the stream."""
    try:
        for event in events:
            data = json.loads(event.data)
            if event.name == "text":
                page.write_answer(data["delta"])
            elif event.name == "reset":
                page.withdraw_answer(data["reason"], data["next_model"])
            elif event.name == "done":
                return dict(data)
            elif event.name == "error":
                raise CommandFailed(f"the answer failed: {data.get('detail') or data.get('title')}; ask again")
    finally:
        page.end_answer()
    raise CommandFailed("the service ended the stream before the answer; ask again")


def search(service: Service, body: Mapping[str, Any]) -> None:
    found = service.post("/v1/search", body)
    page = Page(open_console())
    if found["passages"]:
        show_passages(page, found["passages"], scores=True)
    else:
        page.line("No passage matches.")
    show_notes(page, found["degraded"])
