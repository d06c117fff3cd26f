"""Every model the package has, found and not listed, so that a new one is covered."""

import importlib
import pkgutil
import re

import partner_api
from partner_api.database.base import Base
from partner_api.tenancy.models import MspOwned


def _import_models() -> None:
    for module in pkgutil.walk_packages(partner_api.__path__, "partner_api."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)


_import_models()

TABLES = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
TENANT_TABLES = sorted(name for name, model in TABLES.items() if issubclass(model, MspOwned))

A_TABLE = "|".join(TENANT_TABLES)
NAMES_A_TABLE = re.compile(rf"\b(?:from|join|update)\s+(?:only\s+)?({A_TABLE})\b", re.IGNORECASE)
"""SQL that reads or changes a tenant's table; the group is its name."""
