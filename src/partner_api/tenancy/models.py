"""What makes a table a tenant's."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column


class MspOwned:
    """Puts `msp_id` on a model, first in its primary key; sessions narrow and stamp it."""

    msp_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
