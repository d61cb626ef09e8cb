"""The adapters of a service that keeps everything in this process's memory."""

from collections.abc import Mapping

from dependency_injector import containers, providers

from adapters.formats.by_format import FormatParser
from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.chat_model import ScriptedChatModel
from adapters.memory.clock import SystemClock, TimeOrderedIds
from adapters.memory.embedder import HashingEmbedder
from adapters.memory.generations import InMemoryIndexGenerations
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.preparer import InThreadPreparer
from adapters.memory.rates import InMemoryRateLimits
from adapters.memory.references import PlainReferenceFormatter
from adapters.memory.source_fetcher import InMemorySourceFetcher
from adapters.memory.sparse_encoder import InMemorySparseEncoder
from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.memory.work_queue import InMemoryWorkQueue
from adapters.resilience.dependency import Dependencies
from adapters.uploads.upload import uploads_in_memory
from application.embedders import Embedders
from application.extractive_writer import ExtractiveWriter
from application.judging import Judging
from application.model_costs import ModelCosts
from application.prepare_documents import Parts
from application.reranking import Reranking
from domain.access.model import Principal
from domain.access.ports import Footprint
from domain.access.quotas import Allowance, Plan
from domain.library.ports import UploadLimits
from domain.library.web_addresses import AddressPolicy
from domain.library.web_sources import DEFAULT_PAGES
from entrypoints.model_parts import drafting_by, rewriter_by
from entrypoints.model_settings import ModelSettings


class MemoryAdapters(containers.DeclarativeContainer):
    """Everything in this process's memory: for tests, and for trying a use case without a disk."""

    first_keys = providers.Object[Mapping[bytes, Principal]]({})

    store = providers.Singleton(InMemoryStore)
    unit_of_work = providers.Factory(InMemoryUnitOfWork, store)
    reading = unit_of_work
    background_unit_of_work = unit_of_work
    analyzer = providers.Singleton(PlainAnalyzer)
    sparse_encoder = providers.Singleton(InMemorySparseEncoder, analyzer)
    embedder = providers.Singleton(HashingEmbedder)
    texts_a_call = providers.Object(0)
    embedders = providers.Singleton(Embedders, embedder)
    passage_index = providers.Singleton(InMemoryPassageIndex)
    indexes = providers.Singleton(InMemoryIndexGenerations, passage_index, embedder)
    preparer = providers.Singleton(
        InThreadPreparer, providers.Object(lambda: Parts(FormatParser(), InMemorySparseEncoder(PlainAnalyzer())))
    )
    reference_formatter = providers.Singleton(PlainReferenceFormatter)
    queue = providers.Singleton(InMemoryWorkQueue, store)
    source_fetcher = providers.Singleton(InMemorySourceFetcher)
    address_policy = providers.Object(AddressPolicy())
    most_pages = providers.Object(DEFAULT_PAGES)
    uploads = providers.Singleton(uploads_in_memory, providers.Object(UploadLimits()))
    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(TimeOrderedIds)
    own_rates = providers.Singleton(InMemoryRateLimits, clock)
    caller_rates = own_rates
    outside = providers.Singleton(Dependencies)
    reranking = providers.Object[Reranking | None](None)
    plan = providers.Object(Plan.PAID)
    footprints = providers.Object[tuple[Footprint, ...]](())
    more_probes = providers.List()

    models = providers.Object[ModelSettings | None](None)
    allowances = providers.Object[tuple[Allowance, ...]](())
    budgets = providers.Singleton(InMemoryProviderBudgets, allowances, clock)
    chat_model = providers.Singleton(ScriptedChatModel)
    writer = providers.Singleton(ExtractiveWriter, analyzer)
    costs = providers.Singleton(ModelCosts)
    drafting = providers.Singleton(drafting_by, models, chat_model.provider, budgets, writer, clock, costs)
    rewriter = providers.Singleton(rewriter_by, models, chat_model.provider, budgets, analyzer, costs)
    judging = providers.Object[Judging | None](None)
