"""
The composition root: which adapter stands behind which port.

``LiveAdapters`` and ``MemoryAdapters`` offer the same names, so ``UseCases`` takes either and nothing is overridden.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from dependency_injector import containers, providers

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.citeproc.formatter import CiteprocReferenceFormatter
from adapters.memory.clock import TimeOrderedIds
from adapters.memory.rates import InMemoryRateLimits
from adapters.neon.clock import DatabaseClock
from adapters.neon.engine import BACKGROUND_TIMEOUT_S, Pools, make_engine, statement_by_statement
from adapters.neon.known_collections import KnownCollections
from adapters.neon.known_passages import KnownPassages
from adapters.neon.presumed_collections import PresumedCollections
from adapters.neon.rates import NeonRateLimits
from adapters.neon.schema_probe import SchemaProbe
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from adapters.resilience.dependency import Dependencies
from adapters.resilience.http_clients import HttpClients
from adapters.uploads.upload import uploads_on_disk
from application.adopt_generations import AdoptGenerations
from application.ask_question import AskQuestion
from application.authenticate import Authenticate
from application.begin_turn import BeginTurn
from application.build_generation import BuildGeneration
from application.cancel_turn import CancelTurn
from application.change_collection import ChangeCollection
from application.change_ingestions import CancelIngestion, RetryIngestion
from application.create_collection import CreateCollection
from application.delete_collection import DeleteCollection
from application.diagnose import DatabaseProbe, Diagnose, EmbedderProbe, IndexProbe, RerankerProbe
from application.edit_conversations import EditConversations
from application.extractive_writer import ExtractiveWriter
from application.fetch_pages import FetchPages
from application.find_passages import FindPassages
from application.follow_turn import FollowTurn
from application.forget_documents import ForgetDocument
from application.give_feedback import GiveFeedback
from application.give_way import GiveWay
from application.ingest_documents import IngestDocuments
from application.ingestion_progress import FollowIngestion, IngestionNews
from application.issue_key import IssueKey
from application.journal_turns import JournalTurns
from application.limit_rate import DEFAULT_PER_MINUTE, LimitRate
from application.model_costs import ModelCosts
from application.plan_ingestion import PlanIngestion
from application.plan_reindex import PlanReindex
from application.plan_site import PlanSite
from application.ports import RetentionRules
from application.read_caller import ReadCaller
from application.read_collections import ReadCollections
from application.read_conversation import ReadConversation
from application.read_documents import ReadDocuments
from application.read_ingestions import ReadIngestions
from application.read_keys import ReadKeys
from application.read_quotas import ReadQuotas
from application.read_references import ReadReferences
from application.reckoning import Reckoning
from application.reindex_collection import ReindexCollection
from application.remembered_keys import RememberedKeys
from application.repair_index import RepairIndex
from application.revoke_key import RevokeKey
from application.search_passages import SearchPassages
from application.submit_ingestion import SubmitIngestion
from application.submit_site import SubmitSite
from application.submit_upload import SubmitUpload
from application.sweep_retention import SweepRetention
from application.turn_streams import TurnStreams
from application.work_ingestions import WorkIngestions
from domain.access.model import Principal
from domain.access.quotas import Plan
from domain.library.ports import UploadLimits
from entrypoints import outside as chosen
from entrypoints import preparing_parts
from entrypoints.http.sse import encode_events
from entrypoints.judging_parts import judging_by
from entrypoints.model_parts import drafting_by, openrouter, rewriter_by
from entrypoints.model_settings import ModelSettings
from entrypoints.probes import cohere_probe_by, model_probe_by
from entrypoints.settings import Settings


class LiveAdapters(containers.DeclarativeContainer):
    """PostgreSQL, and for the rest what the settings choose: by themselves Qdrant's engine and static vectors."""

    settings = providers.Object(Settings(data_dir=Path()))
    first_keys = providers.Object[Mapping[bytes, Principal]]({})
    database_url = providers.Object("")
    # Around any pooler, for connections that must stay one.
    direct_url = providers.Object("")
    index_folder = providers.Object(Path())
    uploads_folder = providers.Object(Path())
    upload_limits = providers.Object(UploadLimits())
    # "own": nobody else uses the database, so requests are counted here, for nothing, and collections are remembered;
    # "shared": both are asked for there.
    database_is = providers.Object("own")

    pools = providers.Object(Pools())

    engine = providers.Singleton(make_engine, database_url, pool_size=pools.provided.requests)
    known_collections = providers.Selector(
        database_is, own=providers.Singleton(KnownCollections), shared=providers.Object(None)
    )
    presumed_collections = providers.Selector(
        database_is, own=providers.Object(None), shared=providers.Singleton(PresumedCollections)
    )
    unit_of_work = providers.Factory(NeonUnitOfWork, engine, known_collections)
    # Reads see no more of one another in a transaction than outside of one, and a transaction is two round trips.
    # A pool of its own: a large ingestion takes no connection from the questions, and its batches may take a minute.
    background = providers.Singleton(
        make_engine, database_url, pool_size=pools.provided.background, command_timeout_s=BACKGROUND_TIMEOUT_S
    )
    background_unit_of_work = providers.Factory(NeonUnitOfWork, background, known_collections)
    statements = providers.Singleton(statement_by_statement, engine)
    known_passages = providers.Singleton(KnownPassages)
    reading = providers.Factory(NeonUnitOfWork, statements, known_collections, presumed_collections, known_passages)
    analyzer = providers.Singleton(SnowballAnalyzer)
    sparse_encoder = providers.Singleton(Bm25SparseEncoder, analyzer)
    clock = providers.Singleton(DatabaseClock)
    outside = providers.Singleton(Dependencies)
    http_clients = providers.Singleton(HttpClients)
    budgets = providers.Singleton(chosen.budgets, settings, statements, clock)
    embedder = providers.Singleton(chosen.embedder, settings, outside, http_clients, budgets)
    texts_a_call = providers.Callable(chosen.texts_a_call, settings)
    reranker = providers.Singleton(chosen.reranker, settings, outside, http_clients, budgets)
    reranking = providers.Singleton(chosen.reranking, settings, reranker)
    embedders = providers.Singleton(chosen.embedders, embedder)
    passage_index = providers.Singleton(chosen.passage_index, settings, outside, index_folder, embedder)
    indexes = providers.Singleton(chosen.indexes, index_folder, passage_index, embedder)
    plan = settings.provided.plan
    footprints = providers.Callable(chosen.footprints, settings, statements, passage_index, embedder)
    preparer = providers.Singleton(preparing_parts.preparer, settings)
    reference_formatter = providers.Singleton(CiteprocReferenceFormatter)
    queue = providers.Singleton(PgQueuerWorkQueue, direct_url)
    address_policy = providers.Callable(chosen.address_policy, settings)
    source_fetcher = providers.Singleton(chosen.source_fetcher, settings)
    most_pages = settings.provided.fetch_pages
    uploads = providers.Singleton(uploads_on_disk, uploads_folder, upload_limits)
    ids = providers.Singleton(TimeOrderedIds)
    own_rates = providers.Singleton(InMemoryRateLimits, clock)
    caller_rates = providers.Selector(
        database_is, own=own_rates, shared=providers.Singleton(NeonRateLimits, statements)
    )

    models = providers.Object[ModelSettings | None](None)
    chat_model = providers.Singleton(openrouter, outside, models)
    writer = providers.Singleton(ExtractiveWriter, analyzer)
    costs = providers.Singleton(ModelCosts)
    drafting = providers.Singleton(drafting_by, models, chat_model.provider, budgets, writer, clock, costs)
    rewriter = providers.Singleton(rewriter_by, models, chat_model.provider, budgets, analyzer, costs)
    judging = providers.Singleton(
        judging_by, settings, analyzer, chat_model.provider, reranker.provider, budgets, costs
    )
    more_probes = providers.List(
        providers.Factory(SchemaProbe, engine),
        providers.Factory(
            RerankerProbe,
            providers.Callable(lambda reranking: reranking and reranking.reranker, reranking),
            mend="set COHERE_API_KEY, and IBID_RERANK_BUDGET_MS above 0",
        ),
        providers.Factory(cohere_probe_by, settings, budgets),
        providers.Factory(model_probe_by, models, chat_model.provider, budgets),
    )


class UseCases(containers.DeclarativeContainer):
    """Every use case over whichever adapters it is given."""

    adapters = providers.DependenciesContainer()
    holder = providers.Object("one process")
    keep_vectors = providers.Object(True)
    retention_rules = providers.Object(RetentionRules())
    remembered_keys = providers.Object(0)
    max_running_turns = providers.Object(1_000)
    shared = providers.Object(False)
    rate_per_minute = providers.Object(DEFAULT_PER_MINUTE)

    unit_of_work = adapters.unit_of_work.provider
    reading = adapters.reading.provider
    background_unit_of_work = adapters.background_unit_of_work.provider
    way = providers.Singleton(GiveWay)
    find_passages = providers.Singleton(
        FindPassages,
        embedders=adapters.embedders,
        sparse_encoder=adapters.sparse_encoder,
        indexes=adapters.indexes,
        unit_of_work=reading,
        analyzer=adapters.analyzer,
        clock=adapters.clock,
        reranking=adapters.reranking,
        way=way,
    )
    turn_streams = providers.Singleton(
        TurnStreams, clock=adapters.clock, encode=providers.Object(encode_events), max_running=max_running_turns
    )
    begin_turn = providers.Singleton(
        BeginTurn,
        unit_of_work=unit_of_work,
        alone=reading,
        streams=turn_streams,
        clock=adapters.clock,
        ids=adapters.ids,
        holder=holder,
        shared=shared,
    )
    follow_turn = providers.Singleton(FollowTurn, unit_of_work=reading, streams=turn_streams, clock=adapters.clock)
    sweep_retention = providers.Singleton(SweepRetention, background_unit_of_work, adapters.clock, retention_rules)
    ask_question = providers.Singleton(
        AskQuestion,
        # A turn's end is one statement, which needs no transaction around it.
        unit_of_work=reading,
        begin_turn=begin_turn,
        follow_turn=follow_turn,
        streams=turn_streams,
        find_passages=find_passages,
        rewriter=adapters.rewriter,
        drafting=adapters.drafting,
        reference_formatter=adapters.reference_formatter,
        analyzer=adapters.analyzer,
        clock=adapters.clock,
        judging=adapters.judging,
        sweep_retention=sweep_retention,
    )
    cancel_turn = providers.Singleton(CancelTurn, unit_of_work, turn_streams, adapters.clock)
    journal_turns = providers.Singleton(JournalTurns, unit_of_work, turn_streams, adapters.clock, holder)
    edit_conversations = providers.Singleton(
        EditConversations, unit_of_work, adapters.clock, adapters.ids, turn_streams.provided.forget
    )
    give_feedback = providers.Singleton(GiveFeedback, unit_of_work, adapters.clock, adapters.ids)
    search_passages = providers.Singleton(SearchPassages, reading, find_passages)
    remembered = providers.Singleton(RememberedKeys, remembered_keys)
    authenticate = providers.Singleton(Authenticate, adapters.first_keys, reading, remembered, adapters.clock)
    limit_rate = providers.Singleton(LimitRate, adapters.caller_rates, adapters.own_rates, rate_per_minute)
    issue_key = providers.Singleton(IssueKey, unit_of_work, adapters.clock, adapters.ids)
    read_keys = providers.Singleton(ReadKeys, reading)
    revoke_key = providers.Singleton(RevokeKey, unit_of_work, remembered)
    read_quotas = providers.Singleton(ReadQuotas, adapters.plan, adapters.budgets, adapters.footprints)
    create_collection = providers.Singleton(CreateCollection, unit_of_work, adapters.clock)
    read_collections = providers.Singleton(ReadCollections, reading)
    change_collection = providers.Singleton(ChangeCollection, unit_of_work)
    delete_collection = providers.Singleton(DeleteCollection, unit_of_work, adapters.indexes, adapters.clock)
    read_caller = providers.Singleton(ReadCaller, reading, rate_per_minute)
    submit_ingestion = providers.Singleton(SubmitIngestion, unit_of_work, adapters.queue, adapters.clock, adapters.ids)
    ingest_documents = providers.Singleton(
        IngestDocuments,
        unit_of_work=background_unit_of_work,
        preparer=adapters.preparer,
        embedders=adapters.embedders,
        indexes=adapters.indexes,
        clock=adapters.clock,
        ids=adapters.ids,
        keep_vectors=keep_vectors,
        way=way,
        texts_a_call=adapters.texts_a_call,
    )
    submit_upload = providers.Singleton(SubmitUpload, submit_ingestion, adapters.uploads)
    submit_site = providers.Singleton(SubmitSite, submit_ingestion, adapters.address_policy, adapters.most_pages)
    fetch_pages = providers.Singleton(FetchPages, background_unit_of_work, adapters.source_fetcher)
    ingestion_news = providers.Singleton(IngestionNews)
    reckoning = providers.Singleton(
        Reckoning,
        background_unit_of_work,
        adapters.embedder,
        adapters.budgets,
        adapters.clock,
        keep_vectors,
        adapters.texts_a_call,
    )
    plan_ingestion = providers.Singleton(
        PlanIngestion,
        unit_of_work=background_unit_of_work,
        preparer=adapters.preparer,
        reckoning=reckoning,
        clock=adapters.clock,
        ids=adapters.ids,
        ahead=providers.Callable(lambda plan: plan is Plan.FREE, adapters.plan),
    )
    build_generation = providers.Singleton(
        BuildGeneration,
        background_unit_of_work,
        adapters.preparer,
        adapters.embedders,
        adapters.indexes,
        adapters.clock,
        keep_vectors,
        retention_rules,
        adapters.texts_a_call,
    )
    work_ingestions = providers.Singleton(
        WorkIngestions,
        background_unit_of_work,
        ingest_documents,
        adapters.indexes,
        adapters.queue,
        adapters.clock,
        ingestion_news,
        sweep_retention,
        fetch_pages,
        build_generation,
        plan_ingestion,
    )
    plan_site = providers.Singleton(
        PlanSite, plan_ingestion, adapters.source_fetcher, adapters.address_policy, adapters.most_pages
    )
    plan_reindex = providers.Singleton(
        PlanReindex, background_unit_of_work, adapters.preparer, adapters.embedders, reckoning
    )
    reindex_collection = providers.Singleton(
        ReindexCollection, unit_of_work, adapters.queue, adapters.embedders, adapters.clock, adapters.ids
    )
    adopt_generations = providers.Singleton(
        AdoptGenerations, background_unit_of_work, adapters.embedders, adapters.clock
    )
    repair_index = providers.Singleton(
        RepairIndex,
        background_unit_of_work,
        adapters.indexes,
        adapters.embedders,
        adapters.sparse_encoder,
        adapters.clock,
        keep_vectors,
    )
    read_ingestions = providers.Singleton(ReadIngestions, reading)
    follow_ingestion = providers.Singleton(FollowIngestion, reading, ingestion_news, adapters.clock)
    cancel_ingestion = providers.Singleton(CancelIngestion, unit_of_work, adapters.clock, ingestion_news)
    retry_ingestion = providers.Singleton(RetryIngestion, unit_of_work, adapters.queue)
    read_documents = providers.Singleton(ReadDocuments, reading)
    read_conversation = providers.Singleton(ReadConversation, reading)
    read_references = providers.Singleton(ReadReferences, reading, adapters.reference_formatter)
    diagnose = providers.Singleton(
        Diagnose,
        providers.Callable(
            lambda *first, more: (*first, *more),
            providers.Factory(DatabaseProbe, reading, mend="start the database, and check DATABASE_URL"),
            providers.Factory(
                EmbedderProbe,
                adapters.embedder,
                mend="check COHERE_API_KEY, COHERE_BASE_URL and what is left of its plan",
            ),
            providers.Factory(
                IndexProbe,
                adapters.passage_index,
                mend="check QDRANT_URL and QDRANT_API_KEY, or the free space below IBID_DATA_DIR",
            ),
            more=adapters.more_probes,
        ),
        adapters.clock,
    )
    forget_document = providers.Singleton(ForgetDocument, unit_of_work, adapters.indexes, adapters.clock)


@asynccontextmanager
async def opened(adapters: LiveAdapters) -> AsyncIterator[None]:
    """Open what must be open before the first request, and close it after the last."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(adapters.engine().dispose)
        stack.push_async_callback(adapters.background().dispose)
        stack.push_async_callback(adapters.http_clients().aclose)
        # Before anything is held against a time: another process's lease, the day of a key.
        await adapters.clock().follow(adapters.engine(), adapters.background())
        stack.push_async_callback(adapters.source_fetcher().aclose)
        preparer = adapters.preparer()
        await preparer.open()
        stack.push_async_callback(preparer.close)
        index = adapters.passage_index()
        await index.open()
        stack.push_async_callback(index.close)
        stack.push_async_callback(adapters.indexes().close)
        await adapters.embedder().load()
        adapters.reranking()
        if adapters.models() is not None:
            stack.push_async_callback(adapters.chat_model().close)
        await adapters.reference_formatter().load()
        yield
