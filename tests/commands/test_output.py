import pytest

from robot_rl.commands import output


def test_what_goes_into_a_file_is_not_cut_at_the_width_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    output.console().print("word " * 30)
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setenv("COLUMNS", "60")
    output.console().print("word " * 30)
    assert capsys.readouterr().out.count("\n") == 3
