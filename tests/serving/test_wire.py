import math

import msgpack
import numpy as np
import pytest
from openpi_client import msgpack_numpy

from robot_rl.serving import wire


def test_messages_are_those_of_openpis_client_both_ways():
    message = {"q": np.arange(6.0).reshape(2, 3), "img": np.zeros((2, 2, 3), np.uint8), "n": np.float32(2.5), "t": "x"}
    for data in (wire.unpack(msgpack_numpy.packb(message)), msgpack_numpy.unpackb(wire.pack(message))):
        assert list(data) == list(message) and data["t"] == "x"
        for name in ("q", "img", "n"):
            np.testing.assert_array_equal(data[name], message[name])
            assert data[name].dtype == message[name].dtype


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_arrive_as_they_are(value):
    np.testing.assert_array_equal(wire.unpack(wire.pack({"a": np.array([value])}))["a"], [value])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ({b"data": b"1234", b"dtype": "|O", b"shape": [1]}, "the dtype '|O'"),
        ({b"data": b"1234", b"dtype": "V4", b"shape": [1]}, "the dtype 'V4'"),
        ({b"data": b"1234", b"dtype": "(2,)<u2", b"shape": [1]}, "the dtype"),
        ({b"data": b"1234", b"dtype": "nonsense", b"shape": [1]}, "the dtype 'nonsense'"),
        ({b"data": b"1234", b"dtype": "(2,", b"shape": [1]}, "the dtype '(2,'"),
        ({b"data": b"1234", b"dtype": "<f8", b"shape": [1]}, "wrong length"),
        ({b"data": b"", b"dtype": "<f8", b"shape": [2**60, 2**60]}, "wrong length"),
        ({b"data": b"", b"dtype": "<f8", b"shape": [-1]}, "the shape"),
        ({b"data": b"", b"dtype": "<f8", b"shape": "1"}, "the shape"),
    ],
)
def test_an_array_that_does_not_hold_what_it_says_is_refused(array, message):
    with pytest.raises(wire.WireError, match=message.replace("|", r"\|").replace("(", r"\(")):
        wire.unpack(msgpack.packb({"a": {b"__ndarray__": True, **array}}))


@pytest.mark.parametrize("number", [300, -1, 2**63, None, "x"])
def test_a_number_that_its_type_does_not_hold_is_refused(number):
    with pytest.raises(wire.WireError):
        wire.unpack(msgpack.packb({"a": {b"__npgeneric__": True, b"data": number, b"dtype": "|u1"}}))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81", wire.pack({"a": 1})[:-1], wire.pack({"a": 1}) + b"\x00"])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(wire.WireError):
        wire.unpack(data)


@pytest.mark.parametrize("value", [np.array([object()]), object(), {1, 2}, np.array(["text"]), 2**70])
def test_what_is_not_a_number_cannot_be_sent(value):
    with pytest.raises(wire.WireError, match="cannot be sent"):
        wire.pack({"a": value})
