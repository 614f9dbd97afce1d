# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose init is not systemd: none at all (ours is PID 1), busybox's; in the long form also Debian's sysvinit, OpenRC and runit."""
import os
import subprocess

import pytest

from stock import busybox_tree, make_tar, with_busybox_init
from waits import FolderWatch, pid_gone

DEBIAN = ["sysvinit", "openrc", "runit"] if os.environ.get("BANGER_SOAK") else []


@pytest.fixture(scope="module", params=["none", "busybox", *DEBIAN])
def image(request, session_host, stock, tmp_path_factory):
    """The name of an image with that init."""
    init = request.param
    tar = stock.folder / f"{init}.tar"
    if init not in DEBIAN:
        tar = make_tar(tmp_path_factory.mktemp("inits") / f"{init}.tar", busybox_tree() if init == "none" else with_busybox_init())
    session_host.ok("image", "import", f"init-{init}", "--tar", tar, "--kernel", "debian")
    assert session_host.ok("image", "show", "--json", f"init-{init}").json["has_init"] == (init != "none")
    yield f"init-{init}"
    session_host.ok("image", "delete", f"init-{init}")


@pytest.fixture
def guest(host, image, new_vm):
    """A running one. runit says itself that it does not listen before its second stage."""
    name = new_vm(f"with-{image}", "--image", image, "--net", "private", "--memory", "512M")
    host.exec(name, "sh", "-c", "while [ $(cat /proc/1/comm) = runit ] && ! pidof runsvdir; do sleep 0.2; done")
    return name


def boot_id(host, vm):
    result = host.run("vm", "exec", vm, "--", "cat", "/proc/sys/kernel/random/boot_id")
    return result.stdout if result.status == 0 else None


def test_commands(host, guest):
    assert host.exec(guest, "hostname") == f"{guest}\n"
    for command, status in (("exit 42", 42), ("kill -TERM $$", 143), ("exec /nowhere", 127)):
        assert host.run("vm", "exec", guest, "--", "sh", "-c", command).status == status
    assert host.run("vm", "exec", guest, "--", "/nowhere").status == 127
    assert host.exec(guest, "cat", input="through\n") == "through\n"
    assert host.exec(guest, "sh", "-c", "grep -c ' /root ext4 ' /proc/mounts; cat /sys/class/net/*/address | grep -v 00:00:00").splitlines() == [
        "1", host.show(guest)["mac"]]
    assert host.run("vm", "exec", "--wait-system", guest, "--", "true").status == 0


def test_orphans_are_taken_in(host, guest):
    """A hundred processes whose parents have ended end too: PID 1 takes them in, and none stays as a zombie."""
    orphan = "for i in $(seq 100); do (sh -c 'exit 3' &) ; done; (sleep 0.2 & echo $! > /tmp/last)"
    host.exec(guest, "sh", "-c", orphan)
    wait = "while [ -e /proc/$(cat /tmp/last) ]; do sleep 0.1; done; cat /proc/[0-9]*/stat 2>/dev/null | cut -d ' ' -f 3 | grep -c Z"
    assert host.run("vm", "exec", guest, "--", "sh", "-c", wait).stdout == "0\n"


def test_stop_in_order(host, image, guest):
    """The init ends what runs, and what was written is there the next time."""
    host.exec(guest, "sh", "-c", "echo root > /etc/kept; echo work > /root/kept")
    result = host.ok("vm", "stop", "--timeout", "60", guest)
    assert result.seconds < 40 and (host.show(guest)["state"], host.show(guest).get("reason")) == ("stopped", None), result
    assert "reboot: Restarting system" in host.console(guest)
    disk = host.state / "vms" / host.show(guest)["id"] / "work.ext4"
    assert subprocess.run(["e2fsck", "-fn", disk], capture_output=True).returncode == 0
    assert "clean" in subprocess.run(["dumpe2fs", "-h", disk], capture_output=True, text=True).stdout.split("Filesystem state:")[1].split("\n")[0]
    host.ok("vm", "start", guest)
    assert host.exec(guest, "cat", "/etc/kept", "/root/kept") == "root\nwork\n"
    if image == "init-busybox":
        host.exec(guest, "test", "-e", "/root/shut-down")


@pytest.mark.parametrize("word, state", [("poweroff", "stopped"), ("halt", "stopped"), ("reboot", "running")])
def test_the_guests_own_word(host, guest, word, state):
    """Typed in the guest and noticed by the host, also where the VMM goes on after a halt."""
    boot = boot_id(host, guest)
    host.run("vm", "exec", "--wait-system", guest, "--", word)
    host.wait_vm(guest, lambda r: r["state"] == state and (state == "stopped" or boot_id(host, guest) not in (None, boot)), 90)
    assert (host.show(guest)["state"], host.show(guest).get("reason")) == (state, None)


@pytest.mark.parametrize("seen", [True, False])
def test_halted_kernel(host, new_vm, seen):
    """At once, without any init: the VMM goes on with a kernel that does not, and is ended, also by a daemon that comes later."""
    new_vm("halts", "--net", "none")
    vmm = host.show("halts")["pid"]
    if not seen:
        host.exec("halts", "sh", "-c", "sync; (sleep 3; halt -f) > /dev/null 2>&1 &")
        host.ok("daemon", "stop")
        with FolderWatch(host.state / "vms" / host.vm_id("halts")) as watch:
            assert watch.until(lambda: "reboot: System halted" in (host.state / "vms" / host.vm_id("halts") / "console.log").read_text(errors="replace"))
        host.ok("vm", "list")
    else:
        host.run("vm", "exec", "halts", "--", "halt", "-f")
    host.wait_state("halts", "stopped")
    assert pid_gone(vmm) and host.show("halts").get("reason") is None


def test_a_line_like_it_does_not_kill(host, guest):
    """Who only prints what a halted kernel prints, again and again so that it is the last line, is shut down in order."""
    line = "printf '\\n[    9.000000] reboot: System halted\\r\\n' > /dev/ttyS0"
    host.exec(guest, "sh", "-c", f"echo written > /root/note; (for i in $(seq 200); do {line}; sleep 0.2; done) > /dev/null 2>&1 < /dev/null &")
    host.wait_state(guest, "stopped", 90)
    assert "reboot: Restarting system" in host.console(guest)
    host.ok("vm", "start", guest)
    assert host.exec(guest, "cat", "/root/note") == "written\n"
