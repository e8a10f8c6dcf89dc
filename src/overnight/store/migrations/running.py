"""Runs the migrations on a connection of ours."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from overnight.store import sqlite
from overnight.store.sqlite import Connection


def upgrade(connection: Connection) -> None:
    """Bring a store up to date, all at once or not at all."""
    engine = create_engine(
        "sqlite+pysqlite://", module=sqlite.driver, creator=lambda: connection, poolclass=StaticPool
    )
    with engine.connect() as connected, connected.begin():
        connection.execute("BEGIN IMMEDIATE")  # SQLAlchemy leaves that to the driver, and the driver to us
        config = configuration()
        config.attributes["connection"] = connected
        command.upgrade(config, "head")


def configuration() -> Config:
    """Return the configuration with which Alembic finds our revisions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
