"""Keys that were found in the database, so that the next request need not look there."""

from typing import Final

from domain.access.model import ApiKey

CAPACITY: Final = 10_000
"""Some 10 MB of keys; beyond them the one that was found longest ago is looked up again."""


class RememberedKeys:
    """
    Only for a process that owns its database: whoever shares one hears nothing of a key that another has revoked.

    A key that is read while keys change is not remembered: it may be the one that goes. ``since`` is the ``age`` from
    before it was looked up.
    """

    def __init__(self, capacity: int) -> None:
        """With ``capacity`` 0 nothing is remembered."""
        self._capacity = capacity
        self._keys: dict[bytes, ApiKey] = {}
        self.age = 0

    def find(self, secret_sha256: bytes) -> ApiKey | None:
        return self._keys.get(secret_sha256)

    def keep(self, key: ApiKey, *, since: int) -> None:
        if since != self.age or not self._capacity:
            return
        if len(self._keys) >= self._capacity:
            del self._keys[next(iter(self._keys))]
        self._keys[key.secret_sha256] = key

    def forget(self) -> None:
        """The keys have changed."""
        self.age += 1
        self._keys.clear()
