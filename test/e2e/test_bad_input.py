# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: each is answered with one clear sentence, a hint, the operation's id once one began, and exit status 1 (125 where a guest's command
would have its own); nothing is lost and nothing is left over."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading

import pytest

import leftovers
from stock import BUSYBOX, busybox_tree, make_tar, member, standing_kernel
from waits import pid_gone

NOBODY = 65534


@pytest.fixture(scope="module")
def junk(stock, tmp_path_factory):
    """What is broken, by name."""
    folder = tmp_path_factory.mktemp("junk")

    def put(name, data):
        (folder / name).write_bytes(data)
        return folder / name
    head = stock.rootfs.open("rb").read(3 << 20)
    deb, kernel, program = stock.deb.read_bytes(), stock.vmlinuz.read_bytes(), pathlib.Path(BUSYBOX).read_bytes()
    noise = bytes((i * i + i // 7) & 0xff for i in range(1 << 16))
    at = tarfile.open(stock.rootfs).getmembers()[40].offset
    put("cut.tar", head)
    put("corrupt.tar", head[:at] + noise + head[at + len(noise):])
    put("noise.tar", noise)
    put("empty.tar", b"")
    small = make_tar(folder / "small.tar", busybox_tree()).read_bytes()
    gz = subprocess.run(["gzip", "-1c"], input=small, capture_output=True, check=True).stdout
    put("cut.tar.gz", gz[:len(gz) // 2])
    put("corrupt.tar.gz", gz[:len(gz) // 2] + noise[:4096] + gz[len(gz) // 2 + 4096:])
    put("cut.deb", deb[:len(deb) // 2])
    put("corrupt.deb", deb[:len(deb) // 2] + noise + deb[len(deb) // 2 + len(noise):])
    put("noise.deb", noise)
    put("cut.vmlinuz", kernel[:len(kernel) // 2])
    put("corrupt.vmlinuz", kernel[:len(kernel) // 2] + noise + kernel[len(kernel) // 2 + len(noise):])
    put("noise.vmlinuz", noise)
    put("cut.vmlinux", program[:40])
    put("program.vmlinux", program)
    ext4 = folder / "good.ext4"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", stock.kernel_tree / "boot", ext4, "40M"], check=True, capture_output=True)
    whole = ext4.read_bytes()
    put("cut.ext4", whole[:len(whole) // 2])
    put("noise.ext4", noise)
    put("corrupt.ext4", whole[:4096] + noise + whole[4096 + len(noise):])
    for name, extra in escapes().items():
        make_tar(folder / f"{name}.tar", [*busybox_tree(), *extra])
    yield folder
    shutil.rmtree(folder)


def escapes():
    return {
        "dotdot": [member("../../escaped", data=b"x")],
        "inner-dotdot": [member("etc/../../escaped", data=b"x")],
        "through-symlink": [member("out", tarfile.SYMTYPE, target="/tmp"), member("out/escaped", data=b"x")],
        "through-relative-symlink": [member("out", tarfile.SYMTYPE, target="../../../../tmp"), member("out/escaped", data=b"x")],
        "absolute": [member("/escaped", data=b"x")],
        "hard-link-out": [member("escaped", tarfile.LNKTYPE, target="/etc/shadow")],
        "hard-link-dotdot": [member("escaped", tarfile.LNKTYPE, target="../../etc/shadow")],
    }


def says_nothing_new(host):
    """The same images, kernels and VMs as ever."""
    return [sorted(x["name"] for x in host.ok(kind, "list", "--json").json) for kind in ("image", "kernel", "vm")]


# names

def test_ambiguous_prefix(new_host):
    """Ids are random: while no daemon runs, one VM is given an id that begins as the other's."""
    host = new_host()
    first, second = (host.ok("vm", "create", "--no-start", "--json", "--net", "none").json for _ in range(2))
    host.ok("daemon", "stop")
    like = first["id"][:6] + second["id"][6:]
    record = host.state / "vms" / f"{second['id']}.json"
    (host.state / "vms" / f"{like}.json").write_text(record.read_text().replace(second["id"], like))
    (host.state / "vms" / f"{like}.json").chmod(0o600)
    record.unlink()
    (host.state / "vms" / second["id"]).rename(host.state / "vms" / like)
    prefix = like[:5]
    for command, status in ((["vm", "show", prefix], 1), (["vm", "delete", prefix], 1), (["vm", "exec", prefix, "--", "true"], 125)):
        host.run(*command).refused(f"'{prefix}' begins the id of several: .*{first['name']}", status=status, operation=False)
    assert {vm["id"] for vm in host.vms().values()} == {first["id"], like}
    assert host.show(like[:8] if like[6:8] != first["id"][6:8] else like)["name"] == second["name"]


def test_name_is_taken(host, vm):
    host.run("vm", "create", "--name", vm).refused(f"a VM named '{vm}' exists", operation=False)
    host.run("vm", "run", "--rm", "--name", vm, "--", "true").refused(f"a VM named '{vm}' exists", status=125, operation=False)
    assert host.exec(vm, "hostname") == f"{vm}\n"


@pytest.mark.parametrize("kind, options", [("image", ["--tar", "{junk}/small.tar"]), ("kernel", ["--vmlinuz", "{stock.vmlinuz}"])])
@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "x" * 200, "a b", "ü"])
def test_bad_names(host, stock, junk, kind, options, name):
    options = [option.format(stock=stock, junk=junk) for option in options]
    host.run(kind, "import", name, *options).refused("not allowed|missing|empty", operation=False)


def test_already_there(host, stock, junk):
    host.run("image", "import", "debian-bookworm", "--tar", junk / "small.tar").refused("image 'debian-bookworm' exists", operation=False)
    host.run("kernel", "import", "debian", "--vmlinuz", stock.vmlinuz).refused("kernel 'debian' exists", operation=False)
    host.run("kernel", "rm", "debian").refused("'debian'.* uses it", operation=False)


def test_already_runs(host, vm):
    host.run("vm", "start", vm).refused("run", operation=False)
    assert host.exec(vm, "hostname") == f"{vm}\n"


def test_unknown_image_and_kernel(host):
    host.run("vm", "run", "--rm", "--image", "nothing", "--", "true").refused("no image named 'nothing'", status=125, operation=False)
    host.run("vm", "create", "--kernel", "nothing").refused("no kernel named 'nothing'", operation=False)


def test_image_without_kernel(new_host, junk):
    host = new_host(images=False)
    host.ok("image", "import", "no-kernel", "--tar", junk / "small.tar")
    before = leftovers.snapshot(host)
    host.run("vm", "run", "--rm", "--image", "no-kernel", "--", "true").refused("image 'no-kernel' has no kernel", status=125, operation=False)
    host.run("vm", "create", "--image", "no-kernel").refused("image 'no-kernel' has no kernel", operation=False)
    leftovers.assert_nothing_new(host, before)


# files

@pytest.mark.parametrize("file, says", [
    ("cut.tar", "truncated|ends early|end"), ("corrupt.tar", "damaged|checksum|header"), ("noise.tar", "not a tar|damaged"), ("empty.tar", "empty|not a tar"),
    ("cut.tar.gz", "truncated|damaged"), ("corrupt.tar.gz", "damaged"),
    ("dotdot.tar", "escaped' has '..'"), ("inner-dotdot.tar", "escaped' has '..'"),
    ("hard-link-out.tar", "hard link .*etc/shadow"), ("hard-link-dotdot.tar", "etc/shadow"),
])
def test_bad_tar(host, junk, file, says):
    before = says_nothing_new(host)
    host.run("image", "import", "bad", "--tar", junk / file).refused(says, operation=True)
    assert says_nothing_new(host) == before


@pytest.mark.parametrize("file", ["absolute", "through-symlink", "through-relative-symlink"])
def test_tar_that_leads_out(host, junk, file):
    """Inside of the image every path begins at its root: there it is refused, or ends up in the image, and never on the host."""
    result = host.run("image", "import", "leads-out", "--tar", junk / f"{file}.tar")
    assert not os.path.exists("/escaped") and not os.path.exists("/tmp/escaped")
    if result.status:
        result.refused("escaped|symlink", operation=True)
        return
    image = host.state / "images" / host.ok("image", "show", "--json", "leads-out").json["id"] / "rootfs.ext4"
    seen = subprocess.run(["debugfs", "-R", "cat /escaped" if file == "absolute" else "cat /tmp/escaped", image], capture_output=True).stdout
    assert subprocess.run(["e2fsck", "-fn", image], capture_output=True).returncode == 0
    host.ok("image", "delete", "leads-out")
    assert seen == b"x"


@pytest.mark.parametrize("file, says", [("cut.ext4", "cut off"), ("noise.ext4", "not an ext4 image"), ("corrupt.ext4", "damaged|repair|corrupt|checksum"),
                                        ("small.tar", "not an ext4 image")])
def test_bad_ext4(host, junk, file, says):
    before = says_nothing_new(host)
    host.run("image", "import", "bad", "--ext4", junk / file).refused(says, operation=True)
    assert says_nothing_new(host) == before


@pytest.mark.parametrize("option, file, says", [
    ("--deb", "cut.deb", "cut|truncated"), ("--deb", "corrupt.deb", "damaged|corrupt"), ("--deb", "noise.deb", "not a Debian package"),
    ("--deb", "small.tar", "not a Debian package"),
    ("--vmlinuz", "cut.vmlinuz", "cut"), ("--vmlinuz", "corrupt.vmlinuz", "damaged"), ("--vmlinuz", "noise.vmlinuz", "not a (Linux )?kernel|not an ELF"),
    ("--vmlinux", "cut.vmlinux", "not an ELF|cut"), ("--vmlinux", "program.vmlinux", "ELF file, but not"),
])
def test_bad_kernel(host, junk, option, file, says):
    before = says_nothing_new(host)
    host.run("kernel", "import", "bad", option, junk / file).refused(says, operation=True)
    assert says_nothing_new(host) == before


def test_not_a_file(host, tmp_path):
    for form in ("--tar", "--ext4"):
        host.run("image", "import", "bad", form, tmp_path).refused("is a folder", operation=True)
    for path in ("/dev/null", "/nowhere"):
        began = path == "/dev/null"
        host.run("image", "import", "bad", "--ext4", path).refused("regular file|No such file", operation=began)
        host.run("kernel", "import", "bad", "--vmlinuz", path).refused("regular file|No such file", operation=began)


# the machine

@pytest.fixture
def small_disk(new_host, tmp_path):
    """A host whose state lies on a file system of its own: 120 MiB, a loop mount, nothing in it."""
    host = new_host(images=False)
    host.state.mkdir()
    disk = tmp_path / "small.ext4"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-m", "0", disk, "120M"], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", disk, host.state], check=True)
    host.state.chmod(0o700)
    (host.state / "lost+found").rmdir()
    yield host
    host.ok("daemon", "stop")
    subprocess.run(["umount", "-R", host.state], check=True)
    assert subprocess.run(["e2fsck", "-fn", disk], capture_output=True).returncode == 0


def fill(path):
    with open(path, "wb", buffering=0) as f, pytest.raises(OSError):
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                if size == 1:
                    raise


def test_full_disk(small_disk, session_host, stock, junk):
    """Every operation that writes says so; what was there before is there afterwards, and works."""
    host = small_disk
    host.ok("image", "import", "small", "--tar", junk / "small.tar")
    free = os.statvfs(host.state).f_bavail
    before = leftovers.snapshot(host)
    host.run("image", "import", "large", "--tar", stock.rootfs).refused("space", operation=True)
    leftovers.assert_nothing_new(host, before)
    assert os.statvfs(host.state).f_bavail >= free - 64
    host.ok("daemon", "stop")
    for kind in ("kernels", "images"):          # what a small disk has no room to import
        subprocess.run(["cp", "-al", session_host.state / kind, host.root], check=True)
        subprocess.run(["mount", "--bind", host.root / kind, host.state / kind], check=True)
    host.ok("vm", "create", "--no-start", "--name", "before", "--net", "none", "--disk-size", "16M", "--image", "debian-bookworm")
    before = leftovers.snapshot(host)
    fill(host.state / "filler")
    host.run("vm", "create", "--name", "late", "--net", "none", "--disk-size", "16M").refused("space", operation=None)
    host.run("vm", "run", "--rm", "--net", "none", "--disk-size", "16M", "--", "true").refused("space", status=125, operation=None)
    host.run("vm", "start", "before").refused("space", operation=None)
    host.run("vm", "set", "before", "--disk-size", "40M").refused("space", operation=None)
    assert {name: vm["state"] for name, vm in host.vms().items()} == {"before": "created"}
    (host.state / "filler").unlink()
    leftovers.assert_nothing_new(host, before)
    host.ok("vm", "start", "before")
    assert host.exec("before", "hostname") == "before\n"
    host.ok("vm", "delete", "--force", "before")


def test_no_vmm(new_host, tmp_path):
    host = new_host(env={"PATH": str(tmp_path)})
    host.ok("vm", "list")
    before = leftovers.snapshot(host)
    result = host.run("vm", "run", "--rm", "--net", "none", "--", "true")
    result.refused("no VMM: .*qemu-system-x86_64", status=125, operation=True)
    assert "install" in result.stderr, result
    assert host.vms() == {}
    leftovers.assert_nothing_new(host, before)
    doctor = host.run("doctor")
    assert doctor.status == 1 and re.search(r"^FAIL\t", doctor.stdout, re.MULTILINE), doctor


def test_no_rights_for_a_network(new_host):
    host = new_host(user=NOBODY)
    before = leftovers.snapshot(host)
    host.run("vm", "create", "--no-start", "--net", "private").refused("network 'private' cannot be made here", operation=False)
    host.run("vm", "run", "--rm", "--net", "nat", "--", "true").refused("network 'nat' cannot be made here", status=125, operation=False)
    assert host.vms() == {}
    host.ok("vm", "create", "--no-start", "--name", "without", "--net", "none")
    host.ok("vm", "delete", "without")
    assert not [x for x in leftovers.snapshot(host).more_than(before) if x[0] in ("link", "nft", "mount", "loop")]


def test_bridge_of_another(new_host):
    """A device of that name which we did not make is not taken."""
    subprocess.run(["ip", "link", "add", "br-fc-other", "type", "bridge"], check=True)
    try:
        host = new_host()
        host.configure("bridge_name = 'br-fc-other'\n")
        host.ok("vm", "list")
        before = leftovers.snapshot(host)
        result = host.run("vm", "run", "--rm", "--net", "private", "--", "true")
        result.refused("br-fc-other", status=125, operation=None)
        assert host.vms() == {}
        leftovers.assert_nothing_new(host, before)
        assert "br-fc-other" in leftovers.bridges()
    finally:
        subprocess.run(["ip", "link", "delete", "br-fc-other"], check=True)


# guests

def test_guest_panics(host):
    """Its memory does not even hold its initrd. The sentence ends with what the console said last, and the VM of vm run is gone."""
    says = "ended before it was ready; its console ends: .*Kernel panic - not syncing"
    host.run("vm", "run", "--rm", "--memory", "64M", "--net", "none", "--", "true").refused(says, status=125, operation=True)
    host.run("vm", "create", "--name", "dies", "--memory", "64M", "--net", "none").refused(says, operation=True)
    if "dies" in host.vms():
        assert host.show("dies")["state"] != "running"
        host.ok("vm", "delete", "dies")


def test_image_with_nothing(host, tmp_path):
    make_tar(tmp_path / "nothing.tar", [member("readme", data=b"nothing to run\n")])
    host.ok("image", "import", "nothing", "--tar", tmp_path / "nothing.tar", "--kernel", "debian")
    try:
        result = host.run("vm", "run", "--rm", "--image", "nothing", "--net", "none", "--", "true")
        assert result.status in (125, 126, 127), result
        assert re.search(r"its console ends: |true", result.stderr), result
    finally:
        host.ok("image", "delete", "nothing")


def test_guest_killed_in_exec(host, new_vm):
    new_vm("victim", "--net", "none")
    before = host.status()["pid"]
    running = host.popen("vm", "exec", "victim", "--", "sh", "-c", "echo begun; sleep 1000")
    assert running.stdout.readline() == b"begun\n"
    os.kill(host.show("victim")["pid"], signal.SIGKILL)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 125, err
    lines = err.decode().splitlines()
    assert re.fullmatch(r"banger: .*connection to 'victim' was lost while the command ran", lines[0]) and lines[1].startswith("  hint: ") and len(lines) == 2, err
    host.wait_state("victim", "stopped")
    assert host.status()["pid"] == before


def test_guest_never_ready(new_host, tmp_path):
    """A kernel that stands still: after ready_timeout the guest is given up, with its last words, and nothing of it is left."""
    host = new_host()
    host.configure('ready_timeout = 5\nbridge_name = "br-fc-never"\nbridge_ip = "172.17.6.1"\n')
    (tmp_path / "vmlinux").write_bytes(standing_kernel("here I stand"))
    host.ok("kernel", "import", "standing", "--vmlinux", tmp_path / "vmlinux")
    assert {d["name"]: d["value"] for d in host.status()["defaults"]}["ready_timeout"] == "5"
    before = leftovers.snapshot(host)
    says = "the guest did not get ready in 5 s; its console ends: here I stand"
    result = host.run("vm", "run", "--rm", "--kernel", "standing", "--", "true").refused(f"start '[a-z-]+': {says}", status=125, operation=True)
    assert "ready_timeout" in result.stderr and 5 < result.seconds < 60, result
    assert host.vms() == {}
    leftovers.assert_nothing_new(host, before)
    host.run("vm", "create", "--name", "stands", "--kernel", "standing").refused(f"start 'stands': {says}", operation=True)
    for name in host.vms():                     # kept or not, it does not run
        assert host.show(name)["state"] != "running" and not host.show(name).get("pid")
        host.ok("vm", "delete", name)
    leftovers.assert_nothing_new(host, before)
    host.ok("vm", "create", "--no-start", "--name", "later", "--kernel", "standing")
    created = leftovers.snapshot(host)
    host.run("vm", "start", "later").refused(f"start 'later': {says}", operation=True)
    shown = host.show("later")
    assert shown["state"] in ("created", "stopped") and not shown.get("pid") and not shown["ready"], shown
    host.ok("vm", "delete", "later")
    leftovers.assert_nothing_new(host, created)
    host.ok("kernel", "rm", "standing")


def test_guest_halts_before_its_hello(new_host, tmp_path):
    """Its VMM stays (that kernel only stands still behind the word), but the word is heard: not at ready_timeout, and again at the next start."""
    host = new_host()
    host.configure('ready_timeout = 600\nbridge_name = "br-fc-halts"\nbridge_ip = "172.17.11.1"\n')
    (tmp_path / "vmlinux").write_bytes(standing_kernel("reboot: System halted"))
    host.ok("kernel", "import", "halting", "--vmlinux", tmp_path / "vmlinux")
    host.ok("vm", "create", "--no-start", "--name", "halts", "--kernel", "halting", "--net", "none")
    created = leftovers.snapshot(host)
    for _ in range(2):
        says = "start 'halts': the guest ended before it was ready; its console ends: .*reboot: System halted"
        result = host.run("vm", "start", "halts").refused(says, operation=True)
        assert result.seconds < 60, result
        assert host.show("halts")["state"] in ("created", "stopped") and not host.show("halts").get("pid")
    host.ok("vm", "delete", "halts")
    leftovers.assert_nothing_new(host, created)
    host.ok("kernel", "rm", "halting")


def test_guest_that_is_not_waited_for(host):
    """A guest that stands still: interrupting the wait ends it, and nothing is left."""
    creating = host.popen("vm", "run", "--rm", "--name", "frozen", "--net", "none", "--", "true")
    wait_stage(creating, b"booting")
    vmm = host.wait_vm("frozen", lambda r: r and r.get("processes"))["processes"][0]["pid"]
    os.kill(vmm, signal.SIGSTOP)
    creating.send_signal(signal.SIGINT)
    _, err = creating.communicate(timeout=60)
    assert creating.returncode in (125, 130, -signal.SIGINT), err
    host.wait_vm("frozen", lambda record: record is None)
    assert pid_gone(vmm)


def wait_stage(process, stage):
    for line in process.stderr:
        if stage in line:
            return
    raise AssertionError(f"no stage {stage} before the end of {process.args}")


@pytest.mark.parametrize("stage", ["making disks", "starting the VMM", "booting"])
def test_cli_killed_in_create(host, stage):
    """The VM is then whole, or was never there."""
    creating = host.popen("vm", "create", "--name", "half", "--net", "private")
    wait_stage(creating, stage.encode())
    creating.kill()
    creating.communicate()
    host.wait_vm("half", lambda r: r is None or r["state"] in ("running", "stopped", "created"), 90)
    there = host.vms().get("half")
    if there:
        if there["state"] != "running":
            host.ok("vm", "start", "half")
        assert host.exec("half", "hostname") == "half\n"
        host.ok("vm", "delete", "--force", "half")


def test_two_daemons(host):
    pid = host.status()["pid"]
    second = host.run("--role", "bangerd", "--root", host.root, timeout=30)
    assert second.status == 1 and re.search(rf"another bangerd \(process {pid}\) serves .*hint=\"banger daemon stop", second.stderr), second
    assert host.status()["pid"] == pid


# varlink peers

HELLO = b'{"method":"org.varlink.service.GetInfo"}\0'


def talk(host, *pieces, close=False):
    """What comes back until the daemon closes or stops to talk; None of it may hurt."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(host.socket))
    got = b""
    try:
        for piece in pieces:
            peer.sendall(piece)
        if close:
            return b""
        while data := peer.recv(65536):
            got += data
    except (ConnectionResetError, BrokenPipeError):
        pass
    except TimeoutError:
        got += b"(still open)"
    finally:
        peer.close()
    return got


@pytest.mark.parametrize("message", [
    b"\xff\xfe\x00garbage\0", b"GET / HTTP/1.1\r\n\r\n\0", b"{}\0", b"[]\0", b"null\0", b'{"method":3}\0', b'{"method":"x"}\0' * 3, b"\0\0\0",
    b'{"method":"io.banger.VmList","parameters":[]}\0', b'{"method":"io.banger.VmShow","parameters":{"vm":{"a":[1]}}}\0',
    b'{"method":"io.banger.Nothing"}\0', b"[" * 100000 + b"\0", b'{"method":"io.banger.VmList","method":"io.banger.VmList"' + b"\0",
])
def test_peer_with_garbage(host, message):
    """An error or the end of the connection, and the daemon serves the others."""
    pid = host.status()["pid"]
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(host.socket))
    peer.sendall(message)
    try:
        answer = peer.recv(65536)
    except ConnectionResetError:
        answer = b""
    peer.close()
    assert answer == b"" or b'"error"' in answer, answer
    assert host.status()["pid"] == pid


@pytest.mark.parametrize("pieces", [[b"\xff\xfe\x00garbage\0"], [b"[" * 100000 + b"\0"], [HELLO[:20]], [b'{"method":"io.banger.Hello.Leaving"}\0' * 100],
                                    [b"x" * (1 << 20)] * 64], ids=["garbage", "deep", "half", "wrong", "huge"])
def test_guest_that_talks_nonsense(host, new_vm, pieces):
    """On the port where guests say hello: its end is cut off, the VM and the daemon go on."""
    new_vm("babbles", "--net", "none")
    pid, hello = host.status()["pid"], host.run_dir / "vms" / host.show("babbles")["id"]
    path = next(path for path in hello.iterdir() if path.is_socket() and "42071" in path.name)
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)                     # half a message is waited for five seconds
    peer.connect(str(path))
    try:
        for piece in pieces:
            peer.sendall(piece)
        while peer.recv(65536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass
    finally:
        peer.close()
    assert host.status()["pid"] == pid
    assert (host.show("babbles")["state"], host.exec("babbles", "hostname")) == ("running", "babbles\n")


class FalseDaemon(threading.Thread):
    """Answers each call on a daemon's socket with the same bytes."""

    def __init__(self, path, pieces, close):
        super().__init__(daemon=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.pieces, self.close = pieces, close
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)

    def run(self):
        kept = []
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            try:
                peer.recv(65536)
                for piece in self.pieces():
                    peer.sendall(piece)
            except OSError:
                pass
            kept.append(peer)
            if self.close:
                peer.close()


def gigabyte():
    piece = b"x" * (1 << 20)
    yield b'{"parameters":{"a":"'
    for _ in range(1024):
        yield piece
    yield b'"}}\0'


@pytest.mark.parametrize("pieces, close", [
    (lambda: [b"\xff\xfe\x00garbage\0"], False), (lambda: [b"HTTP/1.1 400 Bad Request\r\n\r\n\0"], False), (lambda: [b"[]\0"], False),
    (lambda: [b'{"parameters":{"pid":"x"}}\0'], False), (lambda: [b'{"error":7}\0'], False), (lambda: [b'{"parameters":{"pi'], True),
    (lambda: [b"[" * 100000 + b"\0"], False), (gigabyte, False),
], ids=["garbage", "http", "array", "wrong-type", "wrong-error", "half", "deep", "gigabyte"])
@pytest.mark.parametrize("command, status", [(["vm", "list"], 1), (["vm", "run", "--rm", "--", "true"], 125)], ids=["list", "run"])
def test_daemon_that_talks_nonsense(new_host, pieces, close, command, status):
    """The other way round: the command line's user gets a sentence, in bounded time and memory."""
    host = new_host(images=False)
    server = FalseDaemon(host.socket, pieces, close)
    server.start()
    try:
        result = host.run(*command, timeout=30)
        result.refused("daemon", status=status, operation=False)
    finally:
        server.listener.close()
        host.socket.unlink()


def test_peer_with_half_a_message(host):
    pid = host.status()["pid"]
    halves = []
    for _ in range(20):
        halves.append(socket.socket(socket.AF_UNIX))
        halves[-1].connect(str(host.socket))
        halves[-1].sendall(HELLO[:20])
    assert host.status()["pid"] == pid
    for half in halves[:10]:
        half.sendall(HELLO[20:])
        half.settimeout(10)
        assert b'"vendor"' in half.recv(65536)
    for half in halves:
        half.close()
    assert host.status()["pid"] == pid


def test_peer_with_a_gigabyte(host):
    """Refused long before it is all there, and not kept in memory."""
    pid = host.status()["pid"]
    piece = b"x" * (1 << 20)

    def gigabyte():
        yield b'{"method":"'
        for _ in range(1024):
            yield piece
        yield b'"}\0'
    answer = talk(host, *gigabyte())
    assert b"larger than" in answer or answer == b"", answer[:500]
    assert host.status()["pid"] == pid
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 64 * 1024, status
