"""The one place where the client's errors become the port's."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from adapters.qdrant.layout import PORT
from adapters.resilience.faults import Blame, Fault, fault_of_status
from adapters.resilience.http_client import translated
from domain.errors import PortReplyInvalid, PortUnavailable


@contextmanager
def port_errors() -> Iterator[None]:
    """
    Raise a port's error or a fault in place of the client's, which quote what the server said, filters included.

    A collection that is not there may be made again, so that is worth another attempt.
    """
    try:
        with translated(PORT):
            try:
                yield
            except ResponseHandlingException as error:
                if isinstance(error.source, httpx.HTTPError | OSError | TimeoutError):
                    raise error.source from None
                raise PortReplyInvalid(PORT, "its answer is not one that the client knows") from None
    except ResourceExhaustedResponse as error:
        # Strict mode, or a rate limit of the cluster.
        wait_s = float(error.retry_after_s)
        unavailable = PortUnavailable(PORT, "has too much to do (HTTP 429)", retry_after_s=wait_s)
        raise Fault(unavailable, blame=Blame.SERVICE, retryable=True) from None
    except UnexpectedResponse as error:
        headers = {name.lower(): value for name, value in error.headers.items()}
        raise fault_of_status(PORT, error.status_code or 0, headers) from None
    except (ApiException, QdrantException, ValueError, AssertionError):
        # Not JSON (the client reads it by the standard library), of another shape, or without a result.
        raise PortReplyInvalid(PORT, "its answer is not one that the client knows") from None
