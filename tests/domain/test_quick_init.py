import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature

import pytest

from domain.conversation.model import Turn
from domain.quick_init import quick_init, replaced


@quick_init
@dataclass(frozen=True, slots=True)
class Quick:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plain:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)


def test_a_value_is_made_as_any_other_is() -> None:
    assert Quick(1) == Quick(1, "two", [])
    assert Quick(1).third is not Quick(1).third
    assert repr(Quick(1, third=[3])) == repr(Plain(1, third=[3])).replace("Plain", "Quick")
    assert replace(Quick(1), second="other") == Quick(1, "other")
    assert list(signature(Quick).parameters) == list(signature(Plain).parameters)
    assert Quick.__init__.__annotations__ == Plain.__init__.__annotations__


def test_a_value_stays_as_it_was_made() -> None:
    with pytest.raises(FrozenInstanceError):
        Quick(1).first = 2  # type: ignore[misc]  # that is what is shown


@pytest.mark.parametrize("wrong", [(), (1, "two", [], 4)])
def test_what_is_missing_or_too_much_is_told(wrong: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"Quick\.__init__"):
        Quick(*wrong)  # type: ignore[arg-type]


def test_what_is_more_than_plain_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="no plain field"):

        @quick_init
        @dataclass(frozen=True, slots=True)
        class _Other:
            only: int = field(kw_only=True)


def test_a_check_after_making_still_runs() -> None:
    @quick_init
    @dataclass(frozen=True, slots=True)
    class Checked:
        number: int

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("negative")

    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


def test_a_value_goes_through_pickle() -> None:
    assert pickle.loads(pickle.dumps(Quick(1, third=[3]))) == Quick(1, third=[3])  # noqa: S301  our own
    assert Turn.__init__.__qualname__ == "Turn.__init__"


def test_a_changed_value_is_what_dataclasses_make_of_it() -> None:
    value = Quick(1, "two", [3])
    assert replaced(value) == value
    assert replaced(value, second="other") == replace(value, second="other")
    assert replaced(value, first=0).third is value.third
    assert value == Quick(1, "two", [3])
    with pytest.raises(TypeError, match=r"Quick\.__replace__"):
        replaced(value, fourth=4)  # type: ignore[call-arg]  # that is what is shown
