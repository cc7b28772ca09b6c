"""Which modules are compiled: those every search, update and synchronization passes through."""

from __future__ import annotations

MODULES = (
    "model/ber.py",
    "schema/matching.py", "schema/preparation.py",
    "store/alike.py", "store/attribute_index.py", "store/bulk.py", "store/candidates.py",
    "store/chain.py", "store/changes.py", "store/dit.py", "store/entry.py", "store/evaluate.py",
    "store/index.py", "store/ordered.py", "store/planner.py", "store/prepare.py",
    "store/store.py", "store/trigrams.py", "store/writer.py",
    "wire/encode.py", "wire/entries.py", "wire/filters.py", "wire/frame.py", "wire/glance.py",
    "wire/quick.py", "wire/quick_add.py", "wire/quick_modify.py", "wire/requests.py",
    "wire/responses.py", "wire/tables.py",
    "dsa/access.py", "dsa/add_tables.py", "dsa/bulk_add.py", "dsa/content.py",
    "dsa/given.py", "dsa/paging.py", "dsa/parted_search.py",
    "dsa/quick.py", "dsa/quick_add.py", "dsa/quick_compare.py", "dsa/quick_index.py",
    "dsa/quick_modify.py", "dsa/quick_names.py", "dsa/repeats.py", "dsa/search.py",
    "dsa/selection.py", "dsa/session.py", "dsa/streams.py", "dsa/update.py",
    "net/adding.py", "net/busy_poll.py", "net/connection.py", "net/durability.py",
    "net/operations.py", "net/outbox.py", "net/output.py", "net/turns.py",
)  # fmt: skip
"""Files below ``directory/``."""
