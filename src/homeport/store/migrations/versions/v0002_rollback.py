"""History tells which version a rollback or rollover repeats, and when a version became live.

The second is in the records of older data directories too, and is read from there; the first could not happen then.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("rollback_version", sa.Integer))
    op.add_column("deployments", sa.Column("live_at_ms", sa.BigInteger))
    connection = op.get_bind()
    settled = connection.execute(sa.text("SELECT body FROM records WHERE kind = 'deployment.settled' ORDER BY seq"))
    live = [body for body in map(json.loads, settled.scalars()) if body["outcome"] == "live"]
    update = sa.text(
        "UPDATE deployments SET live_at_ms = :at_ms WHERE app_id = :app_id AND version = :version AND live_at_ms IS NULL"
    )
    for body in live:
        connection.execute(update, {name: body[name] for name in ("at_ms", "app_id", "version")})
