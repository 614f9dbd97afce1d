# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests are made of: files of the cache, and small trees made on the spot."""
import functools
import io
import lzma
import pathlib
import subprocess
import tarfile
import tempfile

BUSYBOX = "/bin/busybox"


class Stock:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        subprocess.run([pathlib.Path(__file__).with_name("make-stock"), self.folder], check=True)
        self.deb, self.rootfs, self.networkd = (self.folder / name for name in ("kernel.deb", "rootfs.tar", "networkd.tar"))
        self.temporary = tempfile.TemporaryDirectory(prefix="banger-stock-", dir="/tmp")
        self.work = pathlib.Path(self.temporary.name)

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
        """The ELF file inside vmlinuz, found by another program's eyes: its xz stream."""
        data = self.vmlinuz.read_bytes()
        at = data.index(b"\xfd7zXZ\0")
        path = self.work / "vmlinux"
        path.write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data[at:]))
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
