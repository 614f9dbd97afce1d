# SPDX-License-Identifier: GPL-2.0-or-later
"""Storage under pressure: what running guests write when the host's disk fills up, and files of stopped ones."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import DEBIAN

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "test/unit/disk"))
from merge_store import data_of, merge  # noqa: E402

MIB = 1 << 20
DISK, LEFT, WRITTEN = 1200 * MIB, 260 * MIB, 400 * MIB
RESERVE = DISK // 20


@pytest.fixture
def vms_on_small_disk(new_host, tmp_path):
    """A host whose VMs lie on a file system of their own, 1200 MiB, of which 260 MiB are free until filler goes."""
    host = new_host()
    host.ok("vm", "list")
    host.ok("daemon", "stop")
    vms, disk = host.state / "vms", tmp_path / "vms.ext4"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-m", "0", disk, f"{DISK // MIB}M"], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", disk, vms], check=True)
    vms.chmod(0o700)
    (vms / "lost+found").rmdir()
    yield host
    if left := list(host.vms()):
        host.ok("vm", "delete", "--force", *left)
    host.stop()
    subprocess.run(["umount", vms], check=True)
    assert subprocess.run(["e2fsck", "-fn", disk], capture_output=True).returncode == 0


def free(host):
    s = os.statvfs(host.state / "vms")
    return s.f_bavail * s.f_frsize


def digest_of_lines(count):
    """sha256sum of what `yes 0123456789abcde | head -c COUNT` prints."""
    h, block = hashlib.sha256(), b"0123456789abcde\n" * (MIB // 16)
    for _ in range(count // MIB):
        h.update(block)
    return h.hexdigest()


@pytest.mark.parametrize("file", ["/var/big", "/root/big"])
def test_paused_before_the_disk_is_full(vms_on_small_disk, file):
    """A guest writes at full speed: it is paused with the reserve not used up, stays so over the daemon's death, goes on when there is room,
    and what it has written is what it meant to write, also after the next start."""
    host = vms_on_small_disk
    host.ok("vm", "create", "--name", "writer", "--net", "none", "--memory", "256M", "--disk-size", "1G", *DEBIAN)
    filler = host.state / "vms/filler"
    with filler.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, free(host) - LEFT)
    log = host.log_position()
    writing = host.popen("vm", "exec", "writer", "--", "sh", "-c", f"yes 0123456789abcde | head -c {WRITTEN} > {file} && sync")
    host.wait_state("writer", "paused", 120)
    at_pause = free(host)
    seen = host.show("writer")
    assert "are kept free" in seen["reason"] and seen["pid"], seen
    assert "reason:" in host.ok("vm", "show", "writer").stdout and "paused" in host.ok("vm", "list").stdout
    assert "VM is paused" in host.new_log(log)
    host.run("vm", "exec", "writer", "--", "true").refused("paused", status=125, operation=False)
    for command in (["stop"], ["start"], ["restart"], ["set", "--vcpu", "2"], ["delete"]):
        host.run("vm", *command, "writer").refused("'writer': it is paused", operation=False)
    host.kill("daemon")
    assert host.show("writer")["state"] == "paused"
    for left in (at_pause, free(host)):
        assert RESERVE // 4 < left < 2 * RESERVE
    assert writing.poll() is None
    host.run("vm", "create", "--name", "late", "--net", "none").refused("create 'late': too little space", operation=False)
    filler.unlink()
    out, err = writing.communicate(timeout=120)
    assert writing.returncode == 0, err
    host.wait_state("writer", "running")
    assert host.show("writer").get("reason") is None
    want = digest_of_lines(WRITTEN)
    host.exec("writer", "sh", "-c", "echo 3 > /proc/sys/vm/drop_caches")
    assert host.exec("writer", "sha256sum", file).split()[0] == want
    host.ok("vm", "restart", "writer")
    assert host.exec("writer", "sha256sum", file).split()[0] == want
    host.ok("vm", "delete", "--force", "writer")


def store_of(host, vm):
    return host.state / "vms" / host.show(vm)["id"] / "root.store"


def patch(path, at, data):
    with path.open("r+b") as f:
        f.seek(at)
        f.write(data)


def test_store_whose_write_failed(host, new_vm):
    """A kernel that cannot write to its store clears the valid flag in the header, and joins no such store: that much is done here by hand."""
    new_vm("failed", "--net", "none")
    host.exec("failed", "sh", "-c", "echo here > /etc/kept; sync")
    host.ok("vm", "stop", "failed")
    store = store_of(host, "failed")
    header = store.open("rb").read(16)
    assert header[:12] == b"SnAp\1\0\0\0\1\0\0\0", header
    patch(store, 4, bytes(4))
    started = host.ok("vm", "start", "failed")
    assert "its store was checked and is used again" in started.stderr
    assert host.exec("failed", "cat", "/etc/kept") == "here\n"
    assert store.open("rb").read(16) == header
    host.ok("vm", "stop", "failed")
    assert "warning" not in host.ok("vm", "start", "failed").stderr


def test_torn_store(host, new_vm):
    """The first pair of a table that goes on is not there: refused, and nothing of the store is changed."""
    new_vm("torn", "--net", "none")
    host.exec("torn", "sh", "-c", "echo here > /etc/kept; sync")
    host.ok("vm", "stop", "torn")
    store = store_of(host, "torn")
    chunk = 512 * int.from_bytes(store.open("rb").read(16)[12:], "little")
    patch(store, 4, bytes(4))
    patch(store, chunk, bytes(16))
    host.run("vm", "start", "torn").refused("start 'torn': store '.*root.store': its table is torn", operation=True)
    assert store.open("rb").read(8) == b"SnAp\0\0\0\0"
    assert host.show("torn")["state"] == "stopped"


def test_what_a_vm_takes(host):
    """vm show says what stat(2) does, by the back end."""
    for backend, name in (("snapshot", "root.store"), ("copy", "root.ext4")):
        vm = f"takes-{backend}"
        with host.varlink() as v:
            v.call("io.banger.VmCreate", name=vm, start=False, net="none", root_backend=backend, disk_mib=64)
        seen, folder = host.show(vm), store_of(host, vm).parent
        assert seen["root_backend"] == backend
        assert seen["root_bytes"] == (folder / name).stat().st_blocks * 512
        assert seen["work_bytes"] == (folder / "work.ext4").stat().st_blocks * 512 > 0
        assert (seen["root_bytes"] == 0) == (backend == "snapshot")
        assert "root takes:" in host.ok("vm", "show", vm).stdout
        host.ok("vm", "delete", vm)


def test_image_of_vms_is_not_deleted(host, new_vm):
    new_vm("user", "--no-start", "--net", "none")
    host.run("image", "delete", "light").refused("image 'light': VM '.*' is made from it", operation=False)
    host.ok("vm", "start", "user")
    host.run("image", "delete", "light").refused("image 'light': VM '.*' is made from it", operation=False)
    assert host.exec("user", "hostname") == "user\n"


@pytest.fixture
def remount(vms_on_small_disk):
    """remount("ro" or "rw"): the file system of the VMs."""
    host = vms_on_small_disk

    def mount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", host.state / "vms"], check=True)
    yield host, mount
    mount("rw")


def test_read_only_state(remount):
    """Everything that would write is refused in one sentence; what is there is shown, and works again afterwards."""
    host, mount = remount
    host.ok("vm", "create", "--no-start", "--name", "kept", "--net", "none", "--disk-size", "64M")
    files = sorted(path.name for path in (host.state / "vms").rglob("*"))
    mount("ro")
    for command in (["create", "--name", "new", "--net", "none"], ["start", "kept"], ["set", "kept", "--disk-size", "128M"]):
        host.run("vm", *command).refused("read-only", hint=None, operation=None)
    assert {name: vm["state"] for name, vm in host.vms().items()} == {"kept": "created"}
    assert sorted(path.name for path in (host.state / "vms").rglob("*")) == files
    mount("rw")
    host.ok("vm", "start", "kept")
    assert host.exec("kept", "hostname") == "kept\n"
    host.ok("vm", "delete", "--force", "kept")


def test_vanished_state(new_host):
    """The state folder is moved away under the daemon: nothing is made in its place, and with it back all goes on."""
    host = new_host()
    host.ok("vm", "create", "--name", "kept", "--net", "none", "--disk-size", "64M")
    away = host.root / "away"
    host.state.rename(away)
    host.run("vm", "create", "--name", "new", "--net", "none").refused("No such file", hint=None, operation=None)
    assert {name: vm["state"] for name, vm in host.vms().items()} == {"kept": "running"}
    assert host.exec("kept", "hostname") == "kept\n"
    assert not host.state.exists()
    away.rename(host.state)
    host.ok("vm", "restart", "kept")
    assert host.exec("kept", "hostname") == "kept\n"


def digest_of_data(path):
    """SHA-256 of all that is no hole in a file, and of where it is."""
    h = hashlib.sha256()
    with path.open("rb") as f:
        for at, block in data_of(f):
            h.update(b"%d " % at + block)
    return h.hexdigest()


def image_of(host, vm):
    """The image file that the VM is made from."""
    images = {image["name"]: image["id"] for image in json.loads(host.ok("image", "list", "--json").stdout)}
    return host.state / "images" / images[host.show(vm)["image"]] / "rootfs.ext4"


def test_files_of_a_stopped_vm(host, new_vm, tmp_path):
    """What the guest wrote is read on the host; what the host writes, through image and store and into the store alone, is what the guest
    finds, whose kernel takes the store; the image stays as it is."""
    new_vm("files", "--net", "none")
    image = digest_of_data(image_of(host, "files"))
    host.exec("files", "sh", "-c", "echo from the guest > /etc/word; chown 7:8 /etc/word; chmod 640 /etc/word; echo work > /root/word; sync")
    os_release = host.exec("files", "cat", "/usr/lib/os-release")
    host.run("vm", "read", "files", "/etc/word").refused("file of 'files': it is running", operation=False)
    host.ok("vm", "stop", "files")
    assert host.ok("vm", "read", "files", "/etc/word").stdout == "from the guest\n"
    assert host.ok("vm", "read", "files", "/root/word").stdout == "work\n"
    assert host.ok("vm", "read", "files", "/usr/lib/os-release").stdout == os_release  # never written: the image's
    big = os.urandom(3 * MIB + 17)
    for path, data in (("/etc/word", b"from the host\n"), ("/root/word", b"host\n"), ("/usr/lib/os-release", b"ID=mine\n"), ("/etc/big", big)):
        host.ok("vm", "write", "files", path, input=data)
    assert host.ok("vm", "read", "files", "/etc/word").stdout == "from the host\n"
    assert not list(store_of(host, "files").parent.glob("*.edit"))
    merged = tmp_path / "merged"
    merge(image_of(host, "files"), store_of(host, "files"), host.show("files")["root_mib"] * MIB, merged)
    fsck = subprocess.run(["e2fsck", "-fn", merged], capture_output=True, text=True)
    assert fsck.returncode == 0, fsck.stdout
    host.ok("vm", "start", "files")
    assert host.exec("files", "cat", "/etc/word", "/root/word", "/usr/lib/os-release") == "from the host\nhost\nID=mine\n"
    assert host.exec("files", "stat", "-c", "%u %g %a", "/etc/word") == "7 8 640\n"
    assert host.exec("files", "sha256sum", "/etc/big").split()[0] == hashlib.sha256(big).hexdigest()
    host.exec("files", "sh", "-c", "echo again > /etc/word; sync")
    host.ok("vm", "kill", "files")
    assert host.ok("vm", "read", "files", "/etc/word").stdout == "again\n"  # out of the journal of a guest that was killed
    assert digest_of_data(image_of(host, "files")) == image


def test_files_refused(host):
    """Each with one sentence, and nothing of the VM is changed."""
    host.ok("vm", "create", "--no-start", "--name", "refusing", "--net", "none", "--disk-size", "64M")
    store = store_of(host, "refusing")
    for path, says in (("etc/fstab", "is not an absolute path"), ("/etc", "not a regular file"), ("/nowhere/file", "no 'nowhere'")):
        host.run("vm", "write", "refusing", path, input=b"x").refused(says, hint=None, operation=True)
        host.run("vm", "read", "refusing", path).refused(says, hint=None, operation=True)
    host.run("vm", "write", "refusing", "/etc/os-release", input=b"x").refused("it is a symlink", operation=True)
    host.run("vm", "read", "refusing", "/etc/missing").refused("no '/etc/missing'", hint=None, operation=True)
    assert store.stat().st_blocks == 0 and not list(store.parent.glob("*.edit"))
    host.ok("vm", "delete", "refusing")
