"""The garbage collector, paused where very many objects are made of which none is garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without garbage collection: it would look at every new object again and again.

    What was made meanwhile goes to the oldest generation at the end, else the next collection of the youngest one would
    look at all of it. It gets there by way of the permanent generation; who keeps objects there keeps them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
