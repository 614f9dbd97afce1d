# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon: alone on its socket, and not needed by running VMs. (test_command_line.py has how it comes and goes.)"""
import json
import os
import re
import signal
import subprocess

import pytest

from host import other_build
from waits import FolderWatch, pid_gone


def test_two_on_one_socket(new_host):
    """The second says which process serves already, and leaves it alone."""
    host = new_host()
    pid = host.status()["pid"]
    second = host.run("--role", "bangerd", "--root", host.root, timeout=30)
    assert second.status == 1
    assert re.search(rf"another bangerd.*{pid}", second.stderr), second
    assert host.status()["pid"] == pid


def test_killed_while_a_vm_runs(host, new_vm):
    """The VM goes on; the next command adopts it."""
    new_vm("adopted", "--net", "private")
    vmm = host.show("adopted")["pid"]
    running = host.popen("vm", "exec", "adopted", "--", "sh", "-c", "echo begun; read -r word; echo $word", stdin=subprocess.PIPE)
    assert running.stdout.readline() == b"begun\n"
    assert host.kill("daemon")
    assert not pid_gone(vmm, 0)
    out, err = running.communicate(b"still-here\n", timeout=60)
    assert (running.returncode, out) == (0, b"still-here\n"), err
    assert host.exec("adopted", "hostname") == "adopted\n"
    seen = host.show("adopted")
    assert (seen["state"], seen["pid"], seen["ready"]) == ("running", vmm, True)
    host.ok("vm", "restart", "adopted")
    assert host.exec("adopted", "hostname") == "adopted\n"


def kill_while_noted(host, name):
    """Starts it, and kills the daemon while that it runs is in the note only."""
    note = host.run_dir / f"vms/{host.vm_id(name)}.json"
    for _ in range(5):
        daemon = host.status()["pid"]
        start = host.popen("vm", "start", name)
        while start.poll() is None or note.exists():
            try:
                if json.loads(note.read_text())["state"] == "running":
                    os.kill(daemon, signal.SIGKILL)
                    assert pid_gone(daemon)
                    start.communicate()
                    if note.exists():
                        return note
                    break
            except FileNotFoundError:
                pass
        host.wait_state(name, "running")
        host.ok("vm", "stop", name)
    raise AssertionError("the note was never seen")


def test_killed_while_a_start_is_only_noted(host, new_vm):
    """The next daemon has it from the note; one of another boot does not read it."""
    new_vm("noted", "--no-start", "--net", "none")
    record = host.state / f"vms/{host.vm_id('noted')}.json"
    note = kill_while_noted(host, "noted")
    vmm = json.loads(note.read_text())["processes"][0]["pid"]
    assert json.loads(record.read_text())["state"] == "starting"
    assert (host.show("noted")["state"], host.show("noted")["pid"]) == ("running", vmm)
    assert FolderWatch(note.parent).until(lambda: not note.exists(), 20), "nobody has made the note the record"
    assert json.loads(record.read_text())["state"] == "running"
    assert host.exec("noted", "hostname") == "noted\n"
    host.ok("vm", "stop", "noted")
    assert json.loads(record.read_text())["state"] == "stopped" and not note.exists()
    # Another boot: no VM of the one before runs any more.
    for other in [name for name, vm in host.vms().items() if vm["state"] == "running"]:
        host.ok("vm", "kill", other)
    note = kill_while_noted(host, "noted")
    os.kill(json.loads(note.read_text())["processes"][0]["pid"], signal.SIGKILL)
    (host.state / "boot").write_text("00000000-0000-0000-0000-000000000000\n")
    note.write_text("{ torn")
    host.status()
    host.wait_state("noted", "stopped")
    assert host.show("noted")["reason"] == "the host restarted" and not note.exists()


def test_stopped_while_a_vm_runs(host, new_vm):
    new_vm("goes-on", "--net", "private")
    vmm = host.show("goes-on")["pid"]
    host.ok("daemon", "stop")
    assert not pid_gone(vmm, 0)
    assert host.exec("goes-on", "hostname") == "goes-on\n"
    host.exec("goes-on", "true")
    host.run("vm", "exec", "--wait-system", "goes-on", "--", "poweroff")
    host.wait_state("goes-on", "stopped")


def test_words_of_an_earlier_boot(host, new_vm):
    """A guest that has printed nothing yet: what the boot before said last is not taken for its word by a daemon that adopts it."""
    new_vm("silent", "--net", "none")
    host.ok("vm", "restart", "silent")
    vmm = host.show("silent")["pid"]
    host.kill("daemon")
    assert (host.show("silent")["state"], host.show("silent")["pid"]) == ("running", vmm)
    assert host.exec("silent", "hostname") == "silent\n"
    os.kill(vmm, signal.SIGKILL)
    host.wait_state("silent", "stopped")
    assert "ended by itself" in host.show("silent")["reason"]


def test_guest_leaves_while_no_daemon_runs(host, new_vm):
    new_vm("unseen", "--net", "private")
    vmm = host.show("unseen")["pid"]
    host.ok("daemon", "stop")
    os.kill(vmm, signal.SIGKILL)
    assert pid_gone(vmm)
    host.ok("vm", "list")
    host.wait_state("unseen", "stopped")


def test_helper_killed(host, new_vm):
    """Another one takes its place; VMs do not notice."""
    new_vm("unmoved", "--net", "private")
    before = host.status()
    host.kill("helper")
    host.ok("vm", "stop", "unmoved")
    host.ok("vm", "start", "unmoved")
    after = host.status()
    assert after["pid"] == before["pid"] and after["helper_pid"] != before["helper_pid"]


def test_launcher_killed(host, new_vm):
    """Its helper ends with it, and the next one has another; VMs do not notice."""
    new_vm("unlaunched", "--net", "private")
    vmm, helper = host.show("unlaunched")["pid"], host.status()["helper_pid"]
    children = subprocess.run(["pgrep", "-P", str(helper), "-f", "bangerd-root"], capture_output=True, text=True, check=True).stdout.split()
    assert len(children) == 1, children
    os.kill(int(children[0]), signal.SIGKILL)
    assert pid_gone(helper)
    assert host.exec("unlaunched", "uname", "-s") == "Linux\n" and host.show("unlaunched")["pid"] == vmm
    host.ok("vm", "stop", "unlaunched")
    host.ok("vm", "start", "unlaunched")
    assert host.status()["helper_pid"] != helper


@pytest.fixture
def endless(stock, tmp_path):
    """endless(host): an import that runs for as long as its tar is not whole; its process, and the end of the tar to write."""
    begun = []

    def begin(host):
        fifo = tmp_path / f"endless-{len(begun)}.tar"
        os.mkfifo(fifo)
        importing = host.popen("image", "import", "endless", "--tar", fifo)
        pipe = open(fifo, "wb")
        begun.append((importing, pipe))
        pipe.write(stock.busybox.read_bytes()[:1 << 16])
        pipe.flush()
        host.wait_job("ImageImport")
        return importing, pipe
    yield begin
    for importing, pipe in begun:
        importing.kill()
        importing.communicate()
        pipe.close()


def test_stop_refuses_while_a_job_runs(new_host, endless):
    host = new_host()
    images = host.ok("image", "list", "--json").json
    importing, _ = endless(host)
    host.run("daemon", "stop").refused("op-[0-9a-f]{6} holds 'endless'")
    importing.kill()
    importing.communicate()
    host.wait_no_job()
    assert host.ok("image", "list", "--json").json == images


def test_other_build_waits_for_the_job(new_host, stock, endless, tmp_path):
    """Another build's command line is served by the daemon it finds, and says so, until the job has ended well; the next one replaces it."""
    host = new_host()
    other = other_build(host.binary, tmp_path / "banger")
    host.ok("vm", "list")
    before = host.status_without_start()
    importing, pipe = endless(host)
    for command in (("vm", "list"), ("vm", "create", "--no-start", "--name", "meanwhile", "--net", "none")):
        served = host.ok(*command, binary=str(other))
        warnings = [line for line in served.stderr.splitlines() if line.startswith("banger: warning: ")]
        assert len(warnings) == 1 and re.search("another build, and busy; it is replaced once it is idle", warnings[0]), served
    during = host.status_without_start()
    assert (during["pid"], during["build"], [job["object"] for job in during["jobs"]]) == (before["pid"], before["build"], ["endless"])
    pipe.write(stock.busybox.read_bytes()[1 << 16:])
    pipe.close()
    out, err = importing.communicate(timeout=60)
    assert (importing.returncode, out) == (0, b"endless\n"), err
    host.wait_no_job()
    listed = host.ok("image", "list", "--json", binary=str(other))
    assert "endless" in [image["name"] for image in listed.json] and "warning" not in listed.stderr, listed
    after = host.status_without_start()
    assert after["pid"] != before["pid"] and after["build"] == host.ok("version", "--json", binary=str(other)).json["build"]
    assert pid_gone(before["pid"], 0)
    assert "meanwhile" in host.vms()


def test_other_build_adopts_what_runs(host, new_vm, tmp_path):
    """An update while a VM runs and a command in it: both go on, and the new daemon and helper rule them."""
    other = other_build(host.binary, tmp_path / "banger")
    new_vm("updated", "--net", "private")
    before, vmm = host.status(), host.show("updated")["pid"]
    running = host.popen("vm", "exec", "updated", "--", "sh", "-c", "echo begun; read -r word; echo $word", stdin=subprocess.PIPE)
    assert running.stdout.readline() == b"begun\n"
    assert host.ok("vm", "exec", "updated", "--", "hostname", binary=str(other)).stdout == "updated\n"
    after = host.status_without_start()
    assert after["build"] != before["build"] and after["pid"] != before["pid"] and pid_gone(before["pid"], 0) and pid_gone(before["helper_pid"], 10)
    out, err = running.communicate(b"still-here\n", timeout=60)
    assert (running.returncode, out) == (0, b"still-here\n"), err
    assert not pid_gone(vmm, 0)
    host.ok("vm", "restart", "updated", binary=str(other))      # with an initrd of its own build
    assert host.status_without_start()["pid"] == after["pid"]
    assert host.ok("vm", "exec", "updated", "--", "hostname", binary=str(other)).stdout == "updated\n"
    assert host.status()["build"] == before["build"]            # and back again
    assert host.exec("updated", "hostname") == "updated\n"


def test_two_bangers_do_not_mix(host, new_host):
    other = new_host()
    other.ok("vm", "create", "--no-start", "--name", "mine", "--net", "none")
    assert "mine" in other.vms() and "mine" not in host.vms()


def test_log_has_the_operation(host, new_vm):
    at = host.log_position()
    new_vm("logged", "--no-start", "--net", "none")
    lines = [line for line in host.new_log(at).splitlines() if "object=logged" in line]
    ids = {re.search(r"op=(op-[0-9a-f]{6})", line)[1] for line in lines}
    assert len(ids) == 1 and len(lines) >= 2, lines
