"""Who is let in, at what cost, and for how long."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.memory.clock import SettableClock, TimeOrderedIds
from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from application.authenticate import Authenticate
from application.issue_key import IssuedKey, IssueKey, IssueKeyCommand
from application.remembered_keys import RememberedKeys
from application.revoke_key import RevokeKey
from domain.access.model import ApiKey, Owner, Principal, Scope
from domain.errors import NotAuthenticated, Refused, ScopeMissing
from tests.builders import NOON, after, an_api_key

ADMIN = Principal("default", "admin", frozenset({Scope.ADMIN}))
FIRST = "ibid_the-key-of-the-settings"


@dataclass
class Door:
    """A door with its keys; ``opened`` counts the units of work that it took."""

    capacity: int = 100
    store: InMemoryStore = field(default_factory=InMemoryStore)
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON))
    opened: int = 0

    def __post_init__(self) -> None:
        self.remembered = RememberedKeys(self.capacity)
        first = {hashlib.sha256(FIRST.encode()).digest(): ADMIN}
        self.authenticate = Authenticate(first, self.unit_of_work, self.remembered, self.clock)
        self.issue_key = IssueKey(self.unit_of_work, self.clock, TimeOrderedIds())
        self.revoke_key = RevokeKey(self.unit_of_work, self.remembered)

    def unit_of_work(self) -> InMemoryUnitOfWork:
        self.opened += 1
        return InMemoryUnitOfWork(self.store)

    async def issue(self, *scopes: Scope, principal: Principal = ADMIN, **grant: object) -> IssuedKey:
        command = IssueKeyCommand(principal, "a key", scopes or (Scope.ASK,), **grant)  # type: ignore[arg-type]
        return await self.issue_key.execute(command)


async def test_the_admin_key_of_the_settings_needs_no_database() -> None:
    door = Door()
    assert await door.authenticate.execute(FIRST) == ADMIN
    assert door.opened == 0


async def test_a_known_key_costs_one_look_into_the_database_and_then_none() -> None:
    door = Door()
    issued = await door.issue()
    door.opened = 0
    for _ in range(3):
        assert await door.authenticate.execute(issued.secret) == issued.key.principal
    assert door.opened == 1


async def test_with_a_shared_database_every_request_looks() -> None:
    door = Door(capacity=0)
    issued = await door.issue()
    door.opened = 0
    for _ in range(3):
        await door.authenticate.execute(issued.secret)
    assert door.opened == 3
    door.store.api_keys.clear()  # another process revokes it
    with pytest.raises(NotAuthenticated):
        await door.authenticate.execute(issued.secret)


async def test_a_revoked_key_opens_nothing_from_the_next_request_on() -> None:
    door = Door()
    issued, other = await door.issue(), await door.issue()
    await door.authenticate.execute(issued.secret)
    await door.revoke_key.execute(ADMIN, issued.key.id)
    with pytest.raises(NotAuthenticated):
        await door.authenticate.execute(issued.secret)
    assert await door.authenticate.execute(other.secret)


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered() -> None:
    door = Door()
    issued = await door.issue()
    looking, revoked = asyncio.Event(), asyncio.Event()

    class SlowKeys:
        async def find(self, digest: bytes) -> ApiKey | None:
            found = door.store.api_keys.get(issued.key.id)
            looking.set()
            await revoked.wait()
            return found

    class SlowUnit(InMemoryUnitOfWork):
        def __init__(self, store: InMemoryStore) -> None:
            super().__init__(store)
            self.api_keys = SlowKeys()  # type: ignore[assignment]

    slow = Authenticate({}, lambda: SlowUnit(door.store), door.remembered, door.clock)
    early = asyncio.create_task(slow.execute(issued.secret))
    await looking.wait()
    await door.revoke_key.execute(ADMIN, issued.key.id)
    revoked.set()
    assert await early  # it came before the revocation was answered
    with pytest.raises(NotAuthenticated):
        await door.authenticate.execute(issued.secret)


async def test_a_remembered_key_expires_to_the_moment() -> None:
    door = Door()
    issued = await door.issue(expires_at=after(10))
    await door.authenticate.execute(issued.secret)
    door.clock.advance(timedelta(seconds=9))
    assert await door.authenticate.execute(issued.secret)
    door.clock.advance(timedelta(seconds=1))
    with pytest.raises(NotAuthenticated):
        await door.authenticate.execute(issued.secret)


@pytest.mark.parametrize("token", [None, "", "ibid_unknown", "Ⅷ", FIRST + " ", FIRST[:-1]])
async def test_anything_else_opens_nothing(token: str | None) -> None:
    with pytest.raises(NotAuthenticated):
        await Door().authenticate.execute(token)


async def test_no_more_keys_are_remembered_than_was_said() -> None:
    remembered = RememberedKeys(3)
    keys = [an_api_key() for _ in range(5)]
    for key in keys:
        remembered.keep(key, since=remembered.age)
    assert [remembered.find(key.secret_sha256) for key in keys] == [None, None, *keys[2:]]


async def test_a_secret_is_256_random_bits_and_nothing_of_it_is_kept() -> None:
    door = Door()
    issued, other = await door.issue(), await door.issue()
    assert issued.secret.startswith("ibid_")
    assert len(issued.secret) == 5 + 43
    assert issued.secret != other.secret
    assert issued.secret[5:] not in repr(door.store) + repr(issued)


async def test_only_admin_issues_and_revokes_keys() -> None:
    door = Door()
    issued = await door.issue()
    for scopes in ((Scope.ASK,), (Scope.INGEST, Scope.ACT_AS)):
        weak = Principal("t", "weak", frozenset(scopes))
        with pytest.raises(ScopeMissing):
            await door.issue(Scope.ASK, principal=weak)
        with pytest.raises(ScopeMissing):
            await door.revoke_key.execute(weak, issued.key.id)
    by_a_stored_admin = (await door.issue(Scope.ADMIN)).key.principal
    assert await door.issue(Scope.ADMIN, principal=by_a_stored_admin)


@pytest.mark.parametrize(
    ("grant", "field"),
    [
        ({"scopes": ()}, "scopes"),
        ({"scopes": (Scope.ADMIN,), "collections": ("docs",)}, "collections"),
        ({"collections": ("docs", "Not A Slug")}, "collections"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": after(0).replace(year=9_999)}, "expires_at"),
        ({"expires_at": after(0).replace(year=1)}, "expires_at"),
        ({"tenant": "a:b"}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
    ],
)
async def test_a_grant_that_makes_no_sense_is_refused_by_its_field(grant: dict[str, object], field: str) -> None:
    door = Door()
    values: dict[str, object] = {"name": "a key", "scopes": (Scope.ASK,)} | grant
    with pytest.raises(Refused) as refused:
        await door.issue_key.execute(IssueKeyCommand(ADMIN, **values))  # type: ignore[arg-type]
    assert refused.value.field == field
    assert not door.store.api_keys


class TestOwners:
    """Whom conversations and limits belong to."""

    async def test_two_keys_are_two_owners_also_within_one_tenant(self) -> None:
        door = Door()
        keys = [await door.issue(tenant="acme"), await door.issue(tenant="acme"), await door.issue()]
        owners = {(await door.authenticate.execute(one.secret)).owner for one in keys}
        assert len(owners) == 3

    async def test_keys_of_one_tenant_share_its_end_users_and_others_do_not(self) -> None:
        door = Door()
        first, second = [await door.issue(Scope.ASK, Scope.ACT_AS, tenant="acme") for _ in range(2)]
        stranger = await door.issue(Scope.ASK, Scope.ACT_AS)
        owners = [(await door.authenticate.execute(one.secret, user="u1")).owner for one in (first, second, stranger)]
        assert owners[0] == owners[1] == Owner("acme", "u1")
        assert owners[2] not in owners[:2]

    async def test_no_end_user_is_the_key_itself_or_another_keys_own(self) -> None:
        door = Door()
        own = await door.issue(Scope.ASK, tenant="acme")
        acting = await door.issue(Scope.ASK, Scope.ACT_AS, tenant="acme")
        itself = (await door.authenticate.execute(own.secret)).owner
        for user in (str(own.key.id), "acme", "default", "0"):
            assert (await door.authenticate.execute(acting.secret, user=user)).owner != itself

    async def test_a_key_without_act_as_is_refused_an_end_user_and_not_left_to_believe_in_it(self) -> None:
        door = Door()
        issued = await door.issue(Scope.ASK, Scope.INGEST)
        with pytest.raises(ScopeMissing):
            await door.authenticate.execute(issued.secret, user="u1")

    @pytest.mark.parametrize("user", ["", " ", "x" * 129, "a\tb", "a\x00b", "a\u202eb", "\u200b"])
    async def test_an_end_user_is_1_to_128_printable_characters(self, user: str) -> None:
        with pytest.raises(Refused) as refused:
            await Door().authenticate.execute(FIRST, user=user)
        assert refused.value.field == "Ibid-User"

    async def test_the_longest_end_user_is_taken_as_it_is(self) -> None:
        user = "ü" * 127 + "🚪"
        assert (await Door().authenticate.execute(FIRST, user=user)).user == user
