"""The declarative base, and how constraints get their names."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import DateTime, Text, UserDefinedType

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

Instant = DateTime(timezone=True)
Sortable = Text(collation="C")
"""A sort key: made by us, compared byte by byte wherever it is compared."""


class TransactionId(UserDefinedType[int]):
    """A transaction's number that never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type as SQL spells it."""
        return "xid8"


class Base(DeclarativeBase):
    """Every table's base."""

    metadata = MetaData(naming_convention=NAMING)
