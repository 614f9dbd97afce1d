# SPDX-License-Identifier: GPL-2.0-or-later
"""Which VMM runs a VM: QEMU by emulation where KVM opens but does not work, in one line that says why."""
import contextlib
import fcntl
import os
import re
import struct
import subprocess
import termios

import pytest

WHY = "QEMU by emulation, which is slow: KVM opens but does not work: "


@contextlib.contextmanager
def broken_kvm(host, how):
    """As the machine has it, or a device that opens and then knows no KVM call."""
    if how == "real":
        check = {c["name"]: c for c in host.run("doctor", "--json").json}["kvm"]
        if not any("opens but does not work" in detail for detail in check["details"]):
            pytest.skip(f"this machine's KVM works, or is not there: {check['details'][0]}")
        yield
        return
    made = not os.path.exists("/dev/kvm")
    if made:
        open("/dev/kvm", "w").close()
    subprocess.run(["mount", "--bind", "/dev/null", "/dev/kvm"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/dev/kvm"], check=True)
        if made:
            os.unlink("/dev/kvm")


@pytest.mark.parametrize("how", ["real", "null"])
def test_kvm_that_does_not_work(new_host, how):
    host = new_host()
    with broken_kvm(host, how):
        host.ok("daemon", "stop")                       # the next one, and its helper, see the device as it is now
        result = host.ok("vm", "run", "--rm", "--net", "none", "--", "sh", "-c", "cat /sys/class/dmi/id/sys_vendor; nproc")
        assert result.stdout.split()[0] == "QEMU", result
        said = [line for line in result.stderr.splitlines() if "KVM" in line]
        assert len(said) == 1 and said[0].startswith(f"[vm run] starting the VMM: {WHY}"), result
        doctor = host.ok("doctor", "--json").json
        checks = {check["name"]: check for check in doctor}
        assert checks["kvm"]["level"] == "WARN" and any("nested virtualization" in detail for detail in checks["kvm"]["details"]), checks["kvm"]
        assert any(detail.startswith(WHY) for detail in checks["virtual machine monitor"]["details"]), checks
        host.ok("vm", "create", "--name", "emulated", "--net", "none")
        shown = host.show("emulated")
        assert shown["vmm"] == "qemu"
        args = open(f"/proc/{shown['pid']}/cmdline").read().split("\0")
        assert "tcg" in " ".join(args) and "accel=kvm" not in " ".join(args), args
        host.ok("vm", "delete", "--force", "emulated")


def test_firecracker_asked_for(new_host):
    """It cannot do without KVM: no other VMM is taken in its place."""
    host = new_host()
    with broken_kvm(host, "null"):
        host.configure("vmm = 'firecracker'\nfirecracker_bin = '/bin/true'\n")
        host.run("vm", "run", "--rm", "--net", "none", "--", "true").refused("vmm = firecracker: ", status=125, operation=True)
        assert host.vms() == {}


def test_stage_lines_fit_the_terminal(host):
    """On 60 columns the line that says why stays one line."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    process = host.popen("vm", "run", "--rm", "--net", "none", "--", "true", stderr=slave)
    os.close(slave)
    seen = b""
    with contextlib.suppress(OSError):                  # the end of a terminal
        while data := os.read(master, 4096):
            seen += data
    os.close(master)
    process.communicate(timeout=60)
    assert process.returncode == 0
    stages = [re.sub(rb"\x1b\[K", b"", piece) for piece in re.split(rb"[\r\n]+", seen) if piece.startswith(b"[vm run] ")]
    assert any(piece.startswith(b"[vm run] starting the VMM: ") for piece in stages), seen
    assert max(map(len, stages)) < 60, stages
