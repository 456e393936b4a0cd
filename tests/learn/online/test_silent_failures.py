"""Ways in which learning on a robot fails without a word, each with a fault that causes it and the test that notices.

The numbers are those of a list of 29 kept from practice: complaints and code of HIL-SERL, RLPD, DSRL, EXPO, ResFiT,
WSRL, diffusion_policy and openpi. Each fault is put into a copy of the package, where the test that it names must fail:
a change that makes a test blind is found. Where the code has moved on, move the fault with it.

    pytest -m slow tests/learn/online/test_silent_failures.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FAILED = 1
"""pytest's exit code when a test failed, and nothing else was wrong."""
ONLINE, IMPROVERS = "robot_rl/learn/online", "robot_rl/learn/online/improvers"
T_ONLINE, T_IMPROVERS, T_POLICIES = "tests/learn/online", "tests/learn/online/improvers", "tests/policies"


@dataclass(frozen=True)
class Fault:
    """A line of the package, what it is replaced by, and the test that then fails."""

    number: int
    what: str
    file: str
    line: str
    fault: str
    test: str


FAULTS = (
    Fault(
        1,
        "a chunk does not start at the newest observation",
        "robot_rl/datasets/sampling/windows.py",
        "actions = at[:, None] + self.action_stride * np.arange(self.horizon)",
        "actions = at[:, None] + self.action_stride * np.arange(1 - self.n_obs, self.horizon + 1 - self.n_obs)",
        "tests/datasets/sampling/test_windows.py::test_the_chunk_starts_at_the_newest_observation",
    ),
    Fault(
        2,
        "padded actions are learnt from",
        "robot_rl/policies/chunks.py",
        "return (error.mean(-1) * weight).sum() / weight.sum().clamp_min(1)",
        "return error.mean()",
        f"{T_POLICIES}/test_flow.py::test_masked_mean_counts_valid_steps_only",
    ),
    Fault(
        2,
        "a return bootstraps with the steps planned, not those executed",
        f"{ONLINE}/returns.py",
        "np.where(over, 0.0, gamma**length)",
        "np.where(over, 0.0, gamma**n)",
        f"{T_ONLINE}/test_replay.py::test_returns_sum_what_was_executed_and_bootstrap_with_that_many_steps",
    ),
    Fault(
        2,
        "rewards of a chunk are summed without their discounts",
        f"{ONLINE}/returns.py",
        "discounts = gamma ** np.arange(n)",
        "discounts = np.ones(n)",
        f"{T_ONLINE}/test_replay.py::test_returns_sum_what_was_executed_and_bootstrap_with_that_many_steps",
    ),
    Fault(
        2,
        "an answer's transition runs on past its chunk",
        f"{ONLINE}/transitions.py",
        "cut |= _left(look(CHUNK_STEP))",
        "pass",
        f"{T_ONLINE}/test_replay.py::test_an_answers_transition_ends_where_somebody_stepped_in_and_keeps_its_bootstrap",
    ),
    Fault(
        3,
        "a relative action is taken from the oldest pose",
        "robot_rl/policies/action_space.py",
        "base = observation[f.reference][:, -1:].to(x.dtype)\n        before",
        "base = observation[f.reference][:, :1].to(x.dtype)\n        before",
        f"{T_POLICIES}/test_action_space.py::test_relative_is_in_the_frame_of_the_newest_measured_pose",
    ),
    Fault(
        3,
        "a difference is added twice",
        "robot_rl/policies/action_space.py",
        'return base + (x if f.representation == "relative" else x.cumsum(dim=1))',
        "return base + x.cumsum(dim=1)",
        f"{T_POLICIES}/test_action_space.py::test_decoding_undoes_encoding",
    ),
    Fault(
        4,
        "a nearly constant number is blown up",
        "robot_rl/policies/normalization.py",
        "np.where(scale * 2 < MIN_SPREAD, constant, scale)",
        "np.where(scale == 0, constant, scale)",
        f"{T_POLICIES}/test_normalization.py::test_sensor_noise_on_a_constant_dimension_is_not_amplified",
    ),
    Fault(
        4,
        "the scale is not saved with the policy",
        "robot_rl/policies/normalization.py",
        'self.register_buffer("scale", torch.ones(size))',
        'self.register_buffer("scale", torch.ones(size), persistent=False)',
        f"{T_POLICIES}/test_checkpoint.py::test_a_loaded_policy_predicts_bit_for_bit_the_same",
    ),
    Fault(
        5,
        "the weights that act are not the averaged ones",
        "robot_rl/learn/trainer.py",
        "self.ema.copy_to(p for p in policy.parameters() if p.requires_grad)",
        "pass",
        "tests/learn/test_train.py::test_what_is_deployed_are_the_averaged_weights",
    ),
    Fault(
        5,
        "online, the newest weights act where the average is to be deployed",
        f"{IMPROVERS}/improver.py",
        'if mode != "mode" or self.steady is None:',
        "if True:",
        f"{T_ONLINE}/test_steady.py::test_it_acts_when_deployed_and_never_when_exploring",
    ),
    Fault(
        5,
        "online, the average explores",
        f"{IMPROVERS}/improver.py",
        'if mode != "mode" or self.steady is None:',
        "if self.steady is None:",
        f"{T_ONLINE}/test_steady.py::test_it_acts_when_deployed_and_never_when_exploring",
    ),
    Fault(
        6,
        "more of a chunk is played than there is",
        "robot_rl/policies/execution.py",
        "if not 1 <= steps <= policy.horizon:",
        "if not 1 <= steps:",
        f"{T_POLICIES}/test_execution.py::test_n_action_steps_can_be_overridden_within_the_horizon",
    ),
    Fault(
        7,
        "a time limit ends the task",
        f"{ONLINE}/returns.py",
        "np.take_along_axis(ended & terminated,",
        "np.take_along_axis(ended,",
        f"{T_ONLINE}/test_replay.py::test_truncation_bootstraps_from_the_last_observation_and_termination_does_not",
    ),
    Fault(
        8,
        "a batch is drawn from everything",
        f"{ONLINE}/sampling.py",
        "self.shares if shares is None else shares",
        '{"all": 1.0} if shares is None else shares',
        f"{T_ONLINE}/test_sampling.py::test_every_batch_holds_its_share_of_demonstrations",
    ),
    Fault(
        8,
        "the actor climbs the least critic",
        f"{ONLINE}/sac.py",
        "value = self.critics(self.actor.features(batch.observation), action).mean(dim=0)",
        "value = self.critics(self.actor.features(batch.observation), action).min(dim=0).values",
        f"{T_ONLINE}/test_sac.py::test_the_actor_climbs_the_mean_of_all_critics",
    ),
    Fault(
        9,
        "targets take the least of all critics",
        f"{ONLINE}/sac.py",
        "subset = members[: self.config.subset] if self.config.subset < self.config.critics else None",
        "subset = None",
        f"{T_ONLINE}/test_sac.py::test_a_subset_is_drawn_anew_for_each_target",
    ),
    Fault(
        9,
        "one subset for ever",
        f"{ONLINE}/sac.py",
        "members = torch.randperm(self.config.critics, generator=self.generator, device=self.device)",
        "members = torch.arange(self.config.critics, device=self.device)",
        f"{T_ONLINE}/test_sac.py::test_a_subset_is_drawn_anew_for_each_target",
    ),
    Fault(
        9,
        "no layer normalisation in the critics",
        f"{ONLINE}/ensemble.py",
        "scale = variance.add_(EPSILON).rsqrt_()",
        "scale = torch.ones_like(variance)",
        f"{T_ONLINE}/test_sac.py::test_layer_norm_bounds_the_values_of_actions_far_from_all_data",
    ),
    Fault(
        9,
        "targets do not lag",
        f"{ONLINE}/sac.py",
        "torch._foreach_lerp_(*self._lagging, self.config.tau)",
        "torch._foreach_lerp_(*self._lagging, 1.0)",
        f"{T_ONLINE}/test_sac.py::test_an_update_moves_the_targets_by_tau",
    ),
    Fault(
        10,
        "an action at the edge has an infinite density",
        f"{ONLINE}/networks.py",
        "torch.atanh(action.clamp(EDGE - 1, 1 - EDGE))",
        "torch.atanh(action)",
        f"{T_ONLINE}/test_sac.py::test_a_recorded_action_at_the_edge_has_a_finite_density_and_gradient",
    ),
    Fault(
        11,
        "Monte-Carlo returns know nothing of the reward's offset",
        f"{IMPROVERS}/offline.py",
        "self.scale * inner(window) + self.offset",
        "self.scale * inner(window)",
        f"{T_IMPROVERS}/test_calql.py::test_batches_hold_the_returns_of_their_rows_with_the_rewards_offset",
    ),
    Fault(
        11,
        "a failed episode is worth nothing instead of the cost of failing for ever",
        f"{ONLINE}/monte_carlo.py",
        "self._tail = nothing / (1.0 - gamma)",
        "self._tail = 0.0",
        f"{T_ONLINE}/test_monte_carlo.py::test_an_offset_of_the_reward_moves_the_returns_and_failure_goes_on_forever",
    ),
    Fault(
        12,
        "updates begin with the first robot step",
        f"{ONLINE}/session.py",
        "if self.tally.robot_steps > self.config.warmup:",
        "if self.tally.robot_steps > 0:",
        f"{T_IMPROVERS}/test_wsrl.py::test_the_frozen_policy_acts_in_the_warm_up_and_nothing_is_updated",
    ),
    Fault(
        12,
        "what was filled in the warm-up is not drawn from: values collapse",
        f"{ONLINE}/views.py",
        "cuts = np.round(",
        "return np.sort(views['online'].rows)[-1:].repeat(batch)\n    cuts = np.round(",
        f"{T_IMPROVERS}/test_warm_up.py::"
        "test_without_a_warm_up_the_values_learnt_offline_collapse_and_with_one_they_stay",
    ),
    Fault(
        13,
        "a residual does not begin at its base",
        f"{ONLINE}/networks.py",
        "nn.init.zeros_(layer.weight)",
        "nn.init.normal_(layer.weight)",
        f"{T_ONLINE}/test_sac.py::test_a_new_residual_is_its_base_and_then_adds_a_scaled_part",
    ),
    Fault(
        13,
        "a residual does not see its base's action",
        f"{IMPROVERS}/residual.py",
        "return torch.cat([self.features(observation), self._base(observation)], dim=1)",
        "return torch.cat([self.features(observation), 0 * self._base(observation)], dim=1)",
        f"{T_ONLINE}/test_sac.py::test_a_residual_looks_at_its_bases_action",
    ),
    Fault(
        13,
        "the correction is clipped, the sum is not",
        f"{IMPROVERS}/residual.py",
        "(self._base(observation) + self.residual_scale * self.share * raw).clamp(-1.0, 1.0)",
        "self._base(observation) + (self.residual_scale * self.share * raw).clamp(-1.0, 1.0)",
        f"{T_ONLINE}/test_sac.py::test_a_new_residual_is_its_base_and_then_adds_a_scaled_part",
    ),
    Fault(
        13,
        "the critics see the correction",
        f"{ONLINE}/actors.py",
        "return self.combine(observation, raw), log_density",
        "return raw, log_density",
        f"{T_ONLINE}/test_sac.py::test_the_critics_see_the_sum_of_base_and_correction",
    ),
    Fault(
        13,
        "a base's chunk goes on after an intervention",
        f"{ONLINE}/observe.py",
        "self._executor.interrupt()",
        "pass",
        f"{T_ONLINE}/test_acting.py::test_base_chunks_are_played_to_their_end_and_void_after_an_intervention",
    ),
    Fault(
        14,
        "noise is scaled twice",
        f"{IMPROVERS}/dsrl.py",
        "return Answer(self.chunk(observation, action), {NOISE: action})",
        "return Answer(self.chunk(observation, self.bound * action), {NOISE: action})",
        f"{T_IMPROVERS}/test_sampled_base.py::test_a_stored_noise_gives_the_chunk_that_was_executed",
    ),
    Fault(
        14,
        "a sampler that draws noise by itself is steered",
        f"{ONLINE}/base.py",
        "if not torch.equal(first, again):",
        "if False:",
        f"{T_IMPROVERS}/test_sampled_base.py::test_a_base_that_draws_noise_while_it_samples_is_refused",
    ),
    Fault(
        15,
        "the target is of a base's action, not of the choice",
        f"{IMPROVERS}/proposals.py",
        "chosen = self.choose(observation, critics, generator)\n        return chosen",
        "chosen = observation[CANDIDATES][:, 0]\n        return chosen",
        f"{T_IMPROVERS}/test_sampled_base.py::test_the_target_is_of_the_action_that_would_be_chosen",
    ),
    Fault(
        15,
        "edits are imitated",
        f"{IMPROVERS}/proposals.py",
        "if sac.imitation > 0:",
        "if False:",
        f"{T_IMPROVERS}/test_sampled_base.py::test_imitation_has_no_place_in_a_choice",
    ),
    Fault(
        16,
        "the ratio shown is the one asked for, not the true one",
        f"{ONLINE}/logbook.py",
        '"utd": done / (steps - before[1])',
        '"utd": 1.0',
        f"{T_ONLINE}/test_counting.py::test_the_ratio_of_updates_to_steps_is_the_true_one",
    ),
    Fault(
        16,
        "rows that were not sent are not counted",
        f"{ONLINE}/remote/sender.py",
        "self._link.dropped += 1",
        "pass",
        f"{T_ONLINE}/remote/test_dropped_rows.py::test_rows_are_counted_that_find_no_room_or_no_connection",
    ),
    Fault(
        16,
        "rows that find no room are not counted",
        f"{ONLINE}/remote/link.py",
        "self.dropped += 1",
        "pass",
        f"{T_ONLINE}/remote/test_dropped_rows.py::test_rows_are_counted_that_find_no_room_or_no_connection",
    ),
    Fault(
        16,
        "parameters come between episodes only",
        f"{ONLINE}/remote/session.py",
        "self.tally.step(step.source)\n        self.link.apply(self._weights)",
        "self.tally.step(step.source)",
        f"{T_ONLINE}/remote/test_session.py::test_parameters_arrive_in_the_middle_of_an_episode",
    ),
    Fault(
        17,
        "the action asked for is stored, not the one executed",
        f"{ONLINE}/ring.py",
        '("action", step.executed),',
        '("action", step.proposed),',
        f"{T_ONLINE}/test_acting.py::test_the_stored_action_is_the_humans_while_the_human_acts",
    ),
    Fault(
        18,
        "an episode is taken twice",
        f"{ONLINE}/ring.py",
        "if episode_id in self.ids:\n            return False",
        "if False:\n            return False",
        f"{T_ONLINE}/test_replay.py::test_an_episode_that_is_in_already_is_not_taken_again",
    ),
    Fault(
        19,
        "rows of two episodes are mixed",
        f"{ONLINE}/ring.py",
        "if self.name is not None:\n            raise",
        "if False:\n            raise",
        f"{T_ONLINE}/test_replay.py::test_an_episode_begun_within_another_is_refused_for_rows_must_follow_each_other",
    ),
    Fault(
        19,
        "a row that is overwritten can be drawn",
        f"{ONLINE}/ring.py",
        "row = self.count % self.capacity\n        self._forget(row)",
        "row = self.count % self.capacity",
        f"{T_ONLINE}/test_replay.py::test_overwritten_steps_leave_every_view_and_no_window_mixes_episodes",
    ),
    Fault(
        20,
        "the human's own step is punished under RLIF",
        f"{ONLINE}/labels.py",
        "(source[:, :-1] == Source.POLICY) & np.isin(phase",
        "np.isin(phase",
        f"{T_ONLINE}/test_replay.py::test_rlif_punishes_only_the_policys_step_that_a_take_over_follows",
    ),
    Fault(
        20,
        "RaC learns from what the robot did before it was helped",
        "robot_rl/datasets/sampling/selection.py",
        "if episode.success and not intervention.any():",
        "if episode.success:",
        f"{T_IMPROVERS}/test_imitation.py::test_rac_by_hand",
    ),
    Fault(
        21,
        "a gripper opens at a take-over",
        "robot_rl/runtime/takeover.py",
        "return np.where(self._kept, last, asked)",
        "return asked",
        "tests/runtime/test_takeover.py::test_a_gripper_the_human_has_not_touched_stays_as_it_was",
    ),
    Fault(
        22,
        "a change of the gripper is rewarded",
        f"{ONLINE}/gripper.py",
        "batch.reward - self.penalty * (",
        "batch.reward + self.penalty * (",
        f"{T_ONLINE}/test_gripper.py::test_only_a_change_costs_and_only_in_the_grippers_values",
    ),
    Fault(
        22,
        "the continuous critics see the gripper",
        f"{ONLINE}/gripper.py",
        "super().__init__(features, scale, hidden, scale.size - 1)",
        "super().__init__(features, scale, hidden)",
        f"{T_ONLINE}/test_gripper.py::test_the_continuous_part_does_not_see_the_gripper",
    ),
    Fault(
        23,
        "one picture is enough",
        "robot_rl/rewards/debounce.py",
        "return sum(self._recent) >= self.rule.k",
        "return above",
        "tests/rewards/test_debounce_and_threshold.py::test_one_picture_at_a_time_says_the_same_as_all_at_once",
    ),
    Fault(
        23,
        "pictures of one episode are learnt from and tested on",
        "robot_rl/rewards/splits.py",
        "return np.flatnonzero(chosen[episodes])",
        "return np.flatnonzero(chosen[np.arange(len(episodes)) % len(chosen)])",
        "tests/learn/rewards/test_classifier.py::test_an_episode_is_in_one_part_only_and_each_part_has_both_classes",
    ),
    Fault(
        24,
        "bytes are not scaled",
        "robot_rl/policies/encoders/images.py",
        ".float().div_(255)",
        ".float()",
        f"{T_ONLINE}/test_features.py::test_red_and_blue_are_told_apart_and_bytes_are_scaled",
    ),
    Fault(
        24,
        "red is blue",
        f"{ONLINE}/features.py",
        "extractor(extractor.pictures(part))",
        "extractor(extractor.pictures(part.flip(-1)))",
        f"{T_ONLINE}/test_features.py::test_red_and_blue_are_told_apart_and_bytes_are_scaled",
    ),
    Fault(
        25,
        "the sign of a quaternion counts",
        f"{ONLINE}/vectors.py",
        "columns = [rotation_columns(state[:, q]) for q in self._quaternions]",
        "columns = [torch.nn.functional.pad(state[:, q], (0, 2)) for q in self._quaternions]",
        f"{T_ONLINE}/test_vectors.py::test_both_signs_of_a_quaternion_are_the_same_to_a_network",
    ),
    Fault(
        26,
        "what was asked for is taken for what was sent",
        f"{ONLINE}/acting.py",
        "self.observer.follow(executed)",
        "pass",
        f"{T_ONLINE}/test_gripper.py::test_a_row_holds_what_was_sent_where_that_is_not_what_was_asked_for",
    ),
    Fault(
        26,
        "nobody is told what was sent",
        "robot_rl/runtime/loop.py",
        "        executor.follow(executed)",
        "        pass",
        f"{T_ONLINE}/test_gripper.py::test_the_loop_tells_an_executor_what_the_robot_was_sent_not_what_it_asked_for",
    ),
    Fault(
        27,
        "optimisers begin anew on resume",
        f"{ONLINE}/checkpoint.py",
        "optimizer.state[parameter] = {k: v.clone() for k, v in moments.items()}",
        "del moments",
        f"{T_ONLINE}/test_session.py::test_a_resumed_session_ends_as_the_uninterrupted_one",
    ),
    Fault(
        27,
        "exploration begins anew on resume",
        f"{ONLINE}/session.py",
        "self.executor.generator.set_state(found.exploration)",
        "pass",
        f"{T_ONLINE}/test_session.py::test_a_resumed_session_ends_as_the_uninterrupted_one",
    ),
    Fault(
        28,
        "evaluations explore",
        f"{ONLINE}/episodes.py",
        'executor.mode = "mode"\n',
        'executor.mode = "sample"\n',
        f"{T_ONLINE}/test_session.py::test_an_evaluation_is_of_the_mean_action",
    ),
    Fault(
        28,
        "success for a moment is success",
        "robot_rl/runtime/episodes.py",
        "if self._held >= self.rules.success_hold and",
        "if self._held >= 1 and",
        "tests/runtime/test_episodes.py::test_success_counts_only_when_held",
    ),
    Fault(
        29,
        "help is not counted",
        f"{ONLINE}/tally.py",
        "self.human_steps += source == Source.HUMAN",
        "pass",
        f"{T_ONLINE}/test_counting.py::test_a_point_is_at_robot_steps_minutes_and_human_steps",
    ),
)


def test_every_fault_can_still_be_put_in() -> None:
    for fault in FAULTS:
        text = (ROOT / fault.file).read_text()
        assert text.count(fault.line) == 1, f"{fault.number}, {fault.what}: {fault.file} does not hold {fault.line}"
        file, _, name = fault.test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), f"there is no test {fault.test}"


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.number}-{f.what}")
def test_a_silent_failure_is_noticed(fault: Fault, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "robot_rl", tmp_path / "robot_rl", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / fault.file
    text = source.read_text()
    source.write_text(text.replace(fault.line, fault.fault))
    run = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(ROOT / fault.test)],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == FAILED, run.stdout[-2000:]
