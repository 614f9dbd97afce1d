# SPDX-License-Identifier: GPL-2.0-or-later
"""make_tar.py KIND FILE: archives that ordinary programs would not write."""
import io
import sys
import tarfile

ENTRY = dict(mtime=1700000000.25)


class Tar:
    def __init__(self, path):
        self.t = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", **facts):
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(data)
        for k, v in {**ENTRY, **facts}.items():
            setattr(info, k, v)
        self.t.addfile(info, io.BytesIO(data) if data else None)

    def dir(self, name, **facts):
        self.add(name, tarfile.DIRTYPE, **{"mode": 0o755, **facts})

    def link(self, name, to):
        self.add(name, tarfile.LNKTYPE, linkname=to)

    def sym(self, name, to):
        self.add(name, tarfile.SYMTYPE, linkname=to)

    def close(self):
        self.t.close()


def mixed(t):
    """Everything at once; the test knows what must come of it."""
    t.dir("./", mode=0o711, uid=7)
    t.dir("usr")
    t.dir("usr/lib")
    t.sym("lib", "usr/lib")
    t.sym("abs", "/usr/../../usr/lib/.")
    t.add("lib/through", data=b"through a link")
    t.add("abs/through2", data=b"through an absolute link")
    t.add("/rooted", data=b"leading slash")
    t.add("././dotted", data=b"leading dots")
    t.link("before", "target")
    t.link("before2", "./before")
    t.add("target", data=b"came later")
    t.link("target", "target")
    t.add("dup", data=b"1" * 9000)
    t.add("dup", data=b"2")
    t.add("file-to-dir", data=b"gone")
    t.dir("file-to-dir", mode=0o700)
    t.add("file-to-dir/in", data=b"in")
    t.add("dir-to-file/a/b/c", data=b"deep")
    t.link("survivor", "dir-to-file/a/b/c")
    t.add("dir-to-file", data=b"a file now")
    t.sym("sym-to-dir", "usr")
    t.dir("sym-to-dir")
    t.add("sym-to-dir/own", data=b"own")
    t.dir("implied/parents/", mode=0o750)
    t.add("null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    t.add("blk", tarfile.BLKTYPE, devmajor=259, devminor=70000)
    t.add("fifo", tarfile.FIFOTYPE, mode=0o600)
    t.sym("long-sym", "a/" * 1000 + "b")
    t.sym("sym-60", "s" * 60)
    t.sym("sym-59", "s" * 59)
    t.add("n" * 255, data=b"longest name")
    t.add("\u00fcml\u00e4ut \U0001f600", data=b"names", uid=1234567, gid=7654321, mode=0o4755)
    t.add("capable", data=b"x", pax_headers={"SCHILY.xattr.user.a": "hello", "SCHILY.xattr.security.x": "\x01\x02",
                                             "SCHILY.xattr.com.apple.y": "left out", "SCHILY.xattr.system.data": "left out"})
    t.dir("acl-dir", mode=0o1750, pax_headers={
        "SCHILY.xattr.user.d": "on a folder", "SCHILY.acl.access": "user::rwx,user:1000:r-x,group::r-x,mask::r-x,other::---",
        "SCHILY.acl.default": "user::rwx,group::r-x,group:8:r-x,mask::r-x,other::---"})
    t.dir("acl-names", pax_headers={"SCHILY.acl.access": "user::rwx,user:lisa:r-x,group::r-x,mask::r-x,other::---"})
    t.add("xattr-big", data=b"", pax_headers={"SCHILY.xattr.user.big": "v" * 3000})
    t.add("old", data=b"", mtime=-1000000000)
    t.add("future", data=b"", mtime=7000000000)


def folders(t):
    """Index with one level, with two, and more subfolders than a link count holds."""
    for i in range(3000):
        t.add("one/file-%06d" % i, data=b"%d" % i)
    for i in range(9000):
        t.add("two/" + ("%05d" % i).ljust(250, "x"))
    for i in range(65100):
        t.dir("dirs/%d" % i)


def bad(what):
    def make(t):
        t.add("good", data=b"good")
        what(t)
    return make


KINDS = {
    "mixed": mixed,
    "folders": folders,
    "dotdot": bad(lambda t: t.add("a/../../b", data=b"x")),
    "dotdot-end": bad(lambda t: t.dir("a/..")),
    "link-dotdot": bad(lambda t: t.link("a", "../../etc/passwd")),
    "link-nowhere": bad(lambda t: t.link("a", "nowhere")),
    "link-dir": bad(lambda t: (t.dir("d"), t.link("a", "d"))),
    "link-root": bad(lambda t: t.link("a", "/")),
    "sym-loop": bad(lambda t: (t.sym("l", "l"), t.add("l/x", data=b"x"))),
    "below-file": bad(lambda t: t.add("good/x", data=b"x")),
    "root-file": bad(lambda t: t.add(".", data=b"x")),
    "long-name": bad(lambda t: t.add("n" * 256, data=b"x")),
    "long-path": bad(lambda t: t.add("d/" * 2100 + "f", data=b"x")),
    "empty-sym": bad(lambda t: t.sym("s", "")),
    "big-xattr": bad(lambda t: t.add("x", pax_headers={"SCHILY.xattr.user.big": "v" * 5000})),
    "bad-acl": bad(lambda t: t.add("x", pax_headers={"SCHILY.xattr.system.posix_acl_access": "\x02\x00\x00\x00zzz"})),
    "big-uid": bad(lambda t: t.add("x", uid=1 << 33)),
    "inodes": lambda t: [t.add("f%d" % i) for i in range(3000)],
    "space": lambda t: t.add("big", data=b"x" * (20 << 20)),
}

if __name__ == "__main__":
    tar = Tar(sys.argv[2])
    KINDS[sys.argv[1]](tar)
    tar.close()
