"""Who may read and who may change which collections."""

import pytest

from domain.access.model import Principal, Scope
from domain.access.readable import (
    ReadableCollections,
    granted_collections,
    readable_collections,
    require_to_administer,
)
from domain.errors import CollectionNotFound, ScopeMissing
from domain.library.model import Visibility
from tests.builders import a_collection

EXISTING = [
    a_collection("mine"),
    a_collection("theirs"),
    a_collection("handbook", visibility=Visibility.MEMBERS),
    a_collection("manual", visibility=Visibility.PUBLIC),
]


def a_reader(*scopes: Scope, collections: tuple[str, ...] | None = ("mine",)) -> Principal:
    granted = None if collections is None else frozenset(collections)
    return Principal("t", "reader", frozenset(scopes or (Scope.ASK,)), granted)


def test_a_private_collection_is_read_by_whom_it_is_granted_to_and_the_others_by_every_key() -> None:
    assert list(readable_collections(a_reader(), EXISTING)) == ["handbook", "manual", "mine"]
    assert list(readable_collections(a_reader(collections=()), EXISTING)) == ["handbook", "manual"]
    assert list(readable_collections(a_reader(collections=None), EXISTING)) == ["handbook", "manual", "mine", "theirs"]


def test_a_grant_for_what_is_not_there_opens_nothing() -> None:
    assert list(readable_collections(a_reader(collections=("later",)), EXISTING[:2])) == []


@pytest.mark.parametrize("asked", ["theirs", "nowhere", "", "Mine", "mine "])
def test_asking_for_what_is_not_readable_is_as_asking_for_what_is_not_there(asked: str) -> None:
    with pytest.raises(CollectionNotFound):
        readable_collections(a_reader(), EXISTING, asked=["mine", asked])


def test_asking_narrows_and_asking_for_nothing_reads_nothing() -> None:
    assert list(readable_collections(a_reader(), EXISTING, asked=["manual"])) == ["manual"]
    assert list(readable_collections(a_reader(), EXISTING, asked=[])) == []


def test_visibility_lets_nobody_change_documents() -> None:
    assert list(granted_collections(a_reader(Scope.INGEST), EXISTING)) == ["mine"]
    with pytest.raises(ScopeMissing):
        granted_collections(a_reader(Scope.ASK), EXISTING)


@pytest.mark.parametrize("name", ["theirs", "a\x00b", "Mine", "", "../x", "x" * 65])
def test_what_is_no_name_or_not_granted_is_administered_by_nobody(name: str) -> None:
    with pytest.raises(CollectionNotFound):
        require_to_administer(a_reader(Scope.ADMIN), name)


def test_neither_acting_for_others_nor_nothing_lets_read() -> None:
    with pytest.raises(ScopeMissing):
        readable_collections(a_reader(Scope.ACT_AS), EXISTING)


def test_nobody_else_can_make_one() -> None:
    with pytest.raises(TypeError, match="rules of this module"):
        ReadableCollections(["mine"], seal=object())
