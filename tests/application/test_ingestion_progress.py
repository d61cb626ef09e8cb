"""What those who follow an ingestion are told, and when."""

import asyncio

import pytest

from application import ingestion_progress
from application.ports import IngestionStatus
from tests.story import ADMIN, PINNING, Story


async def test_an_end_that_comes_before_the_wait_for_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_progress, "LOOK_EVERY_S", 60.0)
    story = Story()
    submitted = await story.submitted({"a.md": PINNING})
    told = await story.use_cases.follow_ingestion().execute(ADMIN, submitted.id)
    assert (await anext(told)).ingestion.status is IngestionStatus.QUEUED
    await story.work()
    async with asyncio.timeout(10):
        assert (await anext(told)).ingestion.status is IngestionStatus.SUCCEEDED
