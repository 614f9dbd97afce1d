# SPDX-License-Identifier: GPL-2.0-or-later
"""create, start, stop, restart, kill, delete, set, list, show, logs, ping, health; what lasts and what is noticed."""
import re
import subprocess

import pytest

from conftest import DEBIAN


def test_create_show_list(host, new_vm):
    result = host.ok("vm", "create", "--no-start", "--name", "made", "--memory", "600M", "--disk-size", "1G", "--json")
    try:
        made = result.json
        assert (made["name"], made["state"], made["memory_mib"], made["disk_mib"], made["ready"]) == ("made", "created", 600, 1024, False)
        assert host.show("made") == host.show(made["id"]) == host.show(made["id"][:6]) == host.vms()["made"]
        table = host.ok("ps").stdout.splitlines()
        assert table[0].split()[:3] == ["NAME", "STATE", "IMAGE"]
        assert [line.split()[:3] for line in table if line.startswith("made ")] == [["made", "created", "light"]]
        assert "made" in host.ok("vm", "list", "--names").stdout.split()
        assert re.search(r"^state: +created$", host.ok("vm", "show", "made").stdout, re.MULTILINE)
    finally:
        assert host.ok("vm", "delete", "made").stdout == "made\n"
    assert "made" not in host.vms()


def test_names_are_made_up(host):
    names = [host.ok("vm", "create", "--no-start", "--quiet").stdout.strip() for _ in range(3)]
    assert len(set(names)) == 3 and all(re.fullmatch("[a-z]+-[a-z]+(-[0-9]+)?", name) for name in names), names
    host.ok("vm", "delete", *names)


def test_life_of_one(host, new_vm):
    """What is written to root and work disk lasts over stop, start and restart; a kill ends it at once."""
    new_vm("alive", "--net", "none", *DEBIAN)
    host.exec("alive", "sh", "-c", "echo root > /etc/kept; echo work > /root/kept; echo 1 > /tmp/gone")
    boot = host.exec("alive", "cat", "/proc/sys/kernel/random/boot_id")
    assert host.ok("vm", "stop", "alive").stdout == "alive\n"
    stopped = host.show("alive")
    assert (stopped["state"], stopped["ready"], stopped.get("pid"), stopped.get("vmm")) == ("stopped", False, None, None)
    assert "reboot: Restarting system" in host.console("alive")     # the way out of every VMM
    assert host.ok("vm", "start", "alive").stdout == "alive\n"
    assert host.exec("alive", "cat", "/etc/kept", "/root/kept") == "root\nwork\n"
    assert host.run("vm", "exec", "alive", "--", "test", "-e", "/tmp/gone").status == 1
    assert host.exec("alive", "cat", "/proc/sys/kernel/random/boot_id") != boot
    host.ok("vm", "restart", "alive")
    assert host.exec("alive", "cat", "/etc/kept", "/root/kept") == "root\nwork\n"
    host.ok("vm", "kill", "alive")
    assert host.show("alive")["state"] == "stopped"
    host.run("vm", "stop", "alive").refused("stopped|not running|does not run")
    host.ok("vm", "delete", "alive")


def test_several_at_once(host, new_vm):
    """The good ones proceed when others are bad; the order of the output is that of the words."""
    for name in ("one", "two"):
        new_vm(name, "--no-start", "--net", "none", "--memory", "512M")
    result = host.run("vm", "start", "two", "nobody", "one", "two")
    assert (result.status, result.stdout) == (1, "two\none\n"), result
    assert "no VM named 'nobody'" in result.stderr
    result = host.run("vm", "stop", "one", "two", "nobody")
    assert (result.status, result.stdout) == (1, "one\ntwo\n"), result
    result = host.run("vm", "delete", "one", "nobody", "two")
    assert (result.status, result.stdout) == (1, "one\ntwo\n"), result


def test_stop_straight_after_start(host, new_vm):
    """The guest's init has only just been executed: it shuts down in order all the same."""
    new_vm("brief", "--net", "none", *DEBIAN)
    result = host.ok("vm", "stop", "--timeout", "60", "brief")
    assert result.seconds < 40
    assert host.show("brief")["state"] == "stopped"


@pytest.mark.parametrize("command, state", [("poweroff", "stopped"), ("reboot", "running")])
def test_the_guests_own_word(host, new_vm, command, state):
    new_vm("own", "--net", "none", *DEBIAN)
    boot = host.exec("own", "cat", "/proc/sys/kernel/random/boot_id")
    host.run("vm", "exec", "--wait-system", "own", "--", command)
    host.wait_vm("own", lambda r: r["state"] == state and (state == "stopped" or r["started_at"] and boot not in new_boot(host, boot)), 90)
    seen = host.show("own")
    assert (seen["state"], seen.get("reason")) == (state, None)


def new_boot(host, old):
    result = host.run("vm", "exec", "own", "--", "cat", "/proc/sys/kernel/random/boot_id")
    return result.stdout if result.status == 0 else old


def test_vmm_killed(host, new_vm):
    """A VMM that ends by itself is noticed and said."""
    new_vm("hit", "--net", "private")
    subprocess.run(["kill", "-9", str(host.show("hit")["pid"])], check=True)
    host.wait_state("hit", "stopped")
    assert "ended by itself" in host.show("hit")["reason"]
    host.ok("vm", "start", "hit")
    assert host.exec("hit", "hostname") == "hit\n"


def test_running_and_delete(host, vm):
    host.run("vm", "delete", vm).refused("run", hint=True)
    host.run("vm", "start", vm).refused("run")
    host.run("vm", "set", vm, "--vcpu", "2").refused("run|stop")
    assert host.show(vm)["state"] == "running"


def test_set(host, new_vm):
    """Processors, memory and work disk as the guest sees them; what was there is still there; nothing shrinks."""
    new_vm("sizes", "--net", "none", "--vcpu", "1", "--memory", "512M", "--disk-size", "200M")
    host.exec("sizes", "sh", "-c", "echo kept > /root/kept")
    host.ok("vm", "stop", "sizes")
    assert host.ok("vm", "set", "sizes", "--vcpu", "2", "--memory", "800M", "--disk-size", "600M", "--system-overlay-size", "10G").stdout == "sizes\n"
    host.ok("vm", "start", "sizes")
    cpus, memory, root, work = host.exec("sizes", "sh", "-c", "nproc; awk '/MemTotal/ { print $2 }' /proc/meminfo; "
                                         "df -mP / /root | awk 'NR > 1 { print $2 }'").split()
    assert cpus == "2" and 700 * 1024 < int(memory) < 800 * 1024 and int(root) > 9.4 * 1024 and 500 < int(work) <= 600
    assert host.exec("sizes", "cat", "/root/kept") == "kept\n"
    host.ok("vm", "stop", "sizes")
    host.run("vm", "set", "sizes", "--disk-size", "100M").refused("only grow|smaller|shrink", hint=None)
    host.run("vm", "set", "sizes", "--system-overlay-size", "1G").refused("only grow|smaller|shrink", hint=None)
    host.run("vm", "set", "sizes").refused("nothing to change")
    disk = host.state / "vms" / host.show("sizes")["id"] / "work.ext4"
    assert subprocess.run(["e2fsck", "-fn", disk], capture_output=True).returncode == 0


def test_logs(host, vm):
    host.exec(vm, "sh", "-c", "echo early-word > /dev/console")
    assert "early-word" in host.console(vm)
    host.ok("vm", "logs", vm)
    follow = host.popen("vm", "logs", "-f", "--console", vm)
    host.exec(vm, "sh", "-c", "echo followed-word > /dev/console")
    seen = b""
    while b"followed-word" not in seen:
        line = follow.stdout.readline()
        assert line, seen
        seen += line
    follow.terminate()
    follow.communicate(timeout=30)


def test_logs_followed_to_the_end(host, new_vm):
    new_vm("ends", "--net", "none")
    host.exec("ends", "sh", "-c", "echo a-line > /dev/console")
    follow = host.popen("vm", "logs", "-f", "--console", "ends")
    assert follow.stdout.readline()
    host.ok("vm", "stop", "ends")
    out, err = follow.communicate(timeout=60)
    assert follow.returncode == 0, err


def test_ping_and_health(host, debian):
    assert re.search(r"[0-9.]+ ?(ms|µs|us)", host.ok("vm", "ping", debian).stdout)
    host.exec(debian, "true")
    host.run("vm", "exec", "--wait-system", debian, "--", "true").ok()
    health = host.ok("vm", "health", "--json", debian).json
    assert health["system"] == "running" and health["memory_total_kib"] > 400 * 1024 and health["processes"] > 10
    assert "running" in host.ok("vm", "health", debian).stdout
    host.run("vm", "ping", "nobody").refused("no VM named 'nobody'")


def test_stopped_vm_takes_no_command(host, new_vm):
    new_vm("asleep", "--no-start")
    host.run("vm", "exec", "asleep", "--", "true").refused("created|not running|does not run|stopped", status=125)
    host.run("vm", "ping", "asleep").refused("created|not running|does not run|stopped")


def test_work_disk_begins_as_the_images_root(host, debian):
    assert host.exec(debian, "sh", "-c", "ls -A /root; stat -c '%a %u' /root; findmnt -no FSTYPE /root").split()[-3:] == ["700", "0", "ext4"]
    assert ".bashrc" in host.exec(debian, "ls", "-A", "/root").split()


def test_root_is_the_images_only_by_copy(host, vm, new_vm):
    """Two VMs of one image do not see each other's changes, and the image has none of them."""
    image = host.state / "images" / host.ok("image", "show", "--json", "light").json["id"] / "rootfs.ext4"
    before = image.stat().st_mtime_ns
    new_vm("other", "--net", "none")
    host.exec("other", "sh", "-c", "rm -rf /usr/lib /etc/passwd; dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; sync")
    assert host.exec(vm, "cat", "/etc/passwd", "/usr/lib/os-release").strip().endswith("ID=light")
    host.ok("vm", "delete", "--force", "other")
    assert image.stat().st_mtime_ns == before
    assert subprocess.run(["e2fsck", "-fn", image], capture_output=True).returncode == 0


def test_modules(host, debian, stock):
    """The kernel's own modules are there: loaded by name, with what they need."""
    assert host.exec(debian, "sh", "-c", "modprobe overlay && modprobe wireguard && lsmod | cut -d ' ' -f 1 | grep -cE '^(overlay|wireguard|udp_tunnel)$'") == "3\n"
    assert host.exec(debian, "findmnt", "-no", "OPTIONS", f"/lib/modules/{stock.release}").startswith("ro")
