"""Numbers are read as YAML 1.2 has them, and what is written is read back."""

from __future__ import annotations

import math

import pytest

from robot_rl.settings import yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3E5", 300000.0),
        ("-2e+2", -200.0),
        ("1.5e-3", 0.0015),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("10", 10),
        ("-7", -7),
        ("0x1f", 31),
        ("1:30.5", "1:30.5"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("1.2.3", "1.2.3"),
        ("'1e-3'", "1e-3"),
        ("true", True),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    read = yaml_text.load(f"key: {text}")["key"]
    assert read == value and type(read) is type(value)


def test_what_is_written_is_read_back_with_its_types() -> None:
    data = {"name": "1e5", "lr": 1e-5, "steps": 10, "points": [0.5, 1e300], "none": None, "word": "1.5"}
    read = yaml_text.load(yaml_text.dump(data))
    assert read == data and [type(v) for v in read.values()] == [type(v) for v in data.values()]
    assert list(read) == list(data)


def test_no_python_object_is_made() -> None:
    with pytest.raises(yaml_text.YAMLError):
        yaml_text.load("!!python/object/apply:os.getcwd []")


def test_a_key_given_twice_is_refused_with_its_line() -> None:
    with pytest.raises(yaml_text.YAMLError, match=r"key 'rate' is given twice\n.*line 3"):
        yaml_text.load("limits:\n  rate: 20\n  rate: 30\n")
    assert yaml_text.load("a: {rate: 20}\nb: {rate: 30}")["b"]["rate"] == 30
    merged = yaml_text.load("base: &b {rate: 20, lr: 1}\nown: {<<: *b, rate: 30}")
    assert merged["own"] == {"rate": 30, "lr": 1}


@pytest.mark.parametrize("value", ["1e5", "", None, 1e-6, [0.5, "a: b"], {"a": [1], "b": "x # y"}, ["word " * 90]])
@pytest.mark.parametrize("breaks", ["", "\n", "\n\n", "\r\n", "\u2028"])
def test_one_line_holds_a_whole_value(value: object, breaks: str) -> None:
    whole = [value, f"pick{breaks}place{breaks}", {f"a{breaks}": f"{breaks}b"}] if breaks else value
    line = yaml_text.line(whole)
    assert len(line.splitlines()) == 1 and yaml_text.load(f"key: {line}") == {"key": whole}


def test_one_text_of_several_lines_is_quoted_with_escapes() -> None:
    assert yaml_text.line("pick\nplace") == r'"pick\nplace"'
    assert yaml_text.line("pick place") == "pick place"
