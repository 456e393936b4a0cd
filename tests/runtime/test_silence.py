from __future__ import annotations

from robot_rl.runtime.silence import STARTING, Silence, starting

S = 10**9


def test_a_robot_that_is_silent_for_longer_than_its_readings_stay_good_is_named() -> None:
    silence = Silence(started=0, timeout=0.5)
    assert silence.robot(100 * S, {"the robot": 100 * S - S // 2, "'pose'": 99 * S}) == (
        "no reading from 'pose' for 1.0 s: every command is refused"
    )
    assert silence.robot(100 * S, {"the robot": 100 * S - S // 2}) == ""


def test_after_a_reset_the_first_reading_has_the_same_time_to_come() -> None:
    silence = Silence(started=0, timeout=0.5, stood=100 * S)
    newest = {"the robot": 97 * S}
    assert silence.robot(100 * S + S // 2, newest) == ""
    assert silence.robot(101 * S, newest) == "no reading from the robot for 4.0 s: every command is refused"


def test_a_person_who_is_yet_to_be_heard_is_no_warning_while_the_graph_starts() -> None:
    silence, late = Silence(started=100 * S, timeout=0.5), round((100 + STARTING) * S)
    text, warn = silence.person(late - 1, ever_heard=False)
    assert text.startswith("the person's input device is not heard yet") and not warn
    for now, ever_heard in ((late, False), (101 * S, True)):
        text, warn = silence.person(now, ever_heard=ever_heard)
        assert text.startswith("the person's input device is silent") and warn
    assert starting(late - 1, 100 * S) and not starting(late, 100 * S)


def test_a_policy_that_answers_nothing_is_named_and_one_that_begins_is_given_time() -> None:
    silence = Silence(started=0, timeout=0.5)
    assert silence.policy(12 * S, since=10 * S, answered=3 * S) == ""
    assert silence.policy(20 * S, since=10 * S, answered=19 * S) == ""
    said = silence.policy(20 * S, since=10 * S, answered=17 * S)
    assert said.startswith("no answer from the policy for 3.0 s: the robot holds still")
