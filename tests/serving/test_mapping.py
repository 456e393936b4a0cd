import numpy as np
import pytest

from robot_rl.serving.mapping import FieldMap, MappingError
from robot_rl.spec import Field


def test_vectors_are_joined_and_pictures_pass_as_they_are():
    fields = FieldMap.parse("observation/state=ee+grip, observation/image=front", "lift the cube")
    assert fields.fields == ("ee", "grip", "front")
    picture = np.full((2, 2, 3), 7, np.uint8)
    out = fields.apply({"ee": np.array([1.0, 2.0]), "grip": np.array([0.5]), "front": picture})
    assert list(out) == ["observation/state", "observation/image", "prompt"] and out["prompt"] == "lift the cube"
    np.testing.assert_array_equal(out["observation/state"], np.array([1, 2, 0.5], np.float32))
    assert out["observation/state"].dtype == np.float32 and out["observation/image"] is picture


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "give a field map"),
        ("state", "'state' is not of the form"),
        ("=q", "'=q' is not of the form"),
        ("state=q+", "not of the form"),
        ("a=q,a=p", "key 'a' is there twice"),
    ],
)
def test_another_form_is_refused(text, message):
    with pytest.raises(MappingError, match=message):
        FieldMap.parse(text)


def test_a_field_that_the_robot_lacks_is_named_with_the_nearest():
    with pytest.raises(MappingError, match=r"no field 'fornt'\. Did you mean 'front'"):
        FieldMap.parse("image=fornt").check({"q": None, "front": None})


@pytest.mark.parametrize("joined", ["front+wrist", "q+front"])
def test_pictures_are_not_joined(joined):
    pictures = {n: Field(n, (4, 6, 3), kind="image", dtype="uint8") for n in ("front", "wrist")}
    known = {"q": Field("q", (2,)), "grip": Field("grip", (1,)), **pictures}
    FieldMap.parse("state=q+grip,image=front").check(known)
    with pytest.raises(MappingError, match=r"key 'image' joins 'front', whose shape is \(4, 6, 3\); only vectors are"):
        FieldMap.parse(f"state=q,image={joined}").check(known)
