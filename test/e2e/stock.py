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


def member(name, kind=tarfile.REGTYPE, data=b"", mode=None, target="", **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), target
    info.mode = mode if mode is not None else 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def busybox_tree():
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    yield from (member(name, tarfile.DIRTYPE) for name in ("bin", "dev", "proc", "sys", "run", "tmp", "etc", "root", "var"))
    yield member("bin/busybox", data=pathlib.Path(BUSYBOX).read_bytes(), mode=0o755)
    yield from (member(f"bin/{name}", tarfile.SYMTYPE, target="busybox") for name in applets if name not in ("busybox", "init"))
    yield member("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\n")
    yield member("etc/group", data=b"root:x:0:\n")


def make_tar(path, members, mode="w"):
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path
