"""What the error about a device that may not be read tells to do."""

from __future__ import annotations

import os
from pathlib import Path

from robot_rl.hardware.permissions import permission_remedy


def test_a_device_of_the_group_tty_says_to_join_that_group() -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    os.fchmod(slave, 0o660)
    group = os.fstat(slave).st_gid
    remedy = permission_remedy(path)
    os.close(master)
    os.close(slave)
    if group == 0:
        assert "Add a udev rule" in remedy
    else:
        assert "usermod -aG" in remedy and "log in again" in remedy


def test_a_device_of_root_alone_says_which_udev_rule_to_add() -> None:
    remedy = permission_remedy("/dev/null")
    assert 'KERNEL=="null*"' in remedy and "/etc/udev/rules.d/" in remedy


def test_a_plain_file_needs_no_remedy(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert permission_remedy(str(tmp_path / "f")) == ""
