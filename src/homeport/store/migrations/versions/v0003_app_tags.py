"""Tags of an App that were set from outside its code (semantics 1.10.1)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "app_tags",
        sa.Column("app_id", sa.String, primary_key=True),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("code_tags", sa.JSON, nullable=False),
    )
