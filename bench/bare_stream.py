"""The floor: Litestar streaming ready bytes, one write an event, and nothing else."""

import asyncio
import os
from collections.abc import AsyncIterator

import uvicorn
from litestar import Litestar, get, post
from litestar.response import Stream

from bench.pace import PAUSE_S, WORDS

READY = b'id: 01a1fba5-1331-7006-a251-213b5531aa4e:17\nevent: text\ndata: {"delta":"dependency "}\n\n'


@post("/v1/ask", status_code=200)
async def ask() -> Stream:
    async def events() -> AsyncIterator[bytes]:
        for _ in range(WORDS):
            yield READY
            await asyncio.sleep(PAUSE_S)

    return Stream(events(), media_type="text/event-stream")


@get("/health/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


if __name__ == "__main__":
    app = Litestar([ask, ready], openapi_config=None)
    uvicorn.run(
        app,
        port=int(os.environ["IBID_PORT"]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
