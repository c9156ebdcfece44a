"""The store: the warehouse schema `hindsight` with everything that Hindsight writes down."""

from hindsight.store.store import Store

__all__ = ["Store"]
