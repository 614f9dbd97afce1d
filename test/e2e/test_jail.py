# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds a live VMM in, as /proc says it. What a program in its place cannot do is in test/unit/sandbox/jailed.c."""
import os
import pathlib

UID_FIRST = 0x70000000
OWN_MOUNTS = {"/", "/proc", "/run"}
LIBRARIES = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache"}


def read_status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def test_each_promise(host, vm):
    info = host.show(vm)
    pid, uid = info["pid"], UID_FIRST + info["cid"]
    status = read_status(pid)
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["Gid"].split() == [str(os.getgid())] * 4
    assert not status["Groups"].strip()
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["Seccomp_filters"]) >= 2
    assert os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
    mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    assert {mount[4] for mount in mounts} <= OWN_MOUNTS | LIBRARIES
    assert all("nosuid" in mount[5] for mount in mounts)
    assert all("ro" in mount[5].split(",") for mount in mounts if mount[4] not in ("/proc", "/run"))
    assert "subset=pid" in next(line for line in mounts if line[4] == "/proc")[-1]
    assert set(os.listdir(f"/proc/{pid}/root/run")) == {"api.sock", "v.sock", "v.sock_42071"}
    core = next(line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert f"uid {uid}" in info["confined"]


def test_the_folder_of_choice(host, new_vm):
    """A jail is mounted over it for its VMM alone: others see an empty folder."""
    base = host.root / "jails"
    host.configure(f'jailer_chroot_base = "{base}"\n')
    host.ok("daemon", "stop")
    try:
        info = host.show(new_vm("elsewhere", "--net", "none"))
        assert f"uid {UID_FIRST + info['cid']}" in info["confined"]
        assert base.stat().st_mode & 0o7777 == 0o700 and not list(base.iterdir())
        host.ok("vm", "delete", "--force", "elsewhere")
    finally:
        host.configure("")
        host.ok("daemon", "stop")
        base.rmdir()


def test_no_file_can_be_opened_for_more(host, vm):
    """A descriptor can be opened anew by the VMM: the modes of the files let it have no more than it has."""
    info = host.show(vm)
    for fd in os.listdir(f"/proc/{info['pid']}/fd"):
        opened = f"/proc/{info['pid']}/fd/{fd}"     # leads to the file also when its name is gone
        name = os.readlink(opened)
        if name.startswith(str(host.root)) and not name.endswith(".log"):
            flags = int(pathlib.Path(f"/proc/{info['pid']}/fdinfo/{fd}").read_text().split("flags:\t")[1].split()[0], 8)
            assert os.stat(opened).st_mode & 0o777 == (0o640 if flags & os.O_ACCMODE == os.O_RDONLY else 0o660), name


def test_no_two_share_a_user(host, new_vm):
    uids = {read_status(host.show(new_vm(name))["pid"])["Uid"] for name in ("user-a", "user-b")}
    assert len(uids) == 2
