"""The tables. Times are seconds since 1970 in UTC; money is whole nano-dollars; documents are JSON.

`jobs` is what a caller asked for, `attempts` are the tries at it (and their states are the truth
about money), `ledger` is what that costs, `timeline` is what happened, `artifacts` is what is
kept, `workers` says which processes live, `callbacks` is what has to be told to whom. `budget_*`
are sums over the ledger that budgets are measured by, and what is reserved of them. `keys` and
`key_secrets` are who may ask the gateway, `provider_changes` is what administrators changed there
at run time, `audit` is what they did.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 5
"""Of the tables. A database written by a newer release is refused, not damaged."""

metadata = MetaData()
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "anymedia_meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("medium", String, nullable=False),
    Column("status", String, nullable=False),
    Column("request", Text, nullable=False),
    Column("request_hash", String, nullable=False),
    Column("idempotency_key", String),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("retried_at", Float),  # attempts before this are not counted any more
    Column("progress", Float),
    Column("problem", Text),
    Column("cancel", String),
    Column("worker", String),
    Column("due_at", Float),  # when something is to be done next; null when nothing is
    UniqueConstraint("owner", "idempotency_key"),
)
Index("jobs_due", jobs.c.due_at, sqlite_where=jobs.c.due_at.is_not(None))
Index("jobs_listed", jobs.c.owner, jobs.c.created_at)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String, primary_key=True),  # the marker that the provider is given
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("variant", String),  # which of the provider's credentials and regions
    Column("quality", String),  # the preset, where another was asked for and had no room
    Column("state", String, nullable=False),
    Column("reason", Text),
    Column("callback_token", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("opened_at", Float),
    Column("send_deadline", Float),
    Column("accepted_at", Float),
    Column("finished_at", Float),
    Column("handle", Text),
    Column("polls", Integer, nullable=False, default=0),
    Column("request_id", String),
    Column("answer", Text),
    Column("usage", Text),
    Column("cost", Text),
    Column("notices", Text),
    Column("problem", Text),
    UniqueConstraint("job_id", "number"),
)
Index("attempts_token", attempts.c.callback_token)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String, primary_key=True),
    Column("job_id", String, index=True),
    Column("attempt_id", String),
    Column("position", Integer, nullable=False, default=0),
    Column("role", String, nullable=False),  # output or input
    Column("owner", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("facts", Text, nullable=False),
)
# Whoever fetches it, it is kept once.
Index(
    "artifacts_once",
    artifacts.c.attempt_id,
    artifacts.c.role,
    artifacts.c.position,
    unique=True,
)

ledger = Table(
    "ledger",
    metadata,
    Column("row", ROW_ID, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("entry", String, nullable=False),
    Column("attempt_id", String, nullable=False),
    Column("job_id", String),
    Column("owner", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("medium", String, nullable=False),
    Column("amount", BigInteger),
    Column("basis", String, nullable=False),
    Column("computed", BigInteger),
    Column("reported", BigInteger),
    Column("explanation", Text),
    Column("usage", Text),
    Column("tags", Text),
    Column("outcome", String, nullable=False),
    Column("code", String),
    Column("maybe_billed", Boolean, nullable=False, default=False),
)
Index("ledger_attempt", ledger.c.attempt_id)
Index("ledger_at", ledger.c.at)

journals = Table(
    "journals",
    metadata,
    Column("name", String, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

timeline = Table(
    "timeline",
    metadata,
    Column("row", ROW_ID, primary_key=True, autoincrement=True),
    Column("job_id", String, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("event", String, nullable=False),
    Column("details", Text),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("lease_until", Float, nullable=False),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String, primary_key=True),
    Column("job_id", String, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Float),
    Column("delivered_at", Float),
    Column("problem", Text),
)

budget_accounts = Table(
    "budget_accounts",
    metadata,
    Column("key", String, primary_key=True),
    Column("scope", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("period", String, nullable=False),
    Column("starts", Float, nullable=False),
    Column("ends", Float, nullable=False),
    Column("spent", BigInteger, nullable=False, default=0),
    Column("held", BigInteger, nullable=False, default=0),  # the sum of its holds
    Column("lent", BigInteger, nullable=False, default=0),  # what processes have and not yet used
    Column("told", Text, nullable=False, default="[]"),
    Column("news", Boolean, nullable=False, default=True),  # changed since marks were looked at
)
Index("budget_accounts_subject", budget_accounts.c.scope, budget_accounts.c.subject)
Index("budget_accounts_ends", budget_accounts.c.ends)
Index("budget_accounts_news", budget_accounts.c.news, sqlite_where=budget_accounts.c.news)

budget_holds = Table(
    "budget_holds",
    metadata,
    Column("attempt_id", String, primary_key=True),  # or the ledger row's, for a correction
    Column("account", String, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)
Index("budget_holds_account", budget_holds.c.account)

budget_allowances = Table(
    "budget_allowances",
    metadata,
    Column("holder", String, primary_key=True),  # the name of its process' tally
    Column("account", String, primary_key=True),
    Column("slot", Integer, nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),  # as far as it has been reported
)
Index("budget_allowances_account", budget_allowances.c.account)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("rights", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
)

key_secrets = Table(
    "key_secrets",
    metadata,
    Column("hash", String, primary_key=True),  # SHA-256; the secret itself is kept nowhere
    Column("key_id", ForeignKey("keys.id"), nullable=False, index=True),
    Column("prefix", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
)

provider_changes = Table(
    "provider_changes",
    metadata,
    Column("name", String, primary_key=True),
    Column("settings", Text),  # encrypted with a key outside of the database; null when removed
    Column("changed_at", Float, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("row", ROW_ID, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
)
