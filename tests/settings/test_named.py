"""A mapping's name chooses the kind, its other keys fill it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from robot_rl.settings.named import named
from robot_rl.settings.typed import SettingError


@dataclass(frozen=True)
class Square:
    side: float = 1.0


@dataclass(frozen=True)
class Pen:
    width: float = 0.1


@dataclass(frozen=True)
class Ring:
    radius: float = 1.0
    hole: float = 0.5
    pen: Pen = field(default_factory=Pen)


@dataclass(frozen=True)
class Disc:
    radius: float = 1.0


KINDS = {"square": f"{__name__}:Square", "circle": "nowhere:Circle"}
ROUND = {"ring": f"{__name__}:Ring", "disc": f"{__name__}:Disc", "square": f"{__name__}:Square", "lost": "nowhere:Lost"}


def test_the_name_chooses_and_the_rest_fills() -> None:
    made = named({"name": "square", "side": 2}, KINDS, "shape", "shape")
    assert type(made).__name__ == "Square" and made.side == 2.0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "squrae"}, r"^no shape 'squrae'\. Did you mean 'square'\? Known: circle, square\.$"),
        ({"name": "square", "side": "long"}, r"^draw\.shape\.side is 'long'; it must be a number$"),
        ({"name": "square", "sied": 1}, r"^draw\.shape: unknown option 'sied'\. Did you mean 'side'"),
        ({"side": 1}, r"^draw\.shape\.name is empty; it must be a text$"),
        ({"name": ["square"]}, r"^draw\.shape\.name is \['square'\]; it must be a text$"),
        ("square", r"^draw\.shape is 'square'; it must be a mapping$"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(data: object, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        named(data, KINDS, "shape", "draw.shape")
    with pytest.raises(LookupError, match=words):
        named(data, KINDS, "shape", "draw.shape", error=LookupError)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "square", "hole": 1}, r"option 'hole' of shape 'square': shape 'ring' has it\.$"),
        ({"name": "square", "radius": 1}, r"of shape 'square': shapes 'ring' and 'disc' have it\.$"),
        ({"name": "ring", "width": 1}, r"of shape 'ring': it belongs at draw\.shape\.pen\.width\.$"),
        ({"name": "ring", "hold": 1}, r"of shape 'ring': it belongs at draw\.hold\.$"),  # and does not mean 'hole'
        ({"name": "disc", "colour": 1}, r"of shape 'disc': it belongs at draw\.colour\.$"),
    ],
)
def test_an_option_that_belongs_elsewhere_is_told_where(data: object, words: str) -> None:
    with pytest.raises(SettingError, match=words) as raised:
        named(data, ROUND, "shape", "draw.shape", around=("shape", "colour", "hold"))
    assert str(raised.value).startswith("draw.shape: unknown option '")
