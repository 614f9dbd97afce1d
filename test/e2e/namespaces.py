# SPDX-License-Identifier: GPL-2.0-or-later
"""A network and a mount namespace for this process and all it starts, so that a test can leave nothing on the machine, whatever happens."""
import ctypes
import os
import subprocess

CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x20000, 0x40000000, 0x4000, 0x40000


def enter():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), f"namespaces: {os.strerror(ctypes.get_errno())}")
    libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None)        # shows the devices of the network namespace it is mounted in
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
