"""What gives the present user the right to open a device file."""

from __future__ import annotations

import grp
import os
import stat


def permission_remedy(path: str) -> str:
    """What lets the present user open `path`: the group to join, or a udev rule where the group is root."""
    info = os.stat(path)
    if not stat.S_ISCHR(info.st_mode):
        return ""
    try:
        group = grp.getgrgid(info.st_gid).gr_name
    except KeyError:
        group = str(info.st_gid)
    if group not in ("root", "0") and info.st_mode & stat.S_IRGRP:
        return f" Join the group '{group}': sudo usermod -aG {group} $USER, then log in again."
    kernel = os.path.basename(path).rstrip("0123456789")
    rule = f'KERNEL=="{kernel}*", MODE="0660", TAG+="uaccess"'
    return f" Add a udev rule: echo '{rule}' | sudo tee /etc/udev/rules.d/70-robot-rl.rules, then plug it in again."
