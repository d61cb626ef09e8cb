"""The service with a writer that gives a word every 20 ms, as a model would; everything else is as shipped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import cycle, islice

from dependency_injector import providers

from application.ports import AnswerWriter
from bench.pace import PAUSE_S, WORDS
from domain.conversation.model import Question
from domain.grounding.model import Evidence
from entrypoints import containers
from entrypoints.http import room
from entrypoints.server import run_server
from entrypoints.settings import read_environment, read_settings


class PacedWriter(AnswerWriter):
    """
    Repeats the evidence's own words, the blank ahead of each as in a model's tokens, a marker at each full stop.

    Backticks are taken off, so that few sentences are verbatim and judging takes its long way, as with a model's own.
    """

    name = "paced"

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        words = [
            f" {word} [{piece.n}]" if word.endswith(".") else f" {word}"
            for piece in evidence
            for word in piece.text.replace("`", "").split()
        ]
        for word in islice(cycle(words), WORDS):
            yield word
            await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    room.AT_WORK = room.AT_WORK_OUTSIDE  # type: ignore[misc]  # this writer is waited for, as a model is
    containers.LiveAdapters.writer.override(providers.Object(PacedWriter()))
    run_server(read_settings(read_environment()))
