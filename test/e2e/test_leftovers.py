# SPDX-License-Identifier: GPL-2.0-or-later
"""The checker of leftovers sees each kind of leak, and no other."""
import os
import subprocess

import pytest

import leftovers


class Plant:
    """One leak of each kind, planted and taken away."""

    def __init__(self, host):
        self.host = host

    def process(self):
        child = subprocess.Popen(["sleep", "1000"])

        def away():
            child.kill()
            child.wait()
        return away

    def zombie(self):
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return child.wait

    def link(self):
        subprocess.run(["ip", "tuntap", "add", "tap-planted", "mode", "tap"], check=True)
        return lambda: subprocess.run(["ip", "link", "delete", "tap-planted"], check=True)

    def nft(self):
        subprocess.run(["nft", "add", "table", "inet", "planted"], check=True)
        return lambda: subprocess.run(["nft", "delete", "table", "inet", "planted"], check=True)

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "none", self.host.root / "home"], check=True)
        return lambda: subprocess.run(["umount", self.host.root / "home"], check=True)

    def loop(self):
        disk = self.host.root / "home/disk"
        disk.write_bytes(bytes(1 << 20))
        device = subprocess.run(["losetup", "--find", "--show", disk], capture_output=True, text=True, check=True).stdout.strip()

        def away():
            subprocess.run(["losetup", "--detach", device], check=True)
            disk.unlink()
        return away

    def file(self):
        path = self.host.state / "vms/planted.json.tmp"
        path.touch()
        return path.unlink

    def descriptor(self):
        connection = self.host.varlink()
        connection.call("io.banger.VmList")
        return connection.close


@pytest.mark.parametrize("kind", ["process", "zombie", "link", "nft", "mount", "loop", "file", "descriptor"])
def test_planted(host, kind):
    before = leftovers.snapshot(host)
    leftovers.assert_nothing_new(host, before)
    away = getattr(Plant(host), kind)()
    try:
        kinds = {found for found, _ in leftovers.snapshot(host).more_than(before)}
        with pytest.raises(AssertionError, match=f"left over:\n  {'process' if kind == 'zombie' else kind}: "):
            leftovers.assert_nothing_new(host, before, timeout=0)
    finally:
        away()
    assert kinds == {"process" if kind == "zombie" else kind}
    leftovers.assert_nothing_new(host, before)
