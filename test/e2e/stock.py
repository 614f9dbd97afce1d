# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests are made of: files of the cache, and small trees made on the spot."""
import fcntl
import functools
import io
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile

BUSYBOX = "/bin/busybox"
UNPACKERS = {b"\x1f\x8b": ["gzip", "-dc"], b"\xfd7zXZ": ["xz", "-dc"], b"\x28\xb5\x2f\xfd": ["zstd", "-dc"], b"\x02\x21\x4c\x18": ["lz4", "-dc"],
             b"BZh": ["bzip2", "-dc"], b"\x5d\0\0": ["xz", "-dc", "--format=lzma"]}

# As it shuts down it leaves a mark, so that a shutdown in order can be told from another.
INITTAB = b"""::sysinit:/bin/true
::respawn:/bin/sleep 100000
::ctrlaltdel:/bin/reboot
::shutdown:/bin/touch /root/shut-down
"""


class Stock:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        subprocess.run([pathlib.Path(__file__).with_name("make-stock"), self.folder], check=True)
        self.deb, self.rootfs, self.networkd = (self.folder / name for name in ("kernel.deb", "rootfs.tar", "networkd.tar"))
        self.varlink_library = self.get_varlink_library()
        self.temporary = tempfile.TemporaryDirectory(prefix="banger-stock-", dir="/tmp")
        self.work = pathlib.Path(self.temporary.name)

    def get_varlink_library(self):
        """The folder of the Python varlink library, from the package index; None where that cannot be reached."""
        venv = self.folder / "varlink-library"
        with open(self.folder / "varlink-library.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in ([sys.executable, "-m", "venv", "--clear", venv], [venv / "bin/python3", "-m", "pip", "-q", "install", "varlink==31.0.0"]):
                if not (found := list(venv.glob("lib/python*/site-packages/varlink"))) and subprocess.run(command, capture_output=True).returncode:
                    return None
        return (found or list(venv.glob("lib/python*/site-packages/varlink")))[0].parent

    @functools.cached_property
    def kernel_tree(self):
        """The package as dpkg unpacks it."""
        tree = self.work / "kernel"
        subprocess.run(["dpkg-deb", "-x", self.deb, tree], check=True)
        return tree

    @functools.cached_property
    def vmlinuz(self):
        return next((self.kernel_tree / "boot").glob("vmlinuz-*"))

    @functools.cached_property
    def modules(self):
        return next((self.kernel_tree / "lib/modules").iterdir())

    @property
    def release(self):
        return self.modules.name

    @functools.cached_property
    def vmlinux(self):
        """The ELF file inside vmlinuz: where the header says that the payload is (docs.kernel.org/arch/x86/boot.html), unpacked by the host's
        program for it. Behind the payload's end lies its unpacked size."""
        data = self.vmlinuz.read_bytes()
        offset, length = struct.unpack_from("<II", data, 0x248)
        at = (data[0x1f1] + 1) * 512 + offset
        payload, size = data[at:at + length - 4], struct.unpack_from("<I", data, at + length - 4)[0]
        program = next(program for magic, program in UNPACKERS.items() if payload.startswith(magic))
        path = self.work / "vmlinux"
        path.write_bytes(subprocess.run(program, input=payload, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        assert path.stat().st_size == size and path.read_bytes().startswith(b"\x7fELF"), program
        return path

    @functools.cached_property
    def busybox(self):
        """A bare tree: busybox and nothing else, no init."""
        path = self.work / "busybox.tar"
        make_tar(path, busybox_tree())
        return path

    @functools.cached_property
    def light(self):
        """What most guests of the tests are made of: they are there, and gone, in a fraction of what systemd takes under emulation."""
        path = self.work / "light.tar"
        make_tar(path, light_tree())
        return path


def standing_kernel(says):
    """A kernel that says one line on the serial port and then stands still for ever: an ELF file with a PVH entry and Linux's version text, no
    more. Its code is 32 bit: cli; mov esi, text; next: lodsb; test al, al; jz stand; mov dx, 0x3f8; out dx, al; jmp next; stand: hlt; jmp stand"""
    at, head = 0x100000, 64 + 2 * 56
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", 0)                # XEN_ELFNOTE_PHYS32_ENTRY
    code_at = head + len(note)
    code = bytes.fromhex("fa be 00000000 ac 84c0 7407 66baf803 ee ebf4 f4 ebfd")
    code = code.replace(b"\xbe" + bytes(4), b"\xbe" + struct.pack("<I", at + code_at + len(code)), 1)
    note = note[:16] + struct.pack("<Q", at + code_at)
    body = note + code + says.encode() + b"\r\n\0" + b"Linux version 9.9.9-standing (nobody) #1\0"
    size = head + len(body)
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, at + code_at, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, at, at, size, size, 4096)
    notes = struct.pack("<IIQQQQQQ", 4, 4, head, at + head, at + head, len(note), len(note), 4)
    return elf + load + notes + body


def member(name, kind=tarfile.REGTYPE, data=b"", mode=None, target="", **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), target
    info.mode = mode if mode is not None else 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def busybox_tree():
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    yield from (member(name, tarfile.DIRTYPE) for name in ("bin", "dev", "proc", "sys", "run", "tmp", "etc", "var"))
    yield member("root", tarfile.DIRTYPE, mode=0o700)
    yield member("bin/busybox", data=pathlib.Path(BUSYBOX).read_bytes(), mode=0o755)
    yield from (member(f"bin/{name}", tarfile.SYMTYPE, target="busybox") for name in applets if name not in ("busybox", "init"))
    yield member("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\n")
    yield member("etc/group", data=b"root:x:0:\n")


def light_tree():
    """Busybox without an init, so PID 1 is ours; and a few files to find, as every distribution has them."""
    yield from busybox_tree()
    yield from (member(name, tarfile.DIRTYPE) for name in ("usr", "usr/lib"))
    yield member("usr/lib/os-release", data=b"ID=light\n")
    yield member("etc/os-release", tarfile.SYMTYPE, target="../usr/lib/os-release")


def with_busybox_init():
    yield from busybox_tree()
    yield member("sbin", tarfile.DIRTYPE)
    yield member("sbin/init", tarfile.SYMTYPE, target="../bin/busybox")
    yield member("etc/inittab", data=INITTAB)


def make_tar(path, members, mode="w"):
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path
