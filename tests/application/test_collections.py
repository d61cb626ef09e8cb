"""Collections as they are asked, changed and deleted."""

from dataclasses import replace

import pytest

from application.ports import IngestionStatus, Outcome
from domain.access.model import Principal, Scope
from domain.conversation.model import AskOptions, TurnStatus
from domain.errors import (
    BlankQuestion,
    CollectionExists,
    CollectionInUse,
    CollectionNotFound,
    DocumentNotFound,
    ScopeMissing,
)
from domain.grounding.model import Verification
from domain.library.model import Visibility
from tests.builders import a_collection
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

QUESTION = "How do I pin a dependency with an exact version?"
UNSAID = AskOptions(verification_said=False)
GUEST = Principal("guests", "guest", frozenset({Scope.ASK, Scope.INGEST}), frozenset({"own"}))


async def test_a_members_collection_is_asked_by_every_key_and_closed_again_at_once() -> None:
    story = Story()
    await story.ingest({"pinning.md": PINNING})
    change = story.use_cases.change_collection()
    assert (await story.ask(QUESTION, principal=GUEST)).evidence == ()
    await change.execute(ADMIN, "docs", {"visibility": Visibility.MEMBERS})
    assert (await story.ask(QUESTION, principal=GUEST)).evidence
    await change.execute(ADMIN, "docs", {"visibility": Visibility.PRIVATE})
    assert (await story.ask(QUESTION, principal=GUEST)).evidence == ()


async def test_who_reads_a_members_collection_may_not_delete_from_it() -> None:
    story = Story()
    await story.ingest({"pinning.md": PINNING})
    await story.use_cases.change_collection().execute(ADMIN, "docs", {"visibility": Visibility.PUBLIC})
    document = await story.document("pinning.md")
    assert await story.use_cases.read_documents().get(GUEST, document.id) == document
    with pytest.raises(DocumentNotFound):
        await story.use_cases.forget_document().execute(GUEST, document.id)
    with pytest.raises(CollectionNotFound):
        await story.ingest({"x.md": "# X"}, principal=GUEST)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Verification.FLAG, Verification.OFF, Verification.FLAG),
        (Verification.OFF, Verification.OFF, Verification.OFF),
        (Verification.OFF, Verification.REDACT, Verification.REDACT),
    ],
)
async def test_a_question_that_does_not_say_is_verified_as_the_strictest_of_its_collections_wants(
    first: Verification, second: Verification, expected: Verification
) -> None:
    story = Story()
    create = story.use_cases.create_collection()
    await create.execute(ADMIN, a_collection("docs", title="D", verification=first))
    await create.execute(ADMIN, a_collection("more", title="M", verification=second))
    await story.ingest({"pinning.md": PINNING})
    unsaid = await story.ask(QUESTION, options=UNSAID)
    said = await story.ask(QUESTION, options=AskOptions(verification=Verification.OFF))
    narrowed = await story.ask(QUESTION, options=UNSAID, collections=["docs"])
    assert (unsaid.verifier is None) is (expected is Verification.OFF)
    assert said.verifier is None
    assert (narrowed.verifier is None) is (first is Verification.OFF)


async def test_deleting_a_collection_takes_it_out_of_every_search_and_leaves_turns_their_evidence() -> None:
    story = Story()
    await story.ingest({"pinning.md": PINNING})
    await story.ingest({"snapshots.md": SNAPSHOTS}, collection="more")
    document = await story.document("pinning.md")
    turn = await story.ask(QUESTION)
    await story.use_cases.delete_collection().execute(ADMIN, "docs")

    after = await story.ask(QUESTION)
    assert turn.status is TurnStatus.ANSWERED
    assert not [piece for piece in after.evidence if piece.document.collection == "docs"]
    assert await story.use_cases.read_conversation().turn(ADMIN, turn.id) == turn
    with pytest.raises(DocumentNotFound):
        await story.use_cases.read_documents().get(ADMIN, document.id)
    async with story.unit_of_work() as uow:
        assert list(await uow.documents.stale()) == []
        left = await uow.documents.counts(["docs", "more"])
    assert left == {"more": 1}
    # The index itself holds nothing of it either.
    kept = await story.adapters.passage_index().count()
    await story.use_cases.delete_collection().execute(ADMIN, "more")
    assert kept > 0
    assert await story.adapters.passage_index().count() == 0


async def test_what_waits_for_a_collection_that_is_deleted_goes_into_no_later_one_of_its_name() -> None:
    story = Story()
    pages = {"a.md": "# A\n\nWords.", "b.md": "# B\n\nWords."}
    gone = await story.submitted(pages)
    await story.submitted(pages, collection="other")
    await story.use_cases.delete_collection().execute(ADMIN, "docs")
    await story.use_cases.create_collection().execute(ADMIN, a_collection("docs", title="New"))
    await story.work()
    async with story.unit_of_work() as uow:
        assert (await uow.ingestions.get(gone.id, None)).status is IngestionStatus.CANCELLED
        assert await uow.documents.counts(["docs", "other"]) == {"other": 2}


async def test_a_batch_that_finds_its_collection_deleted_fails_and_says_why() -> None:
    story = Story()
    submitted = await story.submitted({"a.md": "# A\n\nWords.", "b.md": "# B\n\nWords."})
    async with story.unit_of_work() as uow:
        batch = await uow.ingestions.pending(submitted.id, range(9))
    await story.use_cases.delete_collection().execute(ADMIN, "docs")
    async with story.unit_of_work() as uow:
        await uow.ingestions.retry(submitted.id)
        await uow.commit()
    await story.ingest_documents.execute(submitted, batch)
    async with story.unit_of_work() as uow:
        outcomes = (await uow.ingestions.documents(submitted.id, limit=9, cursor=None)).items
        assert list(await uow.collections.all()) == []
    assert [one.outcome for one in outcomes] == [Outcome.FAILED, Outcome.FAILED]
    assert "deleted" in (outcomes[0].error or "")
    assert await story.adapters.passage_index().count() == 0


async def test_a_language_changes_only_while_there_is_nothing_indexed_in_it() -> None:
    story = Story()
    create, change = story.use_cases.create_collection(), story.use_cases.change_collection()
    await create.execute(ADMIN, a_collection("docs", title="D"))
    assert (await change.execute(ADMIN, "docs", {"language": "de"})).collection.language == "de"
    await story.ingest({"pinning.md": PINNING})
    with pytest.raises(CollectionInUse):
        await change.execute(ADMIN, "docs", {"language": "en", "title": "Not this either"})
    changed = await change.execute(ADMIN, "docs", {"language": "de", "title": "Handbuch"})
    assert (changed.collection.title, changed.documents) == ("Handbuch", 1)


async def test_a_name_is_taken_once_and_only_by_admin() -> None:
    story = Story()
    create = story.use_cases.create_collection()
    made = await create.execute(ADMIN, a_collection("docs", title=" Docs "))
    assert made.title == "Docs"
    with pytest.raises(BlankQuestion):
        await create.execute(ADMIN, a_collection("more", title="  "))
    with pytest.raises(CollectionExists):
        await create.execute(ADMIN, replace(made, title="Again"))
    for principal in (GUEST, replace(GUEST, scopes=frozenset({Scope.ACT_AS, Scope.ASK}))):
        with pytest.raises(ScopeMissing):
            await create.execute(principal, a_collection("own"))
        with pytest.raises(ScopeMissing):
            await story.use_cases.change_collection().execute(principal, "docs", {})
        with pytest.raises(ScopeMissing):
            await story.use_cases.delete_collection().execute(principal, "docs")
