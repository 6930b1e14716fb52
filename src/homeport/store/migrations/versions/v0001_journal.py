"""The journal, the folded state and the first projections.

Written out and never changed: a later form of a table is a later file.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_truth()
    _create_projections()
    if op.get_bind().dialect.name == "sqlite":
        _forbid_changes_of_records()


def _create_truth() -> None:
    op.create_table(
        "records",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "apps",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("app_id", sa.String, nullable=False, unique=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table("meta", sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))


def _create_projections() -> None:
    op.create_table(
        "deployments",
        sa.Column("app_id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("client_version", sa.String, nullable=False),
        sa.Column("tag", sa.String, nullable=False),
        sa.Column("commit", sa.JSON),
        sa.Column("manifest_digest", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("settled_at_ms", sa.BigInteger),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "app_index",
        sa.Column("app_id", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("stopped_at_ms", sa.BigInteger),
        sa.Column("stopped_by", sa.String),
    )
    op.create_index("app_index_by_name", "app_index", ["environment", "name"])
    op.create_table(
        "container_index",
        sa.Column("container_id", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("app_id", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger),
        sa.Column("ready_at_ms", sa.BigInteger),
        sa.Column("ended_at_ms", sa.BigInteger),
        sa.Column("exit_code", sa.Integer),
        sa.Column("reason", sa.String),
        sa.Column("detail", sa.Text),
        sa.Column("address", sa.String),
        sa.Column("stopped_by", sa.String),
    )
    op.create_index("container_index_by_app", "container_index", ["app_id"])


def _forbid_changes_of_records() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER records_no_{change.lower()} BEFORE {change} ON records "
            "BEGIN SELECT RAISE(ABORT, 'records are append-only'); END"
        )
