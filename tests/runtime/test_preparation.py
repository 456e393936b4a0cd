"""From the wish for an episode to its beginning."""

from __future__ import annotations

from robot_rl.runtime.coming import Coming
from robot_rl.runtime.preparation import Preparation, describe

DRIVE = {"most": 4, "goal": 1, "always": False}


def episode(coming: Coming) -> dict[str, object]:
    return describe(coming, 3, seed=100, purpose="deployment")


def test_an_episode_has_its_own_seed_and_a_trial_that_of_its_held_out_state() -> None:
    usual = episode(Coming())
    assert (usual["seed"], usual["purpose"]) == (103, "deployment") and "direction" not in usual
    assert episode(Coming(number=7))["seed"] == 107, "a session that goes on counts for itself"
    trial = episode(Coming(purpose="evaluation", seed=42, direction="insert"))
    assert (trial["seed"], trial["purpose"], trial["direction"]) == (42, "evaluation", "insert")
    assert trial["episode"] != usual["episode"]


def test_what_the_agent_says_is_read_and_the_rest_is_as_by_default() -> None:
    coming = Coming.from_event({"event": "next", "after": "e", "purpose": "evaluation", "seed": 5, "sent": 1})
    assert (coming.after, coming.seed, coming.keys, coming.scene) == ("e", 5, "mark", "outside")
    assert coming.evaluation and not Coming().evaluation and Coming().after is None


def test_a_reset_that_takes_long_says_whom_it_waits_for() -> None:
    made = Preparation(episode(Coming()), Coming(), recorded=True)
    for _ in range(5):
        made.request()
    assert made.delayed_by == "", "a robot may take ten seconds to drive to its start"
    made.request()
    assert made.delayed_by == "the robot to stand at its start"
    made.stands(made.name, 5)
    assert made.delayed_by == "the recorder to hear every stream"


def test_the_robot_drives_first_under_another_name_and_then_stands_in_the_scene_as_it_is() -> None:
    coming = Coming(goal=0, drive=DRIVE)
    made = Preparation(episode(coming), coming, recorded=True)
    first = made.request()
    assert (first["scene"], first["goal"]) == ("outside", 1) and first["episode"] != made.name
    assert not made.stands(made.name, 5), "that is not what it was asked for"
    assert not made.driving and made.start is None
    assert made.stands(str(first["episode"]), 6) and made.driving
    assert not made.stands(str(first["episode"]), 7), "it drives already"
    made.driven()
    then = made.request()
    assert (then["scene"], then["goal"], then["episode"]) == ("kept", 0, made.name) and not made.driving
    assert not made.stands(str(first["episode"]), 8) and made.start is None, "late word of the reset before"
    assert not made.stands(made.name, 9) and made.start == 9


def test_after_a_reset_in_vain_a_person_is_asked_and_only_a_routine_of_starts_of_its_own_drives_again() -> None:
    for always in (False, True):
        coming = Coming(after="before", scene="kept", goal=0, drive={**DRIVE, "always": always}, direction="insert")
        made = Preparation(episode(coming), coming, recorded=True)
        then = made.failed("it took too long")
        assert (then.after, then.scene, then.ask) == (made.name, "outside", "it took too long")
        assert (then.drive is not None) is always and then.direction == "insert" and made.drive is None


def test_a_routine_that_always_drives_does_so_again_when_the_episode_after_it_could_not_begin() -> None:
    coming = Coming(after="before", drive={**DRIVE, "always": True})
    made = Preparation(episode(coming), coming, recorded=True)
    made.driven()
    assert made.failed("an emergency stop").drive == {**DRIVE, "always": True}


def test_the_steps_of_a_drive_are_counted_from_its_beginning_each_once() -> None:
    coming = Coming(drive=DRIVE)
    made = Preparation(episode(coming), coming, recorded=True)
    drive = made.drive
    assert drive is not None
    drive.decided(4)
    made.stands(drive.episode, 5)
    for stamp in (4, 5, 5, 6):
        drive.decided(stamp)
    assert drive.steps == 2, "one was of the episode before, one came twice"
    for stamp in range(7, 13):
        assert not drive.overdue
        drive.decided(stamp)
    assert drive.steps == 8 and not drive.overdue
    drive.decided(13)
    assert drive.overdue
