"""
Run the fakes for a person: `python -m tests.fakes`, then start Ibid with the settings that it prints.

Nothing leaves this machine. Vectors are bags of hashed words, so that answers are poorer than a real model's.
"""

import asyncio
from contextlib import suppress

from tests.fakes.cohere import EMBED, RERANK, FakeCohere
from tests.fakes.openrouter import KEY as _MODELS_KEY
from tests.fakes.openrouter import FakeOpenRouter
from tests.fakes.qdrant import FakeQdrant

_COHERE_KEY, _QDRANT_KEY = "fake-cohere-key", "fake-qdrant-key"


async def main() -> None:
    async with (
        FakeCohere(_COHERE_KEY) as cohere,
        FakeQdrant(_QDRANT_KEY) as qdrant,
        FakeOpenRouter(words_pause_s=0.02) as models,
    ):
        cohere.delay_s = {EMBED: 0.08, RERANK: 0.12}  # what is usual of the real one
        print("# Fakes of Cohere, Qdrant and OpenRouter are running until Ctrl-C. In another terminal:")
        print(f"export COHERE_BASE_URL={cohere.url} COHERE_API_KEY={_COHERE_KEY}")
        print(f"export QDRANT_URL={qdrant.url} QDRANT_API_KEY={_QDRANT_KEY}")
        print(f"export OPENROUTER_BASE_URL={models.url} OPENROUTER_API_KEY={_MODELS_KEY} IBID_MODELS=fake/model")
        print("ibid demo", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
