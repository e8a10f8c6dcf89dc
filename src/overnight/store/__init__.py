"""The store: jobs, and all that has happened to them, in one SQLite file.

Verbs are plain functions of a transaction, in the modules `jobs`, `reading`, `workers`, `saves` and `events`.
"""

from overnight.store.opening import open_store
from overnight.store.store import Store, checkpoint

__all__ = ["Store", "checkpoint", "open_store"]
