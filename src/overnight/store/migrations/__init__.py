"""How older stores are brought up to date: one Alembic revision for each schema.

A new schema only adds. What the code before it does not need to know is added so that it can still run on the
store (`oldest_code` in `meta` says so); what it must not see comes one release later.
"""
