"""Alembic's folder: the revisions that made the schema what it is, oldest first.

A revision is history and imports nothing of Hindsight: tables change, revisions do not.  What is
said of tables and columns in the catalog is no part of them; `hindsight.store.migrate` writes it
anew from `hindsight.store.tables` after each upgrade.
"""
