"""The HTTP clients of one process. aiohttp takes 0.1 s and 10 MB to import: only a process that makes one has it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.resilience.http_client import JsonPosts


class HttpClients:
    """Clients of one process, closed together."""

    def __init__(self) -> None:
        self._made: list[JsonPosts] = []

    def posts(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> "JsonPosts":
        from adapters.resilience.http_client import JsonPosts

        made = JsonPosts(base_url, headers=headers)
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        while self._made:
            await self._made.pop().aclose()
