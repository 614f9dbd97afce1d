# SPDX-License-Identifier: GPL-2.0-or-later
"""image import from everything a root file system comes in: the content is what GNU tar makes of the same file, whatever the compression."""
import bz2
import gzip
import hashlib
import lzma
import os
import pathlib
import re
import stat
import subprocess
import tarfile

import pytest

from stock import busybox_tree, make_tar, member

LONG = "var/" + "/".join("long-" + "x" * 60 + str(i) for i in range(4)) + "/file"
COMPRESSIONS = {
    "plain": lambda data: data,
    "gz": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "bz2": lambda data: bz2.compress(data, 1),
    "zst": lambda data: subprocess.run(["zstd", "-1qc"], input=data, capture_output=True, check=True).stdout,
    "lz4": lambda data: subprocess.run(["lz4", "-1qc"], input=data, capture_output=True, check=True).stdout,
}
# What an import adds to a tree without any init.
ADDED = {"usr", "usr/local", "usr/local/bin", "usr/local/bin/banger-vsock-agent", "lost+found"}


def tree():
    """A bootable tree with everything a tar can say about a file."""
    yield from busybox_tree()
    yield member("home", tarfile.DIRTYPE, mode=0o2775, uid=1000, gid=50, mtime=1000000000)
    yield member("home/secret", data=b"secret\n", mode=0o4750, uid=1000, gid=1000000, mtime=1234567890)
    yield member("home/same", tarfile.LNKTYPE, target="home/secret")
    yield member("home/link", tarfile.SYMTYPE, target="../" + "y" * 100)
    yield member("home/pipe", tarfile.FIFOTYPE)
    yield member("home/null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
    yield member("home/empty")
    yield member("home/holes", data=bytes(3 << 20) + b"end")
    yield member("home/ü", data="ü".encode())
    yield member(LONG, data=b"deep")
    yield member("home/tagged", data=b"x", pax_headers={"SCHILY.xattr.user.note": "tagged"})
    for i in range(600):
        yield member(f"var/many/{i:04}", data=str(i).encode())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The tar in every form, by name, and 'tree': it unpacked."""
    folder = tmp_path_factory.mktemp("forms")
    plain = make_tar(folder / "rootfs.tar", tree()).read_bytes()
    made = {"tree": folder / "tree", "ext4": folder / "rootfs.ext4"}
    for name, compress in COMPRESSIONS.items():
        made[name] = folder / f"rootfs-{name}"          # the content says what it is, not the name
        made[name].write_bytes(compress(plain))
    made["tree"].mkdir()
    subprocess.run(["tar", "-xpf", made["plain"], "-C", made["tree"], "--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*"], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", made["tree"], made["ext4"], "64M"], check=True, capture_output=True)
    return made


def content(top):
    """{path: all there is to say about it}."""
    found, links = {}, {}
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind, data = stat.S_IFMT(st.st_mode), None
            if kind == stat.S_IFREG:
                data = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
            elif kind == stat.S_IFLNK:
                data = os.readlink(path)
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                data = st.st_rdev
            relative = os.path.relpath(path, top)
            same = links.setdefault((st.st_ino, st.st_dev), set())
            same.add(relative)
            xattrs = {x: os.getxattr(path, x, follow_symlinks=False) for x in os.listxattr(path, follow_symlinks=False)}
            found[relative] = (oct(st.st_mode), st.st_uid, st.st_gid, int(st.st_mtime) if kind == stat.S_IFREG else None, data, xattrs, same)
    return found


def image_content(image, at):
    at.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", image, at], check=True)
    try:
        return content(at)
    finally:
        subprocess.run(["umount", at], check=True)


def import_form(host, name, option, file, *more):
    host.ok("image", "import", name, option, file, *more)
    shown = host.ok("image", "show", "--json", name).json
    assert (shown["state"], shown["has_init"]) == ("ready", False), shown
    image = host.state / "images" / shown["id"] / "rootfs.ext4"
    checked = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True)
    assert checked.returncode == 0, checked
    return image


@pytest.mark.parametrize("form", [*COMPRESSIONS, "ext4"])
def test_content(host, files, tmp_path, form):
    image = import_form(host, f"from-{form}", "--ext4" if form == "ext4" else "--tar", files[form])
    try:
        got, want = image_content(image, tmp_path / "mounted"), content(files["tree"])
    finally:
        host.ok("image", "delete", f"from-{form}")
    assert set(want) - set(got) == set() and set(got) - set(want) <= ADDED
    assert {path: got[path] for path in want if got[path] != want[path]} == {}


def test_debugfs_sees_it_too(host, files):
    """Without the kernel: another reader, on the most compressed form."""
    image = import_form(host, "from-xz", "--tar", files["xz"])
    try:
        def ask(request):
            return subprocess.run(["debugfs", "-R", request, image], capture_output=True, check=True).stdout.decode()
        assert ask("cat /home/secret") == "secret\n"
        assert re.search(r"Mode: +04750 (.*\n)*User: +1000 +Group: +1000000 (.*\n)*Links: 2", ask("stat /home/secret")), ask("stat /home/secret")
        assert 'user.note (6) = "tagged"' in ask("ea_list /home/tagged")
    finally:
        host.ok("image", "delete", "from-xz")


@pytest.mark.parametrize("form", ["zst", "ext4"])
def test_boots(host, files, form):
    import_form(host, "bootable", "--ext4" if form == "ext4" else "--tar", files[form], "--kernel", "debian")
    try:
        out = host.ok("vm", "run", "--rm", "--image", "bootable", "--net", "none", "--", "sh", "-c", f"cat /home/secret /{LONG}; stat -c '%a %u' /home/same").stdout
        assert out == "secret\ndeep4750 1000\n"
    finally:
        host.ok("image", "delete", "bootable")


@pytest.mark.parametrize("form", [form for form in COMPRESSIONS if form != "plain"])
@pytest.mark.parametrize("damage", ["cut", "corrupt"])
def test_damaged(host, files, tmp_path, form, damage):
    data = bytearray(files[form].read_bytes())
    middle = len(data) // 2
    if damage == "cut":
        data = data[:middle]
    else:
        data[middle:middle + 4096] = bytes((i * 37 + i // 11) & 0xff for i in range(4096))
    (tmp_path / "damaged").write_bytes(data)
    before = host.ok("image", "list", "--json").json
    host.run("image", "import", "bad", "--tar", tmp_path / "damaged").refused("truncated|damaged|corrupt|ends early|cut", operation=True)
    assert host.ok("image", "list", "--json").json == before
