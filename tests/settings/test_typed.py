"""A configuration is filled from a mapping key by key; a value of the wrong kind is refused with its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from robot_rl.settings.typed import SettingError, fill, refuse_unknown


@dataclass(frozen=True)
class Inner:
    width: int = 4
    rate: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    steps: int = 1
    lr: float = 0.1
    fast: bool = False
    mode: Literal["all", "some"] = "all"
    goal: int | None = None
    size: tuple[float, float] = (0.0, 1.0)
    seeds: tuple[int, ...] = ()
    data: tuple[Path, ...] = ()
    words: dict[str, Literal["a", "b"]] = field(default_factory=dict)
    either: Literal["x", "y"] | dict[str, str] = "x"
    options: Mapping[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=lambda: Inner(width=9))
    maybe: Inner | None = None


def test_values_take_the_type_of_their_field() -> None:
    made = fill(
        Outer,
        {"name": "n", "steps": 20.0, "lr": 1, "seeds": [1, 2.0], "size": [0, 2], "data": "a/b", "goal": None}
        | {"maybe": {"rate": 3}, "either": {"k": "v"}, "options": {"any": [1]}, "words": {"w": "b"}},
    )
    assert (made.steps, made.lr, made.seeds, made.size) == (20, 1.0, (1, 2), (0.0, 2.0))
    assert all(type(v) is int for v in (made.steps, *made.seeds)) and type(made.lr) is float
    assert made.data == (Path("a/b"),) and made.goal is None and made.maybe == Inner(4, 3.0)
    assert made.either == {"k": "v"} and made.options == {"any": [1]} and made.words == {"w": "b"}


def test_a_nested_mapping_changes_the_default_of_its_field_and_not_of_its_class() -> None:
    assert fill(Outer, {"name": "n", "inner": {"rate": 2.0}}).inner == Inner(width=9, rate=2.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": "many"}, r"^top\.steps is 'many'; it must be a whole number$"),
        ({"steps": 20.5}, r"^top\.steps is 20\.5; it must be a whole number$"),
        ({"steps": True}, "steps is True; it must be a whole number"),
        ({"steps": None}, "steps is empty; it must be a whole number"),
        ({"steps": float("inf")}, "steps is inf; it must be a whole number"),
        ({"lr": "1e-3"}, "lr is '1e-3'; it must be a number"),
        ({"lr": float("nan")}, "lr is nan; it must be a number"),
        ({"lr": 10**400}, "lr is 1000+; it must be a number"),
        ({"lr": False}, "lr is False; it must be a number"),
        ({"name": 5}, "name is 5; it must be a text: put it in quotes"),
        ({"fast": 1}, "fast is 1; it must be true or false"),
        ({"mode": "none"}, "mode is 'none'; it must be one of all, some"),
        ({"goal": "home"}, "goal is 'home'; it must be a whole number"),
        ({"size": [1.0]}, r"size is \[1\.0\]; it must be a list of 2: a number, a number"),
        ({"seeds": 5}, "seeds is 5; it must be a list, each item a whole number"),
        ({"seeds": [1, "b"]}, r"seeds\[1\] is 'b'; it must be a whole number"),
        ({"data": [1]}, r"data\[0\] is 1; it must be a path"),
        ({"words": {"w": "c"}}, r"words\.w is 'c'; it must be one of a, b"),
        ({"words": ["a"]}, r"words is \['a'\]; it must be a mapping"),
        ({"words": {True: "a"}}, "words, key True is True; it must be a text"),
        ({"either": 3}, "either is 3; it must be one of x, y or a mapping"),
        ({"inner": 3}, "inner is 3; it must be a mapping"),
        ({"inner": {"width": "w"}}, r"^top\.inner\.width is 'w'; it must be a whole number"),
        ({"maybe": {"width": "w"}}, r"^top\.maybe\.width is 'w'"),
        ({"inner": {"widht": 1}}, r"^top\.inner: unknown option 'widht'\. Did you mean 'width'"),
        ({"stesp": 1}, r"^top: unknown option 'stesp'\. Did you mean 'steps'"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_key_and_what_is_allowed(given: dict[str, Any], words: str) -> None:
    with pytest.raises(LookupError, match=words):
        fill(Outer, {"name": "n", **given}, "top", error=LookupError)


def test_what_has_no_default_must_be_there() -> None:
    with pytest.raises(SettingError, match=r"^'top\.name' is missing$"):
        fill(Outer, {}, "top")
    with pytest.raises(SettingError, match=r"^top is \[\]; it must be a mapping$"):
        fill(Outer, [], "top")


def test_a_reader_is_given_the_value_and_its_dotted_key() -> None:
    made = fill(Outer, {"name": "n", "options": 3}, "top", readers={"options": lambda v, key: {key: v}})
    assert made.options == {"top.options": 3}


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    refuse_unknown(["width"], ["width", "depth"])
    with pytest.raises(
        LookupError, match=r"^net: unknown option 'widht'\. Did you mean 'width'\? Known: depth, width\.$"
    ):
        refuse_unknown(["depth", "widht"], (n for n in ("width", "depth")), "net: ", LookupError)
