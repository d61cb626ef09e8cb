"""The floor of a model's stream: Litestar handing on what the same HTTP client reads, and nothing else."""

import os
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import uvicorn
from litestar import Litestar, Request, get, post
from litestar.response import Stream

from adapters.resilience.http_client import JsonPosts
from bench.pace import WORDS

PROMPT: Final = "====0 [1] Bench\n" + "A word and another one, then a third. " * 40 + "\n====0 end"
BODY: Final = msgspec.json.encode(
    {"model": f"{WORDS}/proxy", "messages": [{"role": "user", "content": PROMPT}], "stream": True, "max_tokens": 4096}
)
_posts = JsonPosts(os.environ.get("OPENROUTER_BASE_URL", ""))


@post("/v1/ask", status_code=200)
async def ask(request: Request[Any, Any, Any]) -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        async with _posts.stream("/chat/completions", BODY) as reply:
            async for part in reply.parts():
                yield part

    return Stream(parts(), media_type="text/event-stream")


@get("/health/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


if __name__ == "__main__":
    uvicorn.run(
        Litestar([ask, ready], openapi_config=None),
        port=int(os.environ["IBID_PORT"]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
