# SPDX-License-Identifier: GPL-2.0-or-later
"""vm exec in a Debian guest: status, streams, signals, terminals, many at once. (test_inits.py has guests of other inits.)"""
import array
import fcntl
import hashlib
import os
import pty
import random
import select
import signal
import termios

import pytest

NO_VM = "no VM named 'nobody'"


@pytest.fixture
def vm(debian):
    return debian


@pytest.mark.parametrize("status", [0, 1, 42, 124, 255])
def test_status(host, vm, status):
    assert host.run("vm", "exec", vm, "--", "sh", "-c", f"exit {status}").status == status


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV"])
def test_ended_by_signal(host, vm, name):
    assert host.run("vm", "exec", vm, "--", "sh", "-c", f"kill -{name} $$").status == 128 + getattr(signal, "SIG" + name)


def test_not_found(host, vm):
    result = host.run("vm", "exec", vm, "--", "no-such-program")
    assert result.status == 127 and "no-such-program" in result.stderr, result


def test_not_executable(host, vm):
    result = host.run("vm", "exec", vm, "--", "/etc/passwd")
    assert result.status == 126 and "/etc/passwd" in result.stderr, result


def test_ours(host, vm):
    host.run("vm", "exec", "nobody", "--", "true").refused(NO_VM, status=125)


def test_arguments_arrive_as_they_are(host, vm):
    words = ["a b", "", "$HOME", "'\"", "ä€", "new\nline", "*"]
    assert host.exec(vm, "printf", "%s\\0", *words).split("\0")[:-1] == words


def test_environment_and_folder(host, vm):
    out = host.ok("vm", "exec", "-e", "GREETING=hi there", "-e", "TERM", "-w", "/tmp", vm, "--", "sh", "-c", "echo $GREETING,$TERM,$HOME,$PWD,$(id -u)")
    assert out.stdout == "hi there,xterm,/root,/tmp,0\n"
    assert host.exec(vm, "pwd") == "/root\n"


def test_no_such_folder(host, vm):
    result = host.run("vm", "exec", "-w", "/nowhere", vm, "--", "true")
    assert result.status in (125, 126, 127) and "/nowhere" in result.stderr, result


def test_binary_both_ways(host, vm):
    data = random.Random(4).randbytes(8 << 20)
    result = host.run("vm", "exec", vm, "--", "cat", input=data)
    assert result.status == 0 and hashlib.sha256(result.out).digest() == hashlib.sha256(data).digest()


def test_input_is_counted_by_the_guest(host, vm):
    data = random.Random(5).randbytes(3 << 20)
    assert host.run("vm", "exec", vm, "--", "sha256sum", input=data).ok().stdout.split()[0] == hashlib.sha256(data).hexdigest()


def test_separate_streams(host, vm):
    result = host.ok("vm", "exec", vm, "--", "sh", "-c", "echo one; echo two >&2; echo three")
    assert (result.stdout, result.stderr) == ("one\nthree\n", "two\n")


def test_end_of_input(host, vm):
    assert host.run("vm", "exec", vm, "--", "wc", "-c", input=b"").ok().stdout == "0\n"


def test_command_that_does_not_read(host, vm):
    assert host.run("vm", "exec", vm, "--", "true", input=b"x" * (4 << 20)).status == 0


def test_output_nobody_reads(host, vm):
    """head has what it wants: the command is told by SIGPIPE, not left to run."""
    process = host.popen("vm", "exec", vm, "--", "yes")
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(60) in (128 + signal.SIGPIPE, 125, 1, -signal.SIGPIPE)
    process.stderr.close()
    assert host.run("vm", "exec", vm, "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do pidof yes || exit 0; sleep 1; done; exit 1").status == 0


def test_signal_is_passed_on(host, vm):
    process = host.popen("vm", "exec", vm, "--", "sh", "-c", "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, b"caught\n")


def test_hang_up_ends_the_command(host, vm):
    process = host.popen("vm", "exec", vm, "--", "sh", "-c", "echo ready; exec sleep 1234")
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.communicate()
    assert host.run("vm", "exec", vm, "--", "sh", "-c",
                    "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do pgrep -f '^sleep 1234' || exit 0; sleep 1; done; exit 1").status == 0


def test_many_at_once(host, vm):
    processes = [host.popen("vm", "exec", vm, "--", "sh", "-c", f"cat /dev/zero | head -c 200000 | wc -c; exit {i}") for i in range(20)]
    results = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [status for _, status in results] == list(range(20)), results
    assert {out for (out, _), _ in results} == {b"200000\n"}


def test_wait_system(host, vm):
    out = host.ok("vm", "exec", "--wait-system", vm, "--", "systemctl", "is-system-running").stdout
    assert out == "running\n"


class Terminal:
    """A command line on a terminal of its own."""

    def __init__(self, host, *args, rows=30, columns=100):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = host.popen(*args, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                  preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, array.array("H", [rows, columns, 0, 0]))

    def write(self, text):
        os.write(self.master, text.encode())

    def until(self, text, timeout=60):
        while text.encode() not in self.seen:
            assert select.select([self.master], [], [], timeout)[0], f"no '{text}' in {self.seen!r}"
            try:
                data = os.read(self.master, 4096)
            except OSError:
                data = b""
            assert data, f"no '{text}' in {self.seen!r}"
            self.seen += data
        before, self.seen = self.seen.split(text.encode(), 1)
        return before.decode()

    def end(self):
        try:
            while os.read(self.master, 4096):
                pass
        except OSError:
            pass
        os.close(self.master)
        return self.process.wait(60)


def test_terminal(host, vm):
    terminal = Terminal(host, "vm", "exec", vm, "--", "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size; trap 'stty size; echo changed' WINCH; "
                        "echo rea''dy; while :; do read -r line; case $line in quit) exit 5; esac; done")
    assert terminal.until("ready").split() == ["30", "100"]
    terminal.resize(41, 132)
    assert terminal.until("changed").split() == ["41", "132"]
    terminal.write("quit\n")
    assert terminal.end() == 5


def test_terminal_interrupt(host, vm):
    terminal = Terminal(host, "vm", "exec", vm, "--", "sh", "-c", "echo rea''dy; exec sleep 1000")
    terminal.until("ready")
    terminal.write("\x03")
    assert terminal.end() == 128 + signal.SIGINT


def test_shell(host, vm):
    terminal = Terminal(host, "vm", "exec", vm)
    terminal.write("echo $((40 + 2))-$(hostname)\n")
    terminal.until(f"42-{vm}")
    terminal.write("exit 9\n")
    assert terminal.end() == 9


def test_terminal_is_given_back_as_it_was(host, vm):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = host.popen("vm", "exec", vm, "--", "true", stdin=slave, stdout=slave, stderr=slave)
    assert process.wait(60) == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_without_terminal_on_request(host, vm):
    terminal = Terminal(host, "vm", "exec", "--no-tty", vm, "--", "sh", "-c", "test -t 1 && echo terminal || echo pipe")
    terminal.until("pipe")
    assert terminal.end() == 0
