"""What Alembic runs to reach the store: the connection is handed in by `running.upgrade`."""

from alembic import context

from overnight.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
