"""Who may do what: members, their API tokens and roles, and the proxy tokens that Servers accept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environments", sa.Column("restricted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("environments", sa.Column("default_role", sa.String, nullable=False, server_default="contributor"))
    op.create_table(
        "members",
        sa.Column("member_id", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("deleted_at_ms", sa.BigInteger),
    )
    op.create_table(
        "environment_roles",
        sa.Column("environment_id", sa.String, primary_key=True),
        sa.Column("member_id", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
    )
    op.create_table(
        "proxy_grants",
        sa.Column("token_id", sa.String, primary_key=True),
        sa.Column("environment_id", sa.String, primary_key=True),
        sa.Column("granted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "workspace_settings", sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
    )
    for name, owner in (("api_tokens", "member_id"), ("proxy_tokens", "name")):
        op.create_table(
            name,
            sa.Column("token_id", sa.String, primary_key=True),
            sa.Column("position", sa.Integer, nullable=False),
            sa.Column(owner, sa.String, nullable=False),
            sa.Column("sha256", sa.String(64), nullable=False),
            sa.Column("created_at_ms", sa.BigInteger, nullable=False),
            sa.Column("created_by", sa.String, nullable=False),
            sa.Column("deleted_at_ms", sa.BigInteger),
        )
