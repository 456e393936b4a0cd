from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.runtime.launch.description import LaunchError
from robot_rl.runtime.launch.substitution import Call, Scope, boolean, evaluate, parse


def value(text: str, **variables: str) -> str:
    return evaluate(parse(text), Scope(variables, {"HOME": "/home/ada"}, Path("/files")))


def test_text_and_calls_are_told_apart():
    assert parse("a $(var b)/c") == ("a ", Call("var", (("b",),)), "/c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, 'quoted' (and bracketed)", "plain text, 'quoted' (and bracketed)"),
        ("$(var robot)", "sim_lift"),
        ("x$(var robot)y$(var n)", "xsim_lifty40"),
        ("$(var missing fallback)", "fallback"),
        ("$(var missing '')", ""),
        ("$(var $(var which))", "sim_lift"),
        ("$(env HOME)/data", "/home/ada/data"),
        ("$(env NONE $(var robot))", "sim_lift"),
        ("$(dirname)/x.yaml", "/files/x.yaml"),
        ("$(equals $(var robot) sim_lift)", "true"),
        ("$(equals $(var robot) 'sim lift')", "false"),
        ("$(not-equals x$(var empty) x)", "false"),
        ("$(not-equals $(var n) 0)", "true"),
        ("$(equals 1.0 1)", "true"),
        ("$(equals True 1)", "true"),
        ("$(equals 1.50 1.5)", "true"),
        ("$(not $(equals a b))", "true"),
        ("$(and true $(or 0 1))", "true"),
        ("$(and true false)", "false"),
        (r"\$(var robot)", "$(var robot)"),
        ('$(var missing "two words and $(var n)")', "two words and 40"),
        ("costs 5$", "costs 5$"),
    ],
)
def test_a_substitution_means_what_it_means_in_ros(text: str, expected: str):
    assert value(text, robot="sim_lift", n="40", empty="", which="robot") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$(var robt)", "argument 'robt' is not set. Did you mean 'robot'?"),
        ("$(env NONE)", "environment variable 'NONE' is not set"),
        ("$(eval 1 + 1)", r"'\$\(eval ...\)' is not read here"),
        ("$(equals a)", "takes 2 argument"),
        ("$(var robot", "not closed"),
        ("$(var  robot)", "exactly one space"),
        ("$(var 'robot)", "quote ' is not closed"),
        ("$( var robot)", "not followed by the name"),
        (r"$(var missing a\ b)", "a space cannot be escaped"),
        ("$(equals $(var robot) '')", r"ROS 2 reads '' in \$\(equals"),
        ("$(not maybe)", "'maybe' is neither true nor false"),
        ("$(find-pkg-share no_such_package)", "package 'no_such_package' is not found"),
    ],
)
def test_a_mistake_is_named(text: str, message: str):
    with pytest.raises(LaunchError, match=message):
        value(text, robot="sim_lift")


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), (" True ", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_a_condition_is_true_or_false_in_any_case(text: str, expected: bool):
    assert boolean(text) is expected
