# SPDX-License-Identifier: GPL-2.0-or-later
"""banger doctor on what somebody has broken, and --fix: it mends that, says so, and touches nothing else."""
import os
import pathlib
import re
import signal
import stat
import subprocess

import pytest

import conftest
import leftovers
from conftest import NOBODY
from waits import pid_gone

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(params=["root", "nobody"])
def empty(binary, request):
    """A daemon has run there and has ended."""
    host = conftest.open_host(binary, user=NOBODY if request.param == "nobody" else None)
    host.ok("vm", "list")
    host.ok("daemon", "stop")
    yield host
    conftest.close_host(host)


def checks(host, *options):
    return by_name(host.run("doctor", "--json", *options))


def by_name(done):
    return {check["name"]: check for check in done.json}


def modes(host):
    """Every file but the daemon's log and sockets: mode, owner, size."""
    found = {}
    for folder, folders, files in os.walk(host.root):
        for name in folders + files:
            st = os.lstat(os.path.join(folder, name))
            if not stat.S_ISSOCK(st.st_mode) and not name.endswith((".log", ".lock")):
                found[os.path.relpath(os.path.join(folder, name), host.root)] = (oct(st.st_mode), st.st_uid, 0 if stat.S_ISDIR(st.st_mode) else st.st_size)
    return found


def test_healthy(empty):
    before = modes(empty)
    found = checks(empty, "--fix")
    assert found["files"]["level"] == "PASS", found["files"]
    assert not [check for check in found.values() if check["fixed"]], found
    assert modes(empty) == before


def test_document(empty):
    rows = re.findall(r"^\| ([a-z][a-z' ]+) \| (?!what is asked)", (TOP / "docs/doctor.md").read_text(), re.M)
    assert rows == list(checks(empty))


@pytest.mark.parametrize("name, mode, level", [("state", 0o755, "WARN"), ("run", 0o777, "WARN"), ("state/vms", 0o711, "WARN"), ("run", 0o500, "FAIL")])
def test_folder_modes(empty, name, mode, level):
    before = modes(empty)
    path = empty.root / name
    path.chmod(mode)
    found = checks(empty)["files"]
    # A daemon that starts closes its two folders by itself.
    assert found["level"] == level and f"'{path}' has mode {mode:04o}: chmod 700" in "".join(found["details"]), found
    path.chmod(mode)
    found = checks(empty, "--fix")["files"]
    assert found["level"] == "PASS" and found["fixed"] == [f"set the mode of '{path}' from {mode:04o} to 0700"], found
    assert modes(empty) == before
    assert not checks(empty, "--fix")["files"]["fixed"]


def test_missing_folder(empty):
    before = modes(empty)
    path = empty.state / "images"
    path.rmdir()
    assert checks_alone(empty)["files"]["details"] == [f"there is no folder '{path}': banger doctor --fix as its owner makes it"]
    path.rmdir()
    found = checks(empty, "--fix")["files"]
    assert found["level"] == "PASS" and found["fixed"] == [f"made folder '{path}'"], found
    assert modes(empty) == before


def checks_alone(host):
    """What doctor says before it has started a daemon, which makes what misses; that one ends."""
    found = checks(host)
    host.ok("daemon", "stop")
    return found


def test_configuration_that_others_can_change(empty):
    empty.configure("log_level = 'debug'")
    path = empty.root / "config/config.toml"
    os.chown(path, empty.state.stat().st_uid, -1)
    path.chmod(0o666)
    found = checks(empty)["configuration"]
    assert found["level"] == "WARN" and any("mode 0666, so others can change what is run" in text for text in found["details"]), found
    found = checks(empty, "--fix")["configuration"]
    assert found["level"] == "PASS" and found["fixed"] == [f"closed {path} to others' changes, its mode was 0666"], found
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    os.chown(path, 4242, -1)
    found = checks(empty, "--fix")["configuration"]
    assert found["level"] == "WARN" and any("is of user 4242" in text for text in found["details"]), found


def test_key_that_ssh_would_not_take(empty):
    folder, owner = empty.state / "ssh", empty.state.stat().st_uid
    folder.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id_ed25519"], check=True)
    for path in (folder, folder / "id_ed25519", folder / "id_ed25519.pub"):
        os.chown(path, owner, -1)
    (folder / "id_ed25519").chmod(0o640)
    (folder / "id_ed25519.pub").chmod(0o640)
    found = checks(empty, "--fix")["files"]
    assert found["fixed"] == [f"closed '{folder}/id_ed25519' to others, its mode was 0640"], found
    assert subprocess.run(["ssh-keygen", "-y", "-f", folder / "id_ed25519"], capture_output=True).returncode == 0


def test_files_open_to_others(empty):
    before = modes(empty)
    secret, folder = empty.state / "boot", empty.state / "images/x"
    folder.mkdir(mode=0o700)
    os.chown(folder, empty.state.stat().st_uid, -1)
    secret.chmod(0o644)
    folder.chmod(0o757)
    link, outside = folder / "link", empty.root / "outside"
    outside.write_text("x")
    outside.chmod(0o666)
    link.symlink_to(outside)
    os.lchown(link, empty.state.stat().st_uid, -1)
    found = checks(empty)["files"]
    assert found["level"] == "WARN" and len(found["details"]) == 2 and any(f"'{secret}' has mode 0644" in text for text in found["details"]), found
    found = checks(empty, "--fix")["files"]
    assert found["level"] == "PASS" and sorted(found["fixed"]) == [f"closed '{secret}' to others, its mode was 0644", f"closed '{folder}' to others, its mode was 0757"]
    assert stat.S_IMODE(outside.stat().st_mode) == 0o666
    outside.unlink()
    link.unlink()
    folder.rmdir()
    assert {**modes(empty), "state/boot": 0} == {**before, "state/boot": 0} and stat.S_IMODE(secret.stat().st_mode) == 0o640


def test_foreign_owner(empty):
    """Not mended: somebody may have had a reason, and root follows nobody's links to find out."""
    path = empty.state / "kernels/x"
    path.write_text("x")
    os.chown(path, 4242, 4242)
    path.chmod(0o600)
    owner = empty.state.stat().st_uid
    for options in ([], ["--fix"]):
        found = checks(empty, *options)["files"]
        assert found["level"] == "WARN" and f"'{path}' is of user 4242: chown {owner}:" in found["details"][0] and not found["fixed"], found
    assert path.stat().st_uid == 4242
    path.unlink()


def test_stale_socket(empty):
    empty.ok("vm", "list")
    empty.kill("daemon")
    assert empty.socket.exists()
    found = checks(empty, "--fix")["files"]
    assert f"removed '{empty.socket}', at which nobody listened any more" in found["fixed"], found
    empty.ok("vm", "list")
    assert not checks(empty, "--fix")["files"]["fixed"]


def test_little_room_for_sockets(empty):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,mode=0700,uid={empty.state.stat().st_uid}", "small", empty.run_dir], check=True)
    try:
        found = checks(empty)["files"]
        empty.stop()
        assert found["level"] == "FAIL" and f"{empty.run_dir} has 64K" in found["details"][0], found
    finally:
        subprocess.run(["umount", empty.run_dir], check=True)


@pytest.mark.parametrize("size, inodes, level, says", [("64m", 0, "FAIL", "make room"), ("3g", 0, "WARN", "VMs are paused"), ("20g", 500, "WARN", "inodes left")])
def test_disk(empty, size, inodes, level, says):
    uid = empty.state.stat().st_uid
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={uid}" + (f",nr_inodes={inodes}" if inodes else ""), "small", empty.state], check=True)
    try:
        found = checks(empty)["disk"]
        empty.stop()
        assert found["level"] == level and says in " ".join(found["details"]), found
    finally:
        subprocess.run(["umount", empty.state], check=True)


@pytest.mark.parametrize("role, check", [("daemon", "daemon"), ("helper", "guests' networks")])
def test_one_that_hangs(empty, role, check):
    empty.ok("vm", "list")
    status = empty.status_without_start()
    pid = status["pid" if role == "daemon" else "helper_pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = empty.run("doctor", "--json", timeout=60)
    finally:
        os.kill(pid, signal.SIGCONT)
    found = by_name(done)[check]
    if role == "daemon":
        run("sh", "-c", found["details"][1].split(" ends it")[0])
        assert pid_gone(pid)
    assert found["level"] == ("FAIL" if role == "daemon" else "WARN") and len(found["details"]) == 2, found
    assert re.search("does not answer|timed out", found["details"][0]), found
    assert not [c for c in checks(empty).values() if c["level"] == "FAIL"]


def test_no_ssh(binary, tmp_path):
    host = conftest.open_host(binary, env={"PATH": str(tmp_path)})
    found = checks(host)
    conftest.close_host(host)
    assert found["ssh"]["level"] == "WARN" and "there is no ssh on PATH" in found["ssh"]["details"][0], found["ssh"]
    assert found["firecracker"]["details"][0].startswith("not installed") and found["virtual machine monitor"]["level"] == "FAIL"


@pytest.mark.parametrize("version, level, says", [("1.4.9", "WARN", "before 1.5.0"), ("1.6.0", "WARN", "it boots no distribution's kernel"), ("1.13.1", "PASS", None),
                                                  ("1.15.0", "WARN", "monotonic clock jumps"), ("1.16.1", "WARN", "vsock is unsafe across pause"),
                                                  ("1.99.0", "WARN", "newer than any")])
def test_firecracker_versions(binary, tmp_path, version, level, says):
    program = tmp_path / "firecracker"
    program.write_text(f"#!/bin/sh\necho Firecracker v{version}\n")
    program.chmod(0o755)
    host = conftest.open_host(binary, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    found = checks(host)["firecracker"]
    conftest.close_host(host)
    assert found["level"] == level and f"{program} is {version}" in found["details"][0], found
    assert not says or says in " ".join(found["details"]), found


def test_control_groups(empty):
    kind = subprocess.run(["stat", "-f", "-c", "%T", "/sys/fs/cgroup"], capture_output=True, text=True).stdout.strip()
    found = checks(empty)["control groups"]
    assert found["level"] == ("PASS" if kind == "cgroup2fs" else "WARN"), (kind, found)


# networks

@pytest.fixture(scope="module")
def in_and_out(session_host):
    """A running VM that is let out, and another that is not, and no more: rules and bridge are about to go."""
    if there := list(session_host.vms()):
        session_host.ok("vm", "delete", "--force", *there)
    session_host.ok("daemon", "stop")
    session_host.ok("vm", "create", "--name", "out", "--nat")
    session_host.ok("vm", "create", "--name", "in", "--net", "private")
    yield
    session_host.ok("vm", "delete", "--force", "out", "in")


@pytest.fixture
def guest(in_and_out, host):
    """The host of these two; each test leaves their networks whole, and does not begin with others."""
    assert checks(host)["guests' networks"]["level"] == "PASS"
    return host


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def rules():
    """The ruleset's lines in no order: what is made anew comes at the end."""
    return sorted(leftovers.nft())


def test_guests_networks(guest):
    found = checks(guest)["guests' networks"]
    assert found["level"] == "PASS" and found["details"] == ["2 VMs have one, and all of it is there"], found
    assert not checks(guest, "--fix")["guests' networks"]["fixed"]


def test_a_firewall_flushed_all_rules(guest):
    before, pids = rules(), [guest.show(name)["pid"] for name in ("out", "in")]
    run("nft", "flush", "ruleset")
    found = checks(guest)["guests' networks"]
    assert found["level"] == "FAIL" and len(found["details"]) == 2 and all("rules are gone" in text for text in found["details"]), found
    assert guest.run("doctor").status == 1
    found = checks(guest, "--fix")["guests' networks"]
    assert found["level"] == "PASS" and len(found["fixed"]) == 2, found
    assert rules() == before
    assert [guest.show(name)["pid"] for name in ("out", "in")] == pids
    address = guest.show("out")["address"]
    assert "0% packet loss" in run("ping", "-c1", "-W5", address)
    assert not checks(guest, "--fix")["guests' networks"]["fixed"]


def test_the_bridge_is_gone(guest):
    before = rules()
    run("ip", "link", "delete", "br-fc")
    found = checks(guest)["guests' networks"]
    assert found["level"] == "FAIL" and all("in no bridge" in text for text in found["details"]), found
    found = checks(guest, "--fix")["guests' networks"]
    assert found["level"] == "PASS" and len(found["fixed"]) == 2, found
    assert rules() == before
    assert "0% packet loss" in run("ping", "-c1", "-W5", guest.show("in")["address"])


def test_a_tap_is_gone(guest):
    """Nobody can give it back to a VMM that runs: the VM has to be started again."""
    tap = "tap-fc-" + guest.show("out")["id"][:8]
    run("ip", "link", "delete", tap)
    for options in ([], ["--fix"]):
        found = checks(guest, *options)["guests' networks"]
        assert found["level"] == "FAIL" and found["details"] == ["'out' has no tap any more: banger vm restart out"] and not found["fixed"], found
    guest.ok("vm", "restart", "out")
    assert checks(guest)["guests' networks"]["level"] == "PASS"


@pytest.mark.parametrize("hook, says", [("forward", "do not get out"), ("input", "do not reach this host")])
def test_a_firewall_that_drops(guest, hook, says):
    run("nft", "add", "table", "inet", "wall")
    try:
        run("nft", f"add chain inet wall it {{ type filter hook {hook} priority 10; policy drop; }}")
        found = checks(guest, "--fix")["guests' networks"]
        assert found["level"] == "WARN" and f"chain inet wall it drops what it does not know of, so guests" in found["details"][0] and says in found["details"][0], found
        command = found["details"][1].split(",")[0]
        assert command == "nft insert rule inet wall it iifname br-fc accept" and not found["fixed"]
        run(*command.split())
        assert checks(guest)["guests' networks"]["level"] == "PASS"
        run("nft", "flush", "chain", "inet", "wall", "it")
        run("nft", f"add chain inet wall it {{ policy accept; }}")
        assert checks(guest)["guests' networks"]["level"] == "PASS"
    finally:
        run("nft", "delete", "table", "inet", "wall")


@pytest.mark.parametrize("chain, says", [("FORWARD", "with nat do not get out"), ("INPUT", "do not reach this host")])
def test_an_old_firewall_that_drops(guest, chain, says):
    """Docker's on a host without nftables' iptables, for one."""
    run("iptables-legacy", "-P", chain, "DROP")
    try:
        run("iptables-legacy", "-A", chain, "-i", "lo", "-j", "ACCEPT")
        found = checks(guest, "--fix")["guests' networks"]
        assert found["level"] == "WARN" and found["details"][0] == f"chain {chain} of iptables-legacy drops what it does not know of, so guests {says}", found
        command = found["details"][1].split(",")[0]
        assert command == f"iptables-legacy -I {chain} -i br-fc -j ACCEPT" and not found["fixed"]
        run(*command.split())
        assert checks(guest)["guests' networks"]["level"] == "PASS"
        run("iptables-legacy", "-F", chain)
        run("iptables-legacy", "-P", chain, "ACCEPT")
        assert checks(guest)["guests' networks"]["level"] == "PASS"
    finally:
        run("iptables-legacy", "-F", chain)
        run("iptables-legacy", "-P", chain, "ACCEPT")


@pytest.fixture
def unused(empty):
    """Its network is no other banger's."""
    empty.configure('bridge_name = "br-fc-unused"\nbridge_ip = "172.29.7.1"\n')
    return empty


@pytest.mark.parametrize("address, route, says", [("172.29.7.9/16", None, "172.29.7.1/24 is in use by device 'lan0'"),
                                                  ("10.9.9.1/24", "172.29.7.128/25", "172.29.7.1/24 is in use: there is a route to 172.29.7.128/25"),
                                                  ("10.9.9.1/24", "172.16.0.0/12", None)])
def test_somebody_elses_subnet(unused, address, route, says):
    run("ip", "link", "add", "lan0", "type", "bridge")
    try:
        run("ip", "address", "add", address, "dev", "lan0")
        run("ip", "link", "set", "lan0", "up")
        if route:
            run("ip", "route", "add", route, "dev", "lan0")
        found = checks(unused)["network"]
        assert bool(says) == any("in use" in text for text in found["details"]), found
        if says:
            assert found["level"] == "WARN" and says in found["details"][0] and "bridge_ip" in found["details"][1], found
    finally:
        run("ip", "link", "delete", "lan0")


def test_somebody_elses_bridge(unused):
    run("ip", "link", "add", "br-fc-unused", "type", "bridge")
    try:
        found = checks(unused)["network"]
        assert found["level"] == "WARN" and "a device 'br-fc-unused' is there already, and it is not banger's" in found["details"][0], found
    finally:
        run("ip", "link", "delete", "br-fc-unused")
