"""Messages of openpi's protocol: msgpack in which arrays travel as maps of data, dtype and shape. Never pickle.

Array: {b"__ndarray__": True, b"data": bytes, b"dtype": str, b"shape": [int]}; NumPy scalar: {b"__npgeneric__": True,
b"data": number, b"dtype": str}. Only booleans, integers and floating-point numbers are taken.
"""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np

KINDS = "biuf"
"""NumPy kinds that may travel: bool, signed, unsigned, float."""


class WireError(ValueError):
    """A message is not one of the protocol; the text says why."""


def pack(message: Any) -> bytes:
    """A message of maps, lists, texts, numbers and arrays as bytes. Raises WireError on anything else."""
    try:
        packed: bytes = msgpack.packb(message, default=_encode)
    except (TypeError, OverflowError) as error:
        raise WireError(f"cannot be sent: {error}") from None
    return packed


def unpack(data: bytes) -> Any:
    """The message that `pack` or openpi's client made. Raises WireError when it is damaged or not allowed."""
    try:
        return msgpack.unpackb(data, object_hook=_decode)
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"not a msgpack message: {error}") from None


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in KINDS:
        raise WireError(f"an array of dtype {value.dtype} cannot be sent; bool, integers and floats can")
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise WireError(f"a {type(value).__name__} cannot be sent")


def _decode(value: dict[Any, Any]) -> Any:
    if b"__ndarray__" in value:
        dtype, shape, data = _dtype(value), value.get(b"shape"), value.get(b"data")
        if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise WireError(f"an array has the shape {shape!r}")
        if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.itemsize:
            raise WireError(f"the data of an array of shape {shape}, dtype {dtype} has the wrong length")
        return np.frombuffer(data, dtype).reshape(shape)
    if b"__npgeneric__" in value:
        return _dtype(value).type(value.get(b"data"))
    return value


def _dtype(value: dict[Any, Any]) -> np.dtype[Any]:
    name = value.get(b"dtype")
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):  # NumPy parses what is written there
        raise WireError(f"an array has the dtype {name!r}") from None
    if dtype.kind not in KINDS or dtype.subdtype is not None:
        raise WireError(f"an array has the dtype {name!r}; bool, integers and floats are taken")
    return dtype
