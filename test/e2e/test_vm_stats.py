# SPDX-License-Identifier: GPL-2.0-or-later
"""What VMs use of the host: `vm stats`, and the same as metrics, read by Prometheus' own parser."""
import http.client
import os
import re
import signal
import socket
import subprocess

from prometheus_client.parser import text_string_to_metric_families

from conftest import DEBIAN

LISTEN = "127.0.0.1:19101"


def usage(host, *vms):
    return {vm["name"]: vm for vm in host.ok("vm", "stats", "--json", *vms).json}


def test_what_a_running_vm_uses(host, new_vm):
    new_vm("busy", "--memory", "512M", *DEBIAN)
    new_vm("still", "--no-start", "--net", "none", "--memory", "512M")
    before = usage(host, "busy")["busy"]
    host.exec("busy", "sh", "-c", "dd if=/dev/urandom of=/root/bytes bs=1M count=8 conv=fsync 2>/dev/null")
    subprocess.run(["ping", "-q", "-c", "4", "-i", "0.2", "-s", "1000", host.show("busy")["address"]], check=True, stdout=subprocess.DEVNULL)
    after = usage(host)["busy"]
    pid = host.show("busy")["pid"]
    resident = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) << 10
    assert abs(after["memory_bytes"] - resident) < resident, (after, resident)
    assert after["cpu_ms"] > before["cpu_ms"] and after["at_ms"] > before["at_ms"]
    assert after["work_bytes"] - before["work_bytes"] >= 8 << 20
    work = os.stat(host.state / "vms" / after["id"] / "work.ext4")
    assert after["work_bytes"] == work.st_blocks * 512
    assert after["net_sent_bytes"] - before["net_sent_bytes"] >= 3000 and after["net_received_bytes"] - before["net_received_bytes"] >= 3000
    still = usage(host, "still")["still"]
    assert "cpu_ms" not in still and "net_sent_bytes" not in still and still["work_bytes"] > 0


def test_table_and_watch(host, vm):
    lines = host.ok("vm", "stats", vm).stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "CPU", "MEMORY", "ROOT", "WORK", "READ", "WRITTEN", "RECEIVED", "SENT"]
    assert re.match(rf"{vm} +running +\d+\.\d% +\S+ / \S+ +\S+ / 8G +\S+ / 8G +\S+/s +\S+/s +\S+/s +\S+/s$", lines[1]), lines
    watching = host.popen("vm", "stats", "--watch", "--interval", "1", vm)
    seen = [watching.stdout.readline() for _ in range(4)]
    assert [line.split()[0] for line in seen] == [b"NAME", vm.encode()] * 2
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 0
    watching.communicate()


def test_an_unknown_vm(host):
    host.run("vm", "stats", "nobody").refused("no VM named 'nobody'")


def get(where, path="/metrics", method="GET"):
    if where.startswith("/"):
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(where)
    else:
        connection = http.client.HTTPConnection(where, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_metrics(new_host):
    host = new_host()
    path = str(host.root / "metrics.sock")
    host.configure(f'metrics_listen = "{LISTEN}"\nbridge_name = "br-fc-metrics"\nbridge_ip = "172.17.9.1"\n')
    host.ok("vm", "create", "--name", "seen", "--memory", "512M")
    host.ok("vm", "create", "--name", "resting", "--no-start", "--memory", "512M")
    try:
        status, text = get(LISTEN)
        families = {family.name: family for family in text_string_to_metric_families(text)}
        cpu = [s for s in families["banger_vm_cpu_seconds"].samples]
        assert status == 200 and families["banger_vm_cpu_seconds"].type == "counter"
        assert [s.labels["name"] for s in cpu] == ["seen"] and cpu[0].value > 0
        assert {s.labels["name"]: s.value for s in families["banger_vm_memory_size_mebibytes"].samples} == {"seen": 512, "resting": 512}
        assert {s.labels["state"]: s.value for s in families["banger_vms"].samples if s.value} == {"running": 1, "created": 1}
        assert get(LISTEN, "/other")[0] == 404 and get(LISTEN, method="POST")[0] == 405
        assert get(LISTEN, method="HEAD") == (200, "")
        with socket.create_connection(("127.0.0.1", 19101)) as silent:      # who says nothing, or nonsense, is not answered and holds nobody up
            assert get(LISTEN)[0] == 200
            silent.sendall(b"x" * 5000)
            silent.settimeout(10)
            try:
                assert silent.recv(1) == b""
            except ConnectionResetError:
                pass
        # another place, without a new daemon
        pid = host.status()["pid"]
        host.configure(f'metrics_listen = "{path}"\nbridge_name = "br-fc-metrics"\nbridge_ip = "172.17.9.1"\n')
        assert host.ok("daemon", "reload").stdout == "metrics_listen\n"
        assert host.status()["pid"] == pid and get(path)[0] == 200 and os.stat(path).st_mode & 0o777 == 0o600
        try:
            get(LISTEN)
            raise AssertionError("the old address still answers")
        except ConnectionRefusedError:
            pass
    finally:
        host.ok("vm", "delete", "--force", "seen", "resting")
    host.ok("daemon", "stop")
    assert not os.path.exists(path)


def test_metrics_whose_port_is_taken(new_host):
    """A daemon without its metrics does its work, and a reload is an error only where the address is new."""
    host = new_host()
    base = 'bridge_name = "br-fc-metrics"\nbridge_ip = "172.17.9.1"\n'
    with socket.create_server(("127.0.0.1", 19101)), socket.create_server(("127.0.0.1", 19102)):
        host.configure(base + f'metrics_listen = "{LISTEN}"\n')
        host.ok("vm", "list")
        host.configure(base + f'metrics_listen = "{LISTEN}"\n[vm_defaults]\nvcpu = 2\n')
        assert host.ok("daemon", "reload").stdout == "vm_defaults.vcpu\n"
        host.configure(base + 'metrics_listen = "127.0.0.1:19102"\n[vm_defaults]\nvcpu = 2\n')
        host.run("daemon", "reload").refused("listen on 127.0.0.1:19102 for metrics: Address in use", hint=None)
        assert host.ok("daemon", "reload").stdout == ""
    # free again: found at the next reload
    assert host.ok("daemon", "reload").stdout == "" and get("127.0.0.1:19102")[0] == 200
    assert host.ok("daemon", "reload").stdout == "" and get("127.0.0.1:19102")[0] == 200
