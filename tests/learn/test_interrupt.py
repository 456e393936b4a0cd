import os
import signal

import pytest

from robot_rl.learn.interrupt import deferred_interrupt


def test_the_first_is_heard_and_said_and_the_second_takes_effect(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as told:
        assert not told.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert told.wait(1.0)
        assert capfd.readouterr().err == "\nfinishing what is under way; once more ends at once\n"
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
