"""
Every error that Ibid raises on purpose.

    IbidError
    ├── DomainError              the caller can act on it
    │   ├── Refused              understood, and refused: says which field and why
    │   │   ├── BlankQuestion
    │   │   ├── TextTooLong
    │   │   ├── ForbiddenCharacter
    │   │   └── OutOfRange
    │   ├── UploadTooLarge       more files or bytes than one upload may hold, packed or unpacked
    │   ├── ArchiveUnreadable    an uploaded archive is damaged, or none
    │   ├── Missing              not there, or not the caller's to see: the two are told apart nowhere
    │   │   ├── CollectionNotFound
    │   │   ├── DocumentNotFound
    │   │   ├── DocumentVersionNotFound
    │   │   ├── ConversationNotFound
    │   │   ├── TurnNotFound
    │   │   ├── FeedbackNotFound
    │   │   ├── IngestionNotFound
    │   │   └── ApiKeyNotFound
    │   ├── DocumentVersionGone  was there, and was removed
    │   ├── IdempotencyKeyReused the key came with another request before
    │   ├── CollectionExists     one of that name is there already
    │   ├── CollectionInUse      its documents stand in the way of the change
    │   ├── ConversationBusy     another turn of this conversation still runs
    │   ├── TooManyRunning       this user has as many questions running as one may have
    │   ├── Overloaded           the service has
    │   ├── IngestionRunning     it has not ended, and what was asked for needs its end
    │   ├── ReindexRunning       the collection is being indexed in another way already
    │   ├── NothingToRollBack    no earlier index of the collection is kept
    │   ├── DocumentUnreadable   one document cannot be parsed; the others are untouched
    │   ├── TooManyPassages      one document would be cut into more than are taken; the others are untouched
    │   ├── BadEventId           an event id of another turn, or of none
    │   ├── TooBusy              so much is being done already that this would be late
    │   ├── BadCursor            a cursor that this listing did not give out
    │   └── AccessDenied
    │       ├── NotAuthenticated
    │       ├── ScopeMissing
    │       └── RateExceeded
    ├── TurnFailedBefore         a turn that failed is asked for again
    └── PortError                something behind a port failed
        ├── PortUnavailable      worth retrying
        ├── PortRefused          not worth retrying: key, our request
        ├── QuotaSpent           a plan's allowance is used up, and comes back
        └── PortReplyInvalid     an answer that breaks the port's contract

Errors carry fields, never HTTP codes: entrypoints/http/errors.py holds the one table.
Messages are written for the caller and hold no secret and no text of a document.
"""


class IbidError(Exception):
    """Base of every error raised on purpose; ``str(error)`` is fit for the caller to read."""


class DomainError(IbidError):
    """The caller can act on it."""


class Refused(DomainError):
    """A well-formed value that Ibid will not take; ``field`` names it as the wire does."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class BlankQuestion(Refused):
    def __init__(self, field: str = "question") -> None:
        super().__init__(field, "must not be blank")


class TextTooLong(Refused):
    def __init__(self, field: str, *, limit: int, actual: int) -> None:
        super().__init__(field, f"has {actual:,} characters; at most {limit:,} are taken")


class ForbiddenCharacter(Refused):
    def __init__(self, field: str, name: str) -> None:
        super().__init__(field, f"holds {name}, which cannot be stored; remove it")


class OutOfRange(Refused):
    pass


class UploadTooLarge(DomainError):
    """``limit`` says which limit, in words and with its figure."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"the upload is too large: {limit}")


class ArchiveUnreadable(DomainError):
    """The archive as a whole; an entry that cannot be read costs only itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the archive cannot be read: {reason}")


class Missing(DomainError):
    """Not there, or not the caller's to see; ``what`` is the kind of thing, ``name`` what was asked for."""

    what = "object"

    def __init__(self, name: object) -> None:
        super().__init__(f"no {self.what} {str(name)!r} that you may see")
        self.name = str(name)


class CollectionNotFound(Missing):
    what = "collection"


class DocumentNotFound(Missing):
    what = "document"


class DocumentVersionNotFound(Missing):
    what = "document version"


class ConversationNotFound(Missing):
    what = "conversation"


class TurnNotFound(Missing):
    what = "turn"


class FeedbackNotFound(Missing):
    what = "feedback on the turn"


class IngestionNotFound(Missing):
    what = "ingestion"


class ApiKeyNotFound(Missing):
    what = "API key"


class DocumentVersionGone(DomainError):
    def __init__(self, document_id: object) -> None:
        super().__init__(f"the text of document {str(document_id)!r} was removed")


class IdempotencyKeyReused(DomainError):
    def __init__(self) -> None:
        super().__init__("the Idempotency-Key came with another body within the last 24 hours; take a new one")


class CollectionExists(DomainError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is a collection {name!r} already; change it by PATCH, or choose another name")


class CollectionInUse(DomainError):
    """A change that the documents of a collection do not follow; ``field`` is what was to be changed."""

    def __init__(self, name: str, field: str) -> None:
        super().__init__(
            f"the {field} of collection {name!r} cannot change while it has documents: they are indexed by it; "
            "delete the collection and make it anew"
        )
        self.field = field


class ConversationBusy(DomainError):
    def __init__(self, conversation_id: object) -> None:
        super().__init__(
            f"a question in conversation {str(conversation_id)!r} is still being answered; wait for its end"
        )


class TooManyRunning(DomainError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} of your questions are being answered already; wait for one of them to end")


class Overloaded(DomainError):
    def __init__(self) -> None:
        super().__init__("the service answers as many questions as it can at a time; nothing was stored, ask again")


class IngestionRunning(DomainError):
    def __init__(self, ingestion_id: object) -> None:
        super().__init__(f"ingestion {str(ingestion_id)!r} has not ended; wait for its end, or cancel it first")


class ReindexRunning(DomainError):
    def __init__(self, name: str) -> None:
        super().__init__(f"collection {name!r} is being reindexed or rolled back; wait for its end, or cancel it first")


class NothingToRollBack(DomainError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no earlier index of collection {name!r} is kept; reindex it as it is to be")


class DocumentUnreadable(DomainError):
    """One document cannot be turned into text; ``reason`` says why, in words its owner knows."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(f"{uri}: {reason}")
        self.uri = uri
        self.reason = reason


class TooManyPassages(DomainError):
    """One document would be cut into more passages than ``limit``; ``reason`` says so in words its owner knows."""

    def __init__(self, uri: str, *, limit: int, actual: int) -> None:
        self.uri = uri
        self.reason = f"it has {actual:,} passages; split it: {limit:,} are taken (IBID_MAX_PASSAGES)"
        super().__init__(f"{uri}: {self.reason}")


class BadEventId(DomainError):
    def __init__(self) -> None:
        super().__init__("Last-Event-ID is not the id of an event of this turn; leave it out to start from the first")


class TooBusy(DomainError):
    retry_after_s = 1.0

    def __init__(self) -> None:
        super().__init__("so much is being done already that this would be late; nothing was done, send it again")


class BadCursor(DomainError):
    def __init__(self) -> None:
        super().__init__("the cursor is not one that this listing gave out; start again without it")


class AccessDenied(DomainError):
    pass


class NotAuthenticated(AccessDenied):
    def __init__(self) -> None:
        super().__init__("send an API key as 'Authorization: Bearer <key>'")


class ScopeMissing(AccessDenied):
    def __init__(self, scope: str) -> None:
        super().__init__(f"the key lacks the scope '{scope}'")
        self.scope = scope


class RateExceeded(AccessDenied):
    """Worth retrying after ``retry_after_s`` seconds."""

    def __init__(self, limit: int, *, retry_after_s: int) -> None:
        super().__init__(f"more than {limit:,} requests within a minute; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TurnFailedBefore(IbidError):
    """What made a turn fail is known to those who followed it; who comes later is told that it did."""

    def __init__(self) -> None:
        super().__init__("this turn failed; ask again, with another Idempotency-Key if you send one")


class PortError(IbidError):
    """Something behind ``port`` failed; the message names the port and never quotes its reply."""

    def __init__(self, port: str, message: str) -> None:
        super().__init__(f"{port}: {message}")
        self.port = port


class PortUnavailable(PortError):
    """Worth retrying, after ``retry_after_s`` seconds when the port said so."""

    def __init__(self, port: str, message: str = "did not answer", *, retry_after_s: float | None = None) -> None:
        super().__init__(port, message)
        self.retry_after_s = retry_after_s


class PortRefused(PortError):
    """Not worth retrying: quota, key, or our own request."""


class QuotaSpent(PortError):
    """An allowance of ``port``'s plan is used up; some of it comes back after ``retry_after_s`` seconds."""

    def __init__(self, port: str, allowance: str, *, retry_after_s: float) -> None:
        super().__init__(port, f"the plan's allowance {allowance} is used up")
        self.allowance = allowance
        self.retry_after_s = retry_after_s


class PortReplyInvalid(PortError):
    """The reply breaks the port's contract: too few vectors, a wrong dimension, NaN."""
