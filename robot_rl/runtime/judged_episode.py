"""The running episode: each decision is paired with the verdict on the state it led to, and judged by the rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from robot_rl.datasets.record import Source
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.coming import Keys
from robot_rl.runtime.episodes import Ending, EpisodeMachine, EpisodeRules
from robot_rl.runtime.key_verdicts import KeyVerdicts
from robot_rl.runtime.outcomes import pair_with_outcomes


class JudgedEpisode:
    """One episode after another. Whatever ends one gives its Ending, once; messages may come in any order.

    Args:
        judged: a task judges every state.
        near: a classifier's verdict is of a state whose stamp differs by no more than this [ns].
        say: told what a person's keys, or a reward classifier, say of the state at a stamp [ns].
    """

    def __init__(
        self, rules: EpisodeRules, say: Callable[[int, Outcome], None], *, judged: bool, near: int = 0
    ) -> None:
        self.machine = EpisodeMachine(rules)
        self.keys: Keys = "mark"
        self.classified = False
        """A reward classifier judges, unless keys do."""
        self._human: list[int] = []
        """Stamps [ns] of the steps in which a human acted."""
        self._rules, self._say, self._task_judges, self._near = rules, say, judged, near
        self._verdicts = KeyVerdicts(rules.latency)
        self._unclassified: deque[int] = deque()
        """States [ns] that the classifier has not yet judged."""
        self._classified = -1
        """Stamp [ns] of the last state that it has."""
        self._decisions: dict[int, Decision] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._newest = -1
        """Stamp [ns] of the last decision that was judged."""

    @property
    def running(self) -> bool:
        """Steps are taken."""
        return self.machine.state == "running"

    @property
    def human_steps(self) -> int:
        """In how many steps of the episode a human acted."""
        return len(self._human)

    @property
    def judge(self) -> str:
        """Whose word counts of every state: the `robot`'s task, a person's `keys` or a reward `classifier`."""
        if self.keys != "mark":
            return "keys"
        return "classifier" if self.classified else "robot"

    @property
    def states_judged(self) -> bool:
        """Somebody says of every state of the episode whether it is a success."""
        return self._task_judges or self.judge != "robot"

    def begin(self, name: str, seed: int | None, purpose: str, start: int) -> None:
        """Steps at `start` [ns] or later belong to the episode."""
        self._decisions.clear()
        self._outcomes.clear()
        self._unclassified.clear()
        self._classified = start - 1 - self._near
        self._human, self._newest = [], start - 1
        held = self.keys == "hold"  # its verdicts are moved back already
        self.machine.rules = replace(self._rules, latency=0.0, late_verdict=True) if held else self._rules
        self.machine.begin(name, seed, purpose, start)
        self._verdicts.begin(start)

    def press(self, button: str) -> Ending | None:
        """A person marks the episode; as `EpisodeMachine.press`. What a classifier has not seen yet is no success: the
        mark is of the state that the person sees."""
        ending = self.silent() if self.judge == "classifier" else None
        return ending or self._over(self.machine.press(button))

    def decided(self, decision: Decision) -> Ending | None:
        """A command was decided; a repetition changes nothing."""
        if not self.running or decision.stamp <= self._newest:
            return None
        self._decisions.setdefault(decision.stamp, decision)
        return self._advance()

    def outcome(self, stamp: int, outcome: Outcome) -> Ending | None:
        """What the task says of the state at `stamp` [ns]; where others judge it is not asked."""
        return self._judged(stamp, outcome) if self.judge == "robot" else None

    def state(self, stamp: int) -> Ending | None:
        """A state at `stamp` [ns] that others than the task may judge. Keys that `decide` mark episodes, and say
        nothing of states."""
        if not self.running or self.judge == "robot":
            return None
        if self.judge == "classifier":
            if stamp > self._classified + self._near and (not self._unclassified or stamp > self._unclassified[-1]):
                self._unclassified.append(stamp)
            return None
        if self.keys == "decide":
            self._say(stamp, Outcome())
            return self._judged(stamp, Outcome())
        self._verdicts.state(stamp)
        return self._by_key()

    def key(self, stamp: int, held: bool) -> Ending | None:
        """The success key at `stamp` [ns]."""
        if not self.running or self.keys != "hold":
            return None
        self._verdicts.key(stamp, held)
        return self._by_key()

    def classify(self, stamp: int, outcome: Outcome) -> Ending | None:
        """What the classifier says of the state at `stamp` [ns]; earlier ones that it passed over are no successes."""
        if not self.running or self.judge != "classifier":
            return None
        ending = self._unseen(before=stamp - self._near)
        if ending is None and stamp > self._classified:
            ending = self._classify(stamp, outcome)
        return ending

    @property
    def unclassified(self) -> int | None:
        """Stamp [ns] of the oldest state that the classifier has not yet judged; None for none."""
        return self._unclassified[0] if self._unclassified else None

    def silent(self) -> Ending | None:
        """Device or classifier, whichever judges, is not heard of: nothing counts as a success."""
        if self.running and self.judge == "classifier":
            return self._unseen()
        if not self.running or self.keys != "hold":
            return None
        self._verdicts.silent()
        return self._by_key()

    def _unseen(self, before: int | None = None) -> Ending | None:
        """States that no classifier has seen are no successes."""
        ending: Ending | None = None
        while ending is None and self._unclassified and (before is None or self._unclassified[0] < before):
            ending = self._classify(self._unclassified[0], Outcome())
        return ending

    def _classify(self, stamp: int, outcome: Outcome) -> Ending | None:
        self._classified = stamp
        state = stamp  # heard before its state; else it is said of the state as that is known here
        while self._unclassified and self._unclassified[0] <= stamp + self._near:
            state = self._unclassified.popleft()
        self._say(state, outcome)
        return self._judged(state, outcome)

    def _by_key(self) -> Ending | None:
        """Say what the held key says of each state, as soon as that is known."""
        ending: Ending | None = None
        for stamp, success in self._verdicts.ready():
            outcome = Outcome(reward=float(success), success=success)
            self._say(stamp, outcome)
            ending = self._judged(stamp, outcome) or ending
        return ending

    def _judged(self, stamp: int, outcome: Outcome) -> Ending | None:
        if not self.running:
            return None
        self._outcomes[stamp] = outcome
        return self._advance()

    def _advance(self) -> Ending | None:
        """Judge every decision whose outcome is known."""
        for decision, outcome in pair_with_outcomes(self._decisions, self._outcomes if self.states_judged else None):
            self._newest = decision.stamp
            if decision.source is Source.HUMAN:
                self._human.append(decision.stamp)
            ending = self._over(self.machine.step(decision.stamp, outcome, decision))
            if ending is not None:
                return ending
        return None

    def _over(self, ending: Ending | None) -> Ending | None:
        """Where the episode ends, steps after its last do not belong to it."""
        if ending is not None:
            self._human = [s for s in self._human if s <= ending.end_stamp]
        return ending
