"""The tables of the journal's database, as SQLAlchemy Core sees them. Owns names and types; `migrations` makes them.

`records` is the truth and only grows. `apps` and `meta` are the folded state at its end. The others are projections:
written in the same transaction as the records they come from, and rebuilt from them at any time (`SqlJournal.rebuild`).
Times are milliseconds since the epoch. `position` is the `seq` of the record that made the row.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, false

schema = MetaData()

records = Table(
    "records",
    schema,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("actor", String, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

apps = Table(
    "apps",
    schema,
    Column("position", Integer, primary_key=True),
    Column("app_id", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("body", Text, nullable=False),
)

meta = Table("meta", schema, Column("key", String, primary_key=True), Column("value", String, nullable=False))

deployments = Table(
    "deployments",
    schema,
    Column("app_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("client_version", String, nullable=False),
    Column("tag", String, nullable=False),
    Column("commit", JSON(none_as_null=True)),
    Column("manifest_digest", String, nullable=False),
    Column("type", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("settled_at_ms", BigInteger),
    Column("reason", Text),
    Column("rollback_version", Integer),
    Column("live_at_ms", BigInteger),
)

app_index = Table(
    "app_index",
    schema,
    Column("app_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("stopped_at_ms", BigInteger),
    Column("stopped_by", String),
    Index("app_index_by_name", "environment", "name"),
)

container_index = Table(
    "container_index",
    schema,
    Column("container_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("app_id", String, nullable=False),
    Column("service", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("ready_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    Column("exit_code", Integer),
    Column("reason", String),
    Column("detail", Text),
    Column("address", String),
    Column("stopped_by", String),
    Index("container_index_by_app", "app_id"),
)

app_tags = Table(
    "app_tags",
    schema,
    Column("app_id", String, primary_key=True),
    Column("tags", JSON, nullable=False),
    Column("code_tags", JSON, nullable=False),
)

environments = Table(
    "environments",
    schema,
    Column("environment_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("web_suffix", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted_at_ms", BigInteger),
    Column("restricted", Boolean, nullable=False, server_default=false()),
    Column("default_role", String, nullable=False, server_default="contributor"),
)

volumes = Table(
    "volumes",
    schema,
    Column("volume_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted_at_ms", BigInteger),
)

# State of its own, written together with the record that tells of it: values are in no record. `name` is null for a Secret
# that was made from values. `sealed` holds all values as one encrypted JSON object.
stored_secrets = Table(
    "secrets",
    schema,
    Column("secret_id", String, primary_key=True),
    Column("environment_id", String, nullable=False),
    Column("name", String),
    Column("keys", JSON, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger, nullable=False),
    Column("key_id", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("secrets_by_name", "environment_id", "name", unique=True),
)

members = Table(
    "members",
    schema,
    Column("member_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted_at_ms", BigInteger),
)

environment_roles = Table(
    "environment_roles",
    schema,
    Column("environment_id", String, primary_key=True),
    Column("member_id", String, primary_key=True),
    Column("role", String, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    schema,
    Column("token_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("member_id", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted_at_ms", BigInteger),
)

proxy_tokens = Table(
    "proxy_tokens",
    schema,
    Column("token_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted_at_ms", BigInteger),
)

proxy_grants = Table(
    "proxy_grants",
    schema,
    Column("token_id", String, primary_key=True),
    Column("environment_id", String, primary_key=True),
    Column("granted", Boolean, nullable=False),
)

workspace_settings = Table(
    "workspace_settings", schema, Column("key", String, primary_key=True), Column("value", String, nullable=False)
)
ACCESS = (members, environment_roles, api_tokens, proxy_tokens, proxy_grants, workspace_settings)
PROJECTIONS = (deployments, app_index, container_index, app_tags, environments, volumes, *ACCESS)
