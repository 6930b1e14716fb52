"""How containers ended: requests that were cut, and whether it was by their own doing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("container_index", sa.Column("cut", sa.Integer))
    op.add_column("container_index", sa.Column("failed", sa.Boolean))
