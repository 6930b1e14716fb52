"""Alembic's entry point. It is given an open connection and never opens one; `homeport.store.database` runs it."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
