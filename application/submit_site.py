"""Take a site in: when this returns, the request is safe, and its pages are fetched in the background."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports import KeyedRequest
from application.submit_ingestion import Storing, SubmitIngestion, SubmitIngestionCommand
from domain.access.model import Principal, Scope
from domain.library.web_addresses import AddressPolicy
from domain.library.web_sources import DEFAULT_DEPTH, SourceKind, WebSource


@dataclass(frozen=True, slots=True)
class SubmitSiteCommand:
    """``max_pages`` None: as many as the operator allows. Documents' uris and urls are the pages' addresses."""

    principal: Principal
    collection: str
    kind: SourceKind
    location: str
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    max_pages: int | None = None
    max_depth: int = DEFAULT_DEPTH
    prune: bool = False
    keyed: KeyedRequest | None = None


@dataclass(frozen=True, slots=True)
class SubmitSite:
    """Raises what ``SubmitIngestion`` raises, and OutOfRange for an address that is not fetched by its form."""

    submit: SubmitIngestion
    policy: AddressPolicy
    most_pages: int

    async def execute(self, command: SubmitSiteCommand) -> Storing:
        site = checked_site(command, self.policy, self.most_pages)
        return await self.submit.execute_once(
            SubmitIngestionCommand(
                command.principal, command.collection, (), None, command.prune, command.keyed, site=site
            )
        )


def checked_site(command: SubmitSiteCommand, policy: AddressPolicy, most_pages: int) -> WebSource:
    """The site that is asked for. Raises ScopeMissing or OutOfRange."""
    command.principal.require(Scope.INGEST)
    return WebSource.checked(
        command.kind,
        command.location,
        include=command.include,
        exclude=command.exclude,
        max_pages=command.max_pages,
        max_depth=command.max_depth,
        policy=policy,
        most_pages=most_pages,
    )
