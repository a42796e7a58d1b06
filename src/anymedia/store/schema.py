"""The tables. Times are seconds since 1970 in UTC; money is whole nano-dollars; documents are JSON.

`jobs` is what a caller asked for (`job_marks` finds them by tag and provider), `attempts` are the
tries at it (and their states are the truth about money), `ledger` is what that costs, `timeline` is what happened, `artifacts` is what is
kept, `workers` says which processes live, `callbacks` is what has to be told to whom,
signed with `callback_secrets`; `deliveries` is what providers have told us. `batches`
are many requests as one, `batch_items` their lines, `batch_parts` what batch APIs were handed. `budget_*`
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
    and_,
)

VERSION = 6
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
    Column("turn", Float, nullable=False, server_default="0"),  # the lowest is taken up first
    Column("not_before", Float),
    Column("deadline", Float),  # over all attempts together
    UniqueConstraint("owner", "idempotency_key"),
)
Index(
    "jobs_lost",
    jobs.c.created_at,
    sqlite_where=and_(jobs.c.finished_at.is_(None), jobs.c.due_at.is_(None)),
    postgresql_where=and_(jobs.c.finished_at.is_(None), jobs.c.due_at.is_(None)),
)
Index(
    "jobs_due",
    jobs.c.due_at,
    sqlite_where=jobs.c.due_at.is_not(None),
    postgresql_where=jobs.c.due_at.is_not(None),
)
Index(  # nobody's: few, however many jobs there are. A name that all lack makes SQLite look here
    "jobs_free",
    jobs.c.worker,
    jobs.c.turn,
    jobs.c.due_at,
    sqlite_where=and_(jobs.c.worker.is_(None), jobs.c.due_at.is_not(None)),
    postgresql_where=and_(jobs.c.worker.is_(None), jobs.c.due_at.is_not(None)),
)
Index(
    "jobs_held",
    jobs.c.worker,
    sqlite_where=jobs.c.worker.is_not(None),
    postgresql_where=jobs.c.worker.is_not(None),
)
Index("jobs_listed", jobs.c.owner, jobs.c.created_at, jobs.c.id)
Index("jobs_by_status", jobs.c.owner, jobs.c.status, jobs.c.created_at, jobs.c.id)
Index("jobs_by_medium", jobs.c.owner, jobs.c.medium, jobs.c.created_at, jobs.c.id)
Index(
    "jobs_finished",
    jobs.c.finished_at,
    jobs.c.id,
    sqlite_where=jobs.c.finished_at.is_not(None),
    postgresql_where=jobs.c.finished_at.is_not(None),
)

job_marks = Table(  # what jobs are looked for by that can be several of one job
    "job_marks",
    metadata,
    Column("owner", String, primary_key=True),
    Column("mark", String, primary_key=True),  # such as `provider:runway` or `tag:trial`
    Column("created_at", Float, primary_key=True),  # the job's
    Column("job_id", String, primary_key=True),
    sqlite_with_rowid=False,
)

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
    Column("abandoned_at", Float),  # since when its job goes on, or has ended, without it
    Column("handle_hash", String),  # handles can be longer than an index takes
    UniqueConstraint("job_id", "number"),
)
Index("attempts_handle", attempts.c.handle_hash)
Index(
    "attempts_made",
    attempts.c.provider,
    attempts.c.model,
    attempts.c.finished_at,
    sqlite_where=attempts.c.state == "succeeded",
    postgresql_where=attempts.c.state == "succeeded",
)
Index("attempts_token", attempts.c.callback_token)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String, primary_key=True),
    Column("job_id", String, index=True),
    Column("attempt_id", String),
    Column("position", Integer, nullable=False, default=0),
    Column("role", String, nullable=False),  # output, original, input or preview
    Column("owner", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("facts", Text, nullable=False),
    Column("source_id", String),  # of what it was made: a preview's picture, an output's original
    Column("findings", Text),  # what looking at it found; null until it was looked at
    Column("version", String),  # of anymedia, which kept it
    Column("purged_at", Float),  # its bytes are gone since then, by the rule beside it
    Column("purged_why", Text),
)
Index("artifacts_source", artifacts.c.source_id)
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
    Column("request", String),  # what attempts at one request have in common
    Column("reference", String),  # the provider's own id for the attempt
    Column("owner", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("medium", String, nullable=False),
    Column("amount", BigInteger),
    Column("bound", BigInteger),  # what an unknown amount may be at most
    Column("basis", String, nullable=False),
    Column("computed", BigInteger),
    Column("reported", BigInteger),
    Column("explanation", Text),
    Column("price", Text),  # which price it was: its source, its date, what a unit cost
    Column("usage", Text),
    Column("seconds", Float),
    Column("tags", Text),
    Column("outcome", String, nullable=False),
    Column("code", String),
    Column("maybe_billed", Boolean, nullable=False, default=False),
)
Index("ledger_attempt", ledger.c.attempt_id)
Index("ledger_at", ledger.c.at)
Index("ledger_reference", ledger.c.reference)
UNKNOWN = (ledger.c.entry == "pending") & ledger.c.job_id.is_(None)
Index("ledger_unknown", ledger.c.at, sqlite_where=UNKNOWN, postgresql_where=UNKNOWN)

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

pauses = Table(
    "pauses",
    metadata,
    Column("provider", String, primary_key=True),
    Column("medium", String, primary_key=True),  # empty for all media
    Column("since", Float, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("load", Integer, nullable=False, default=0),  # how many jobs it has
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String, primary_key=True),  # the message's, the same in every try
    Column("job_id", String, nullable=False, index=True),
    Column("owner", String),
    Column("sequence", Integer, nullable=False, default=0),  # within its job, from 1
    Column("type", String),
    Column("url", Text, nullable=False),
    Column("receiver", String),  # the URL's host and port
    Column("body", Text, nullable=False),
    Column("created_at", Float),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Float),  # null when it was delivered, or given up
    Column("holder", String),  # who delivers it at the moment, and until when nobody else may
    Column("held_until", Float),
    Column("delivered_at", Float),
    Column("status", Integer),  # of the last answer
    Column("problem", Text),
)
Index(
    "callbacks_due",
    callbacks.c.receiver,
    callbacks.c.due_at,
    sqlite_where=callbacks.c.due_at.is_not(None),
    postgresql_where=callbacks.c.due_at.is_not(None),
)
Index("callbacks_listed", callbacks.c.created_at)

callback_secrets = Table(
    "callback_secrets",
    metadata,
    Column("owner", String, primary_key=True),
    Column("number", Integer, primary_key=True),  # the highest is the newest
    Column("secret", Text, nullable=False),  # encrypted with a key outside of the database
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("told", Boolean, nullable=False, default=False),  # whether it was shown
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("provider", String, primary_key=True),
    Column("id", String, primary_key=True),  # what the provider calls it, or a hash
    Column("at", Float, nullable=False),
)
Index("deliveries_at", deliveries.c.at)

batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("status", String, nullable=False),  # `reading` while its lines come in
    Column("settings", Text, nullable=False),
    Column("request_hash", String, nullable=False),
    Column("idempotency_key", String),
    Column("mistakes", Text),
    Column("problem", Text),
    Column("ends", String),  # why nothing more is begun: cancelled, or stopped
    Column("planned", Boolean, nullable=False, default=False),  # what goes to batch APIs is known
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("worker", String),
    Column("due_at", Float),  # null when nothing is to be done
    UniqueConstraint("owner", "idempotency_key"),
)
Index(
    "batches_due",
    batches.c.due_at,
    sqlite_where=batches.c.due_at.is_not(None),
    postgresql_where=batches.c.due_at.is_not(None),
)
Index("batches_listed", batches.c.owner, batches.c.created_at)

batch_workers = Table(  # apart from `workers`, whose loads jobs are shared out by
    "batch_workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("lease_until", Float, nullable=False),
)

batch_items = Table(
    "batch_items",
    metadata,
    Column("batch_id", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("custom_id", Text),
    Column("medium", String),
    Column("status", String, nullable=False),
    Column("request", Text),
    Column("fitted", Text),  # as a batch API's model takes it
    Column("part_id", String),
    Column("provider", String),
    Column("model", String),
    Column("job_id", String),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Float),
    Column("held", BigInteger),  # the most that it may cost, while that is not known
    Column("result", Text),
    Column("problem", Text),
    Column("usage", Text),
    Column("amount", BigInteger),
    Column("basis", String),
    Column("finished_at", Float),
)
Index("batch_items_standing", batch_items.c.batch_id, batch_items.c.status)
Index("batch_items_part", batch_items.c.part_id)

batch_parts = Table(
    "batch_parts",
    metadata,
    Column("id", String, primary_key=True),  # the marker that the provider is given
    Column("batch_id", String, nullable=False, index=True),
    Column("provider", String, nullable=False),
    Column("variant", String),
    Column("model", String, nullable=False),
    Column("path", String, nullable=False),
    Column("state", String, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("handle", Text),
    Column("found", Text),  # where its results lie
    Column("created_at", Float, nullable=False),
    Column("opened_at", Float),
    Column("send_deadline", Float),
    Column("finished_at", Float),
    Column("due_at", Float),
    Column("polls", Integer, nullable=False, default=0),
    Column("cancel", String),
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
Index(
    "budget_accounts_news",
    budget_accounts.c.news,
    sqlite_where=budget_accounts.c.news,
    postgresql_where=budget_accounts.c.news,
)

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
