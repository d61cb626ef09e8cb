"""The service with a writer of a word every 50 ms: for two seconds or, asked for a long answer, for a minute."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import cycle, islice

from dependency_injector import providers

from application.ports import AnswerWriter
from domain.conversation.model import Question
from domain.grounding.model import Evidence
from entrypoints import containers
from entrypoints.server import run_server
from entrypoints.settings import read_environment, read_settings
from entrypoints.terminal.failures import leave_on_sigterm

PAUSE_S = 0.05


class LastingWriter(AnswerWriter):
    name = "lasting"

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        seconds = 60 if "long" in question.text else 2
        for word in islice(cycle(evidence[0].text.split()), int(seconds / PAUSE_S)):
            yield f"{word} "
            await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    leave_on_sigterm(0)  # as `ibid serve` does
    containers.LiveAdapters.writer.override(providers.Object(LastingWriter()))
    run_server(read_settings(read_environment()))
