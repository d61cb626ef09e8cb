"""A constructor for frozen values that takes half the time; a question makes some hundreds of them."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def quick_init(cls: type[T]) -> type[T]:
    """
    For a ``dataclass(frozen=True, slots=True)``: the same constructor, setting each slot by its own descriptor.

    ``dataclasses`` writes one that goes by ``object.__setattr__``, which looks every slot up by its name: 1.4 µs for
    eight fields, where this takes 0.7. Written as it is there, by ``exec``, so that errors and defaults are the same.
    """
    known: dict[str, Any] = {"_MISSING": MISSING}
    taken, body = ["self"], []
    for field in fields(cls):  # type: ignore[arg-type]  # it is a dataclass
        name = field.name
        if not field.init or field.kw_only:
            raise TypeError(f"{cls.__name__}.{name} is no plain field")
        known[f"_set_{name}"] = cls.__dict__[name].__set__
        value = name
        if field.default is not MISSING:
            known[f"_default_{name}"] = field.default
            taken.append(f"{name}=_default_{name}")
        elif field.default_factory is not MISSING:
            known[f"_make_{name}"] = field.default_factory
            taken.append(f"{name}=_MISSING")
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        else:
            taken.append(name)
        body.append(f"    _set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        body.append("    self.__post_init__()\n")
    exec(f"def __init__({', '.join(taken)}):\n{''.join(body)}", known)  # noqa: S102  of names that are in the code
    made: Callable[..., None] = known["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    made.__annotations__ = dict(cls.__init__.__annotations__)
    cls.__init__ = made  # type: ignore[method-assign]
    return cls
