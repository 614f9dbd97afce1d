# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots and connections that owe nothing to the daemon: QEMU alone on the same files, and bare vsock connections."""
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import time

HELLO_PORT = 42071
CID = "3"

# AF_VSOCK is 40; a sockaddr_vm is family, 0, port, CID, flags. One byte says the way, the answer to it is N bytes or one.
PERL = r"""
sub take { my $n = $_[1]; while ($n > 0) { my $r = sysread($_[0], my $b, $n > 65536 ? 65536 : $n); exit 1 unless $r; $n -= $r } }
sub give { my $n = $_[1]; my $z = "z" x 65536; while ($n > 0) { my $r = syswrite($_[0], $z, $n > 65536 ? 65536 : $n); exit 1 unless $r; $n -= $r } }
sub serve { my ($in, $out, $n) = @_; sysread($in, my $way, 1) or exit 1;
	if ($way eq "r") { syswrite($out, "r"); take($in, $n); syswrite($out, "k") } elsif ($way eq "w") { give($out, $n) } else { behind_pipe($way, $in, $n) } }
# The least that any command costs: another process, and a pipe of the same size as exec's to it.
sub behind_pipe { my ($way, $s, $n) = @_; pipe(R, W); fcntl(W, 1031, 262144);
	if ($way eq "W") { my $pid = fork(); if (!$pid) { close(R); give(*W, $n); exit 0 } close(W); relay(*R, $s, $n); waitpid($pid, 0) }
	else { syswrite($s, "r"); my $pid = fork(); if (!$pid) { close(W); take(*R, $n); exit 0 } close(R); relay($s, *W, $n); close(W); waitpid($pid, 0); syswrite($s, "k") } }
sub relay { my ($from, $to, $n) = @_; while ($n > 0) { my $r = sysread($from, my $b, $n > 65536 ? 65536 : $n); exit 1 unless $r; $n -= $r;
	for (my $o = 0; $o < $r; ) { my $w = syswrite($to, $b, $r - $o, $o); exit 1 unless $w; $o += $w } } }
"""
PERL_VSOCK = PERL + r"""
socket(L, 40, 1, 0) && bind(L, pack("SSLLL", 40, 0, $ARGV[0], 0xffffffff, 0)) && listen(L, 4) or die $!;
syswrite(STDOUT, "listening\n");
while (accept(C, L)) { serve(*C, *C, $ARGV[1]); close(C) }
"""
PERL_PIPES = PERL + "serve(*STDIN, *STDOUT, $ARGV[0]);"


def arguments(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def qemu_of(vm_id):
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            args = arguments(proc.name)
        except OSError:
            continue
        if args and args[0].endswith("qemu-system-x86_64") and f"banger-{vm_id}" in " ".join(args):
            return proc.name
    raise SystemExit(f"no QEMU of VM '{vm_id}'")


class Bare:
    """The command line of a running VM, with copies of fresh disks, a tap and a vsock device of its own."""

    def __init__(self, binary, vm_id, fresh, folder):
        self.binary, self.folder, self.fresh = binary, pathlib.Path(folder), fresh
        pid = qemu_of(vm_id)
        self.args, args = [], iter(arguments(pid))
        link = lambda fd: os.readlink(f"/proc/{pid}/fd/{fd}")
        self.copies = {}
        for arg in args:
            if arg == "-add-fd":
                next(args)  # the descriptors of a set are renumbered: its file is told by the drive's role
            elif arg == "-qmp":
                next(args)
                self.args += ["-qmp", f"unix:{self.folder}/api.sock,server=on,wait=off"]
            else:
                self.args.append(arg)
        roles = dict(re.findall(r"drive=d(\d+),serial=(\w+)", " ".join(self.args)))
        open_files = {os.readlink(p) for p in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        names = {"base": "rootfs.ext4", "work": "work.ext4", "modules": "modules.ext4", "store": "root.store"}
        for i, arg in enumerate(self.args):
            arg = re.sub(r"/proc/self/fd/(\d+)", lambda m: link(m[1]), arg)
            arg = re.sub(r"^tap,id=n0,fd=\d+", "tap,id=n0,ifname=bench0,script=no,downscript=no", arg)
            number = re.search(r"/dev/fdset/(\d+)", arg)
            if number:
                name = names[roles[str(int(number[1]) - 1)]]
                path = next(p for p in open_files if p.endswith("/" + name))
                if (self.fresh / name).exists():
                    self.copies[name] = path = f"{self.folder}/{name}"
                arg = arg.replace(number[0], path)
            self.args[i] = arg

    def boot(self):
        """Seconds from the start of QEMU to the guest's call of the hello port."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in self.copies:
            subprocess.run(["cp", "--sparse=always", self.fresh / name, self.folder / name], check=True)
        uds = f"{self.folder}/v.sock"
        hello, device = (socket.socket(socket.AF_UNIX) for _ in range(2))
        hello.bind(f"{uds}_{HELLO_PORT}")
        device.bind(uds)
        hello.listen(4)
        device.listen(4)
        ours, theirs = socket.socketpair()
        with open(f"{self.folder}/console.log", "wb") as console, open(f"{self.folder}/vmm.log", "wb") as log:
            fds = (ours.fileno(), device.fileno())
            begin = time.monotonic()
            vhost = subprocess.Popen([self.binary, "--role", "banger-vhost-vsock", *map(str, fds), CID, uds, "bench"], pass_fds=fds, stderr=log)
            args = [re.sub(r"^(socket,id=vhost,fd=)\d+", rf"\g<1>{theirs.fileno()}", arg) for arg in self.args]
            qemu = subprocess.Popen(args, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=console, stderr=log)
        ready = select.select([hello, os.pidfd_open(qemu.pid)], [], [], 60)[0]
        took = time.monotonic() - begin
        for process in (qemu, vhost):
            process.kill()
            process.wait()
        for s in (hello, device, ours, theirs):
            s.close()
        assert hello in ready, f"QEMU alone said no hello: {(self.folder / 'vmm.log').read_text()}"
        return took


class Speed:
    """Bytes through exec and through a vsock connection to the same guest, both to and from the same few lines of Perl."""

    def __init__(self, host, vm, bytes_):
        self.host, self.vm, self.bytes = host, vm, bytes_
        self.uds = str(host.run_dir / "vms" / host.show(vm)["id"] / "v.sock")
        self.port = 5555
        self.server = host.popen("vm", "exec", vm, "--", "perl", "-e", PERL_VSOCK, self.port, bytes_)
        line = self.server.stdout.readline()
        assert line == b"listening\n", (line, self.server.stderr.read())

    def move(self, write, read, way, ask=None):
        block = b"z" * 65536
        if way == "in":
            write(ask or b"r")
            assert read(1) == b"r"
            begin, left = time.monotonic(), self.bytes
            while left:
                left -= write(block[:left])
            assert read(1) == b"k"
        else:
            begin, left = time.monotonic(), self.bytes
            write(ask or b"w")
            while left:
                got = len(read(min(left, 1 << 20)))
                assert got, "end before all bytes"
                left -= got
        return time.monotonic() - begin

    def vsock(self, way, ask=None):
        """ask: the byte that says what the other end does, see PERL."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.uds)
            s.sendall(f"CONNECT {self.port}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                answer += s.recv(1)
            assert answer.startswith(b"OK "), answer
            return self.move(s.send, s.recv, way, ask)

    def piped(self, way):
        return self.vsock(way, b"R" if way == "in" else b"W")

    def exec(self, way):
        p = self.host.popen("vm", "exec", self.vm, "--", "perl", "-e", PERL_PIPES, self.bytes, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        took = self.move(lambda b: os.write(p.stdin.fileno(), b), lambda n: os.read(p.stdout.fileno(), n), way)
        p.stdin.close()
        p.stdout.close()
        p.wait()
        return took

    def close(self):
        self.server.kill()
        self.server.communicate()
