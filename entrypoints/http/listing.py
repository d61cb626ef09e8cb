"""The parameters that every listing takes."""

from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="At most so many items, newest first")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=1_000, description="`next_cursor` of the page before")
]
DEFAULT_LIMIT = 20
