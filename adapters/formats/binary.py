"""The file inside a document whose format is no text."""

from base64 import b64decode

from domain.errors import DocumentUnreadable
from domain.library.model import SourceDocument


def file_in(source: SourceDocument) -> bytes:
    """The bytes that the document's content is the base64 of. Raises DocumentUnreadable."""
    try:
        return b64decode(source.content, validate=True)
    except ValueError as error:
        raise DocumentUnreadable(source.uri, "its content is not the base64 of a file") from error
