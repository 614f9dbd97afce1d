#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills daemon, helper or worker in the middle of create, start, run, stop and delete, again and again, and looks each time whether the next
command heals everything: no VM lost, nothing left over. Then runs `vm run --rm -- true` many times.

A moment is an event of the operation: a stage of its progress, a record written, a file or socket made. Each operation is watched once undisturbed to
learn its events; then they are visited in turn, for each of the three processes, with a seeded delay of up to a few milliseconds behind the event.

usage: kill.py [--kills N] [--runs N] [--seed N] [--report FILE]     as root; BANGER_BINARY and BANGER_TEST_CACHE as for the e2e tests
"""
import argparse
import collections
import os
import pathlib
import platform
import random
import re
import select
import signal
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/e2e"))
import leftovers
import waits
from waits import FolderWatch, pid_gone

ROLES = ("daemon", "helper", "worker")
OPERATIONS = ("create", "start", "run", "stop", "delete")
RESTING = ("created", "running", "stopped")
DELAY_S = 0.004
IN_ISDIR = 0x40000000
MEMORY = ["--memory", "512M"]


class Events:
    """What an operation does, as it does it: lines of its progress, and changes below the folders of VMs."""

    def __init__(self, host, process, others):
        """Folders named in `others` are not looked at."""
        self.host, self.process, self.others, self.text = host, process, others, b""
        self.watch = FolderWatch(host.state / "vms", host.run_dir / "vms")
        self.open = True
        for top in (host.state / "vms", host.run_dir / "vms"):
            self.add_folders(top)

    def add_folders(self, top):
        for folder in top.iterdir():
            if folder.is_dir() and folder.name not in self.others:
                self.watch.add(folder)

    def name(self, mask, path):
        """"record written" and the like; None for what the guest does to its disks."""
        what = "made" if mask & waits.IN_CREATE else "gone" if mask & waits.IN_DELETE else "written" if mask & waits.IN_MOVED_TO else None
        if not what:
            return None
        if mask & IN_ISDIR:
            if what == "made" and os.path.isdir(path):
                self.watch.add(path)
            return f"folder {what}"
        base = os.path.basename(path)
        kind = "record" if base.endswith(".json") else "new record" if ".json" in base else f"'{re.sub('^[0-9a-f]{12}', '', base)}'"
        return f"{kind} {what}"

    def next(self):
        """The next event's name; None at the end of the command line."""
        while self.open:
            ready = select.select([self.process.stderr, self.watch.fd], [], [], 150)[0]
            assert ready, "nothing happens any more"
            if self.watch.fd in ready:
                names = [self.name(mask, path) for mask, path in self.watch.events(0)]
                names = [name for name in names if name]
                if names:
                    return names[0]
            elif self.process.stderr in ready:
                data = os.read(self.process.stderr.fileno(), 4096)
                self.open = bool(data)
                self.text += data
                stages = re.findall(rb"^\[vm \w+\] (?:[\w-]+: )?([a-z ]+)$", data, re.MULTILINE)
                if stages:
                    return f"stage: {stages[-1].decode().strip()}"
        return None

    def close(self):
        self.watch.close()


class Soak:
    def __init__(self, host, seed, say=print):
        self.host, self.seed, self.say = host, seed, say
        self.random = random.Random(seed)
        self.histogram = collections.Counter()
        self.outcomes = collections.Counter()
        self.moments = {}
        self.seconds = 0.0

    # one operation

    def prepare(self, operation):
        """Leaves a VM 'target' as the operation needs it; it has a file that must survive."""
        there = self.host.vms().get("target")
        if operation in ("create", "run"):
            if there:
                self.host.ok("vm", "delete", "--force", "target")
        elif operation == "delete":
            if not there:
                self.host.ok("vm", "create", "--no-start", "--name", "target", *MEMORY)
        else:
            if not there:
                self.host.ok("vm", "create", "--name", "target", *MEMORY)
                self.host.exec("target", "sh", "-c", "echo kept > /root/kept; echo kept > /etc/kept; sync")
                there = self.host.show("target")
            if operation == "start" and there["state"] == "running":
                self.host.ok("vm", "stop", "target")
            if operation == "stop" and there["state"] != "running":
                self.host.ok("vm", "start", "target")

    def begin(self, operation):
        lines = {"create": ["vm", "create", "--name", "target", *MEMORY], "start": ["vm", "start", "target"],
                 "run": ["vm", "run", "--rm", "--name", "target", *MEMORY, "--", "true"], "stop": ["vm", "stop", "target"],
                 "delete": ["vm", "delete", "--force", "target"]}
        return self.host.popen(*lines[operation])

    def learn(self):
        for operation in OPERATIONS:
            self.prepare(operation)
            process = self.begin(operation)
            events, names = Events(self.host, process, self.others), []
            while (name := events.next()) is not None:
                names.append(name)
            events.close()
            process.communicate(timeout=60)
            assert process.returncode == 0, f"{operation} undisturbed: {events.text.decode()}"
            self.moments[operation] = names
            self.say(f"{operation}: {len(names)} moments: {', '.join(dict.fromkeys(names))}")

    def kill(self, role, status):
        if role == "worker":
            with open(f"/proc/{status['pid']}/task/{status['pid']}/children") as f:
                pids = [int(pid) for pid in f.read().split() if int(pid) != status["helper_pid"]]
            pid = pids[0] if pids else None
        else:
            pid = status["pid" if role == "daemon" else "helper_pid"]
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        assert pid_gone(pid), f"{role} {pid} does not end"
        return True

    def strike(self, operation, role, index):
        """Runs the operation and kills at its event number `index`, or the first after it where there is such a process. Name of the moment or None."""
        self.prepare(operation)
        status = self.host.status()
        process = self.begin(operation)
        events, number, hit = Events(self.host, process, self.others), 0, None
        while hit is None and (name := events.next()) is not None:
            if number >= index:
                end = time.monotonic() + self.random.uniform(0, DELAY_S)
                while time.monotonic() < end:
                    pass
                if self.kill(role, status):
                    hit = name
            number += 1
        while events.next() is not None:
            pass
        events.close()
        out, err = process.communicate(timeout=120)
        self.last = f"status {process.returncode}: {(events.text + err).decode(errors='replace')[-600:]}"
        self.check_answer(process.returncode)
        return hit

    def check_answer(self, status):
        """Who waits for an answer gets one: success, or one sentence."""
        if status != 0:
            assert re.search(r"^banger: ", self.last.split(": ", 1)[1], re.MULTILINE) or status > 125, f"no word of what happened: {self.last}"

    # and after it

    def heal(self, operation):
        self.host.ok("vm", "list")
        def rest():
            with self.host.varlink() as v:
                if v.call("io.banger.DaemonStatus")["jobs"]:
                    return False
            return all(vm["state"] in RESTING for vm in self.host.vms().values())
        with FolderWatch(self.host.state / "vms") as watch:
            assert watch.until(rest, 90), f"no rest: {self.host.vms()}"
        vms = self.host.vms()
        assert vms["bystander"]["state"] == "running" and vms["bystander"]["pid"] == self.bystander_pid, "the bystander was hit"
        assert self.host.exec("bystander", "echo", "here") == "here\n"
        target = vms.get("target")
        outcome = target["state"] if target else "none"
        allowed = {"create": ("none", "running"), "start": ("running", "stopped"), "run": ("none",), "stop": ("running", "stopped"),
                   "delete": ("none", "created", "running", "stopped")}[operation]
        assert outcome in allowed, f"after {operation}: {outcome}"
        self.outcomes[operation, outcome] += 1
        if operation in ("start", "stop"):
            if outcome != "running":
                self.host.ok("vm", "start", "target")
            assert self.host.exec("target", "cat", "/root/kept", "/etc/kept") == "kept\nkept\n"
        elif outcome == "running":
            assert self.host.exec("target", "echo", "here") == "here\n"

    def clean(self):
        """Without the target all is as it was."""
        if "target" in self.host.vms():
            self.host.ok("vm", "delete", "--force", "target")
        leftovers.assert_nothing_new(self.host, self.before, timeout=20)

    def open(self):
        self.host.ok("vm", "create", "--name", "bystander", *MEMORY)
        bystander = self.host.show("bystander")
        self.bystander_pid, self.others = bystander["pid"], [bystander["id"]]
        self.host.ok("daemon", "stop")          # what an adopting daemon holds is the measure
        self.host.ok("vm", "list")
        self.before = leftovers.snapshot(self.host)

    def plan(self, n):
        """Processes and operations in turn, and over all moments of each."""
        offset = self.random.random()
        for i in range(n):
            role, operation, visit = i % len(ROLES), OPERATIONS[i // len(ROLES) % len(OPERATIONS)], i // (len(ROLES) * len(OPERATIONS))
            place = (offset + visit * 0.618 + role / len(ROLES)) % 1       # the golden ratio leaves no gap for long
            yield operation, ROLES[role], int(place * len(self.moments[operation]))

    def kills(self, n):
        begin = time.monotonic()
        self.open()
        self.learn()
        self.clean()
        for i, (operation, role, index) in enumerate(self.plan(n)):
            hit = None
            while hit is None:
                hit = self.strike(operation, role, index)
                try:
                    self.heal(operation)
                    if hit is None or i % 5 == 4 or operation in ("create", "run", "delete"):
                        self.clean()
                except AssertionError as e:
                    raise AssertionError(f"seed {self.seed}, kill {i}: {role} in {operation} at '{hit}' ({index})\n{e}\n{self.last}\n"
                                         f"{self.host.log_tail(40)}") from e
                index = max(0, index - 1) if hit is None else index
            self.histogram[role, operation, hit] += 1
            self.say(f"kill {i + 1}/{n}: {role} in {operation} at '{hit}'")
        self.clean()
        self.host.ok("vm", "delete", "--force", "bystander")
        self.seconds += time.monotonic() - begin

    def runs(self, n):
        self.host.ok("vm", "list")
        before = leftovers.snapshot(self.host)
        times = []
        for _ in range(n):
            times.append(self.host.ok("vm", "run", "--rm", *MEMORY, "--", "true").seconds)
        leftovers.assert_nothing_new(self.host, before)
        four = [self.host.popen("vm", "run", "--rm", *MEMORY, "--", "true") for _ in range(4)]
        outputs = [process.communicate(timeout=180) for process in four]
        assert [process.returncode for process in four] == [0] * 4, outputs
        leftovers.assert_nothing_new(self.host, before)
        self.times = sorted(times)

    # what came of it

    def table(self):
        rows = [f"| {'process':8} | " + " | ".join(f"{o:>7}" for o in (*OPERATIONS, "all")) + " |", "|" + "---|" * (len(OPERATIONS) + 2)]
        for role in ROLES:
            counts = [sum(n for (r, o, _), n in self.histogram.items() if (r, o) == (role, operation)) for operation in OPERATIONS]
            rows.append(f"| {role:8} | " + " | ".join(f"{n:7}" for n in (*counts, sum(counts))) + " |")
        return "\n".join(rows)

    def moments_table(self):
        rows = ["| operation | moment | daemon | helper | worker |", "|---|---|---|---|---|"]
        for operation, moment in sorted({(o, m) for _, o, m in self.histogram}):
            rows.append(f"| {operation} | {moment} | " + " | ".join(str(self.histogram[role, operation, moment]) for role in ROLES) + " |")
        return "\n".join(rows)

    def report(self, kills, runs):
        outcomes = "\n".join(f"| {o} | {s} | {n} |" for (o, s), n in sorted(self.outcomes.items()))
        return f"""# The long run

Made by `scripts/test --soak` (test/soak/kill.py): seed {self.seed}, {kills} kills in {self.seconds / 60:.0f} minutes, {runs} runs; {os.cpu_count()} processors,
Linux {platform.release()}, version {self.host.ok("version").stdout.split()[1]}.

Each time the process was ended by SIGKILL at a moment of the operation; the next command found or made everything whole: no VM lost, the VM that ran
beside it untouched, and nothing left over (process, link, rule, mount, loop device, file, descriptor of daemon or helper).

{self.table()}

What became of the VM the operation was about:

| operation | afterwards | times |
|---|---|---|
{outcomes}

Moments:

{self.moments_table()}

`vm run --rm -- true`, {runs} times in a row, then 4 at once: nothing left. Seconds each: fastest {self.times[0]:.1f}, middle {self.times[len(self.times) // 2]:.1f},
slowest {self.times[-1]:.1f}.
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--report")
    args = parser.parse_args()
    import namespaces
    from host import Host
    from stock import Stock
    stock = Stock(os.environ.get("BANGER_TEST_CACHE") or pathlib.Path.home() / ".cache/banger-test")
    namespaces.enter()
    print(f"seed {args.seed}", flush=True)
    host = Host(pathlib.Path(os.environ.get("BANGER_BINARY") or TOP / "build/src/banger").resolve())
    try:
        host.ok("kernel", "import", "debian", "--deb", stock.deb)
        host.ok("image", "import", "debian-bookworm", "--tar", stock.rootfs, "--kernel", "debian")
        soak = Soak(host, args.seed, lambda text: print(text, flush=True))
        if args.kills:
            soak.kills(args.kills)
            print(soak.table(), soak.moments_table(), sep="\n\n", flush=True)
        soak.runs(args.runs)
        if args.report:
            pathlib.Path(args.report).write_text(soak.report(args.kills, args.runs))
    finally:
        host.close()


if __name__ == "__main__":
    main()
