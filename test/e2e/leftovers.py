# SPDX-License-Identifier: GPL-2.0-or-later
"""The one checker of what may be left behind: processes (zombies of PID 1 excepted), links, nftables, mounts, loop devices, files, descriptors of
daemon and helper. A snapshot is a multiset of lines for each of these; what a later one has more is left over."""
import collections
import json
import os
import pathlib
import re
import subprocess
import time

from varlink_raw import Varlink
from waits import pid_gone

# Files that a daemon has for as long as it lives, and a kernel's initrd of one build, which is kept.
KEPT = re.compile(r"^(state/bangerd\.log|run/(bangerd\.(sock|lock)|helper\.(sock|lock)|jail)|state/kernels/[^/]+/initrd-[0-9a-f]+)$")
ROLES = {"bangerd": "daemon", "bangerd-root": "helper", "banger-worker": "worker", "banger-vhost-vsock": "vhost"}


class Process:
    def __init__(self, pid):
        folder = pathlib.Path("/proc") / str(pid)
        self.pid = pid
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        self.zombie, self.parent = fields[0] in "ZX", int(fields[1])
        self.args = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        self.name = (folder / "comm").read_text().strip()
        try:
            self.netns = os.readlink(folder / "ns/net")
            self.exe = os.readlink(folder / "exe")
        except OSError:
            self.netns = self.exe = ""
        self.role = ROLES.get(os.path.basename(self.args[0])) if self.args else None

    def uses(self, folder):
        """Has files below the folder, or names it."""
        if any(folder in arg for arg in self.args):
            return True
        try:
            names = [os.readlink(f"/proc/{self.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{self.pid}/fd")]
        except OSError:
            return False
        return any(name.startswith(folder + "/") for name in names)

    def wait_gone(self, timeout):
        return pid_gone(self.pid, timeout)

    def __repr__(self):
        return f"{'zombie ' if self.zombie else ''}{self.name}: {' '.join(self.args)[:300]}"


def processes(folder=None):
    """Those in our network namespace, children of theirs that are zombies, and those that use the folder; never ourselves."""
    ours, found, zombies = os.readlink("/proc/self/ns/net"), {}, []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            process = Process(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if process.zombie:
            zombies.append(process)
        elif process.args and (process.netns == ours if folder is None else process.uses(folder)):
            found[process.pid] = process
    parents = set(found) | {os.getpid()}
    return list(found.values()) + [z for z in zombies if z.parent in parents and z.parent != 1]


def links():
    """But for bridges of banger, which go with the daemon (Host.close looks)."""
    out = subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout
    return [f"{link['ifname']} ({link.get('link_type')})" for link in json.loads(out or "[]") if not link["ifname"].startswith("br-fc")]


def bridges():
    out = subprocess.run(["ip", "-json", "link", "show", "type", "bridge"], capture_output=True, check=True).stdout
    return [link["ifname"] for link in json.loads(out or "[]") if link]


def nft():
    out = subprocess.run(["nft", "-j", "list", "ruleset"], capture_output=True, check=True).stdout
    lines = []
    for entry in json.loads(out)["nftables"]:
        if "metainfo" in entry:
            continue
        for value in entry.values():
            value.pop("handle", None)
        lines.append(json.dumps(entry, sort_keys=True))
    return lines


def mounts():
    with open("/proc/self/mountinfo") as f:
        return [" ".join(line.split()[3:5]) + " " + line.split(" - ", 1)[1].split()[0] for line in f]


def loops(folder):
    """Loop devices over files below the folder: the machine may have others."""
    out = subprocess.run(["losetup", "--json", "--list", "--output", "NAME,BACK-FILE"], capture_output=True, check=True).stdout
    devices = json.loads(out)["loopdevices"] if out.strip() else []
    return [d["back-file"] for d in devices if d["back-file"] and d["back-file"].startswith(str(folder))]


def files(root):
    found = []
    for top in ("state", "run"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            found += [os.path.relpath(os.path.join(folder, name), root) for name in folders + names]
    return [name for name in found if not KEPT.match(name)]


def descriptors(root):
    """{who: number}; nobody is asked where no daemon runs."""
    try:
        with Varlink(os.path.join(root, "run/bangerd.sock")) as v:
            status = v.call("io.banger.DaemonStatus")
    except (FileNotFoundError, ConnectionError):
        return {}
    counts = {"daemon": status["descriptors"]}
    try:
        counts["helper"] = len(os.listdir(f"/proc/{status.get('helper_pid')}/fd"))
    except OSError:
        pass
    return counts


class Snapshot:
    def __init__(self, host):
        root = str(host.root)
        self.lines = {"process": collections.Counter(map(repr, processes())), "link": collections.Counter(links()), "nft": collections.Counter(nft()),
                      "mount": collections.Counter(mounts()), "loop": collections.Counter(loops(root)), "file": collections.Counter(files(root))}
        self.descriptors = descriptors(root)

    def more_than(self, before):
        """[(kind, line)] that this one has and `before` has not."""
        found = [(kind, line) for kind in self.lines for line in (self.lines[kind] - before.lines[kind]).elements()]
        for who, n in self.descriptors.items():
            if who in before.descriptors and n > before.descriptors[who]:
                found.append(("descriptor", f"{who} has {n}, had {before.descriptors[who]}"))
        return found


def snapshot(host):
    return Snapshot(host)


def assert_nothing_new(host, before, timeout=10):
    """What ends in its own time (an exiting process, a connection being closed) gets that much of it."""
    deadline = time.monotonic() + timeout
    while True:
        left = Snapshot(host).more_than(before)
        if not left:
            return
        if time.monotonic() > deadline:
            raise AssertionError("left over:\n" + "\n".join(f"  {kind}: {line}" for kind, line in left))
        time.sleep(0.02)        # nothing tells of a link, a rule or a descriptor that goes
