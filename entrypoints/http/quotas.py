"""What is left of the providers' plans."""

from datetime import datetime

from litestar import Controller, get
from litestar.di import NamedDependency
from msgspec import Struct

from application.read_quotas import Quotas, ReadQuotas
from domain.access.model import Principal
from entrypoints.http.openapi import problems


class AllowanceBody(Struct):
    """``left`` of ``limit`` in this ``window``; all of it is back at ``resets_at``, null while none is used."""

    provider: str
    name: str
    window: str
    limit: int
    used: int
    left: int
    resets_at: datetime | None


class StorageBody(Struct):
    provider: str
    used_bytes: int
    limit_bytes: int | None


class QuotasBody(Struct):
    plan: str
    allowances: list[AllowanceBody]
    storage: list[StorageBody]


class QuotasController(Controller):
    tags = ("Operating",)

    @get(
        "/v1/admin/quotas",
        summary="What is left of the providers' plans",
        description="Allowances are counted on the free plan alone; storage is that of stores outside.",
        responses=problems(401, 403, 500, 503),
    )
    async def quotas(self, caller: NamedDependency[Principal], read_quotas: NamedDependency[ReadQuotas]) -> QuotasBody:
        return quotas_body(await read_quotas.execute(caller))


def quotas_body(quotas: Quotas) -> QuotasBody:
    return QuotasBody(
        quotas.plan,
        [
            AllowanceBody(one.provider, one.name, one.window, one.limit, one.used, one.left, one.resets_at)
            for one in quotas.allowances
        ],
        [StorageBody(one.provider, one.used, one.limit) for one in quotas.storage],
    )
