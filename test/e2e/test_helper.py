# SPDX-License-Identifier: GPL-2.0-or-later
"""What the root helper refuses, tried by a caller that may call it; that each of its acts can be repeated; and that a refused one leaves nothing."""
import os
import pathlib
import re
import socket
import subprocess

import pytest

import leftovers
from conftest import NOBODY
from varlink_raw import Varlink, VarlinkError
from waits import pid_gone

VM = "0123456789ab"
HELPER = "io.banger.Helper."
SIZES = {"vcpus": 1, "memory_mib": 64, "cid": 99999, "root_mib": 0, "chunk_sectors": 8}
FDS = {"kernel": 0, "initrd": 1, "console": 2, "log": 3}
DISK = {"file": 4, "read_only": False, "unsafe": False}
LAUNCH = {"vm": VM, "kind": "qemu", "net": False, "kvm": False, "hostname": "box", "roles": ["root"], "disks": [DISK], **SIZES, **FDS}
ATTACH = {"vm": VM, "index": 7, "cid": 99999, "nat": True, "kind": "firecracker"}
IDS = ["", "0123456789a", "0123456789abc", "0123456789aB", "0123456789a/", "../../../etc", "br-fc", "0123456789a\n"]


@pytest.fixture
def helper(host):
    host.ok("vm", "list")
    with Varlink(host.run_dir / "helper.sock") as v:
        yield v


@pytest.fixture
def files(tmp_path, host):
    """What a launch takes: five regular files, and the run folder that the daemon has made."""
    run = host.run_dir / "vms" / VM
    run.mkdir(parents=True)
    fds = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("kernel", "initrd", "console", "log", "disk")]
    yield fds
    for fd in fds:
        os.close(fd)
    for left in run.iterdir():
        left.unlink()
    run.rmdir()


def refused(helper, method, fds=(), **parameters):
    with pytest.raises(VarlinkError) as error:
        helper.call(HELPER + method, fds, **parameters)
    return f"{error.value.name}: {error.value.parameters}"


@pytest.mark.parametrize("vm", IDS)
@pytest.mark.parametrize("method, others", [("NetAttach", ATTACH), ("NetDetach", {"index": 7}), ("VmmKill", {"processes": [], "signal": "TERM"})])
def test_what_is_no_vm_id(helper, method, others, vm):
    assert "is no VM id" in refused(helper, method, **{**others, "vm": vm})


@pytest.mark.parametrize("method, parameters", [("NetAttach", ATTACH), ("NetDetach", {"vm": VM, "index": 7}), ("VmmGo", {"vm": VM}), ("Operation", {"operation": "op-0a1b2c"}),
                                                ("VmmKill", {"vm": VM, "processes": [], "signal": "TERM"}), ("DnsServe", {"address": 0, "port": 0})])
@pytest.mark.parametrize("more", ["bridge", "path", "tap_name", "Vm"])
def test_members_that_it_does_not_know(helper, method, parameters, more):
    said = refused(helper, method, **parameters, **{more: "eth0"})
    assert "InvalidParameter" in said and more in said, said


@pytest.mark.parametrize("change", [{"index": -1}, {"index": 0}, {"index": 255}, {"index": 1 << 32}, {"cid": 2}, {"cid": -1}, {"cid": 0xffffffff}, {"kind": "xen"}, {"nat": "yes"}])
def test_networks(helper, change):
    before = (leftovers.bridges(), leftovers.links(), leftovers.nft())
    refused(helper, "NetAttach", **{**ATTACH, **change})
    assert (leftovers.bridges(), leftovers.links(), leftovers.nft()) == before


@pytest.mark.parametrize("name", ["STOP", "CONT", "9", "KILL KILL", "", "SEGV", "WINCH"])
def test_signals(helper, name):
    assert "is not allowed" in refused(helper, "VmmKill", vm=VM, processes=[], signal=name)


@pytest.mark.parametrize("name", ["term", "SIGTERM", "Kill", "usr1"])
def test_signals_by_any_name(helper, name):
    helper.call(HELPER + "VmmKill", vm=VM, processes=[], signal=name)


def start_time(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def test_processes_of_others(host, helper):
    status = host.status()
    for pid in (1, os.getpid(), status["pid"], status["helper_pid"]):
        assert f"process {pid} is not of VM" in refused(helper, "VmmKill", vm=VM, processes=[{"pid": pid, "start_time": start_time(pid)}], signal="KILL")
    # One that has taken over the pid of a VMM that is gone is left alone, and that is no error.
    bystander = subprocess.Popen(["sleep", "600"])
    helper.call(HELPER + "VmmKill", vm=VM, processes=[{"pid": bystander.pid, "start_time": 1}], signal="KILL")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_launch_ends_with_its_caller(host, files):
    with Varlink(host.run_dir / "helper.sock") as v:
        launched = v.call(HELPER + "VmmLaunch", files, **LAUNCH)
        pids = [process["pid"] for process in launched["processes"]]
        assert len(pids) == 2 and not any(pid_gone(pid, 0) for pid in pids)
        assert "no launch of 'ba9876543210' waits" in refused(v, "VmmGo", vm="ba9876543210")
    for pid in pids:
        assert pid_gone(pid)


@pytest.mark.parametrize("change, says", [
    *[({"vm": vm}, "is no VM id") for vm in IDS],
    *[({"hostname": name}, "is no host name") for name in ("", "a b", "a/b", "Box", "a" * 64, "box init=/bin/sh")],
    *[({"vcpus": n}, "vcpu count") for n in (0, -1, 33, 1 << 62)],
    *[({"memory_mib": n}, "memory") for n in (0, -1, 1 << 21)],
    *[({"cid": n}, "context id") for n in (0, 2, 1 << 32)],
    *[({"root_mib": n}, "root size") for n in (-1, 1 << 40)],
    *[({"roles": [role]}, "is no disk's role") for role in ("", "swap", "../root", "root,readonly=off")],
    ({"roles": []}, "1 disks with 0 roles"),
    ({"roles": ["root"] * 20, "disks": [DISK] * 20}, "20 disks"),
    ({"kernel": 9}, "the kernel did not come as a descriptor"),
    ({"kernel": -1}, "the kernel did not come as a descriptor"),
    ({"initrd": 0}, "the initrd did not come as a descriptor"),
    ({"disks": [{**DISK, "file": 2}]}, "root did not come as a descriptor"),
    ({"tap": 4}, "the tap did not come as a descriptor"),
    ({"kind": "xen"}, "kind"),
    ({"kernel_path": "/boot/vmlinuz"}, "kernel_path"),
    ({"disks": [{**DISK, "path": "/dev/sda"}]}, "path"),
])
def test_launches(host, helper, files, change, says):
    assert says in refused(helper, "VmmLaunch", files, **{**LAUNCH, **change})
    assert not list((host.run_dir / "vms" / VM).iterdir())


@pytest.mark.parametrize("which", ["kernel", "initrd", "console", "log", "disk", "tap"])
def test_descriptors_of_another_kind(helper, files, which, tmp_path):
    """A device for a disk would be the host's own; a folder leads up."""
    device, folder = os.open("/dev/null", os.O_RDWR), os.open(tmp_path, os.O_RDONLY)
    ours, theirs = socket.socketpair()
    others = [folder, ours.fileno()] + ([] if which == "tap" else [device])
    for fd in others:
        given = [*files, files[4]] if which == "tap" else list(files)
        given[{**FDS, "disk": 4, "tap": 5}[which]] = fd
        change = {"tap": 5} if which == "tap" else {}
        assert "is not of the right type" in refused(helper, "VmmLaunch", given, **LAUNCH, **change)
    for fd in (device, folder):
        os.close(fd)
    ours.close()
    theirs.close()


def test_each_act_can_be_repeated(host, helper):
    for _ in range(2):
        helper.call(HELPER + "NetAttach", **ATTACH)
    assert VM in helper.call(HELPER + "NetList")["vms"]
    for _ in range(2):
        helper.call(HELPER + "NetDetach", vm=VM, index=7)
        assert VM not in helper.call(HELPER + "NetList")["vms"]
    for _ in range(2):
        helper.call(HELPER + "VmmKill", vm=VM, processes=[{"pid": 1 << 22, "start_time": 1}], signal="KILL")


def test_callers(host):
    """The socket is for the daemon's user alone, and who is at its other end is asked of the kernel."""
    host.ok("vm", "list")
    path = host.run_dir / "helper.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    said = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-c",
                           f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"], capture_output=True, text=True)
    assert re.search("PermissionError", said.stderr), said
