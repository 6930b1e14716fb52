"""Python objects as bytes, for Dicts and Queues. Owns how keys and values are written; the platform never reads them.

Values are pickled by cloudpickle, which also takes functions and classes of the user's own file. A container whose image
lacks it uses the copy that came with homeport; what it pickled is read with the one that is installed elsewhere.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 5  # fixed: a key must be the same bytes whichever Python writes it


def dumped(value: object) -> bytes:
    """Raises InvalidError naming the type of what can't be pickled."""
    from ..errors import InvalidError

    try:
        return bytes(_cloudpickle().dumps(value, protocol=PROTOCOL))
    except Exception as error:  # pickling runs code of the value's class, which may raise anything
        raise InvalidError(f"A value of type {type(value).__name__} can't be pickled: {error}") from error


def dumped_key(key: object) -> bytes:
    """Equal keys of one type are the same bytes: no part of them is written as a reference to an earlier one."""
    import io
    import pickle

    from ..errors import InvalidError

    hash(key)  # as in a dictionary: TypeError for a list
    written = io.BytesIO()
    pickler = pickle.Pickler(written, PROTOCOL)
    pickler.fast = True
    try:
        pickler.dump(key)
    except Exception as error:  # as above
        raise InvalidError(f"A key of type {type(key).__name__} can't be pickled: {error}") from error
    return written.getvalue()


def loaded(data: bytes) -> Any:
    """Raises ExecutionError when it can't be made here: a class that this process can't import, or another's version."""
    import pickle

    from ..errors import ExecutionError

    _cloudpickle()  # what it pickled names it
    try:
        return pickle.loads(data)
    except Exception as error:  # unpickling runs code of the value's class, which may raise anything
        raise ExecutionError(
            f"What is stored can't be unpickled here ({type(error).__name__}: {error}); what it is made of has to be "
            "importable on this side too."
        ) from error


def _cloudpickle() -> Any:
    try:
        import cloudpickle
    except ImportError:
        import sys

        bundled = f"{__file__.rsplit('/', 3)[0]}/bundled"
        if bundled not in sys.path:
            sys.path.append(bundled)  # last: what the image has goes first
        import cloudpickle
    return cloudpickle
