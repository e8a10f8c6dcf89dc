"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the first release."""
    op.create_table(
        "job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("n_event", sa.Integer(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("needs_memory", sa.BigInteger(), nullable=False),
        sa.Column("needs_cpus", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("saved_n", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("deadline_at", sa.Double()),
        sa.Column("started_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("cancel_requested_at", sa.Double()),
        sa.Column("cancel_reason", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("result_digest", sa.Text()),
        sa.Column("done", sa.Double()),
        sa.Column("total", sa.Double()),
        sa.Column("message", sa.Text()),
        sa.Column("rate", sa.Double()),
        sa.Column("basis", sa.Text()),
        sa.Column("progress_at", sa.Double()),
        sa.Column("void_at", sa.Double()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("by_state", "job", ["state", "id"])
    op.create_index("by_tail", "job", ["tail"])
    op.create_index("by_task", "job", ["task", "id"])
    op.create_index(
        "claim",
        "job",
        [
            "source",
            "task",
            "queue",
            sa.literal_column("priority DESC"),
            "due_at",
            "id",
            "needs_memory",
            "needs_cpus",
            "void_at",
        ],
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "put_off", "job", ["due_at"], sqlite_where=sa.text("state = 'queued' AND due_at > created_at")
    )
    op.create_index("running", "job", ["worker"], sqlite_where=sa.text("state = 'running'"))
    op.create_index(
        "voiding", "job", ["void_at"], sqlite_where=sa.text("state = 'queued' AND void_at IS NOT NULL")
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("queues", sa.Text()),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("all_files", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("memory_budget", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.Double(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=False),
        sa.Column("leaving", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "attempt",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("outcome", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("cpu_seconds", sa.Double()),
        sa.Column("peak_memory", sa.BigInteger()),
        sa.ForeignKeyConstraint(["job"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "n"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["job"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("event_of", "event", ["job", "n"], unique=True)
    op.create_table(
        "payload",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "what"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "saved_state",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job"),
    )
