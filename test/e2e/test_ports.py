# SPDX-License-Identifier: GPL-2.0-or-later
"""vm ports: what listens in guests, by whom, and where a web server answers. The servers are programs of this host, run in the guest."""
import pathlib
import subprocess

import pytest

from conftest import DEBIAN

BUSYBOX = pathlib.Path("/bin/busybox")


@pytest.fixture(scope="module")
def vms(session_host):
    """A Debian and a guest that has nothing but busybox."""
    host = session_host
    host.ok("vm", "create", "--name", "ports-a", *DEBIAN)
    host.ok("vm", "create", "--name", "ports-b", "--net", "none")
    for name in "ports-a", "ports-b":
        host.ok("vm", "exec", name, "--", "sh", "-c", "cat >/root/busybox; chmod +x /root/busybox; mkdir /root/www; echo hello >/root/www/index.html",
                input=BUSYBOX.read_bytes())
        host.exec(name, "/root/busybox", "httpd", "-p", "8080", "-h", "/root/www")
        host.exec(name, "/root/busybox", "httpd", "-p", "127.0.0.1:8081", "-h", "/root/www")
    yield "ports-a", "ports-b"
    host.ok("vm", "delete", "--force", "ports-a", "ports-b")


def ports(host, *names):
    return {(p["vm"], p["protocol"], p["port"]): p for p in host.ok("vm", "ports", "--json", *names).json}


def listener(host, vm, *command):
    """Starts a server that goes on behind the exec that began it."""
    host.exec(vm, "sh", "-c", "setsid \"$@\" </dev/null >/dev/null 2>&1 & sleep 0", "sh", *command)


def wait_port(host, vm, protocol, port):
    """The guest's own program says when it is there (ss is another's)."""
    host.exec(vm, "sh", "-c", f"for i in $(seq 100); do ss -Hln{protocol[0]} | grep -q ':{port} ' && exit 0; sleep 0.1; done; exit 1")


def test_web_server(session_host, vms):
    host = session_host
    address = host.show("ports-a")["address"]
    found = ports(host, "ports-a")
    web = found["ports-a", "tcp", 8080]
    assert (web["address"], web["process"], web["url"]) == ("*", "busybox", f"http://{address}:8080/"), web
    assert host.exec("ports-a", "cat", f"/proc/{web['pid']}/comm").strip() == "busybox"
    assert subprocess.run(["curl", "-s", web["url"]], capture_output=True, text=True).stdout == "hello\n"
    local = found["ports-a", "tcp", 8081]
    assert (local["address"], local["url"]) == ("127.0.0.1", None)


def test_as_ss_has_it(session_host, vms):
    """The set of ports, after sshd is up, against another program's."""
    host = session_host
    host.ok("vm", "exec", "--wait-system", "ports-a", "--", "true")
    want = {("ports-a", protocol, int(line.split()[3].rsplit(":", 1)[1]))
            for protocol in ("tcp", "udp") for line in host.exec("ports-a", "ss", f"-Hln{protocol[0]}").splitlines()}
    assert want and set(ports(host, "ports-a")) == want


def test_both_families_are_one_line(session_host, vms):
    lines = [p for p in session_host.ok("vm", "ports", "--json", "ports-a").json if p["port"] == 22]
    assert [(p["address"], p["process"], p["url"]) for p in lines] == [("*", "sshd", None)], lines


def test_https(session_host, vms, tmp_path):
    """A server of TLS that knows no HTTP without it."""
    host = session_host
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-days", "9",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    host.ok("vm", "exec", "ports-a", "--", "sh", "-c", "cat >/root/both.pem", input=(tmp_path / "key").read_bytes() + (tmp_path / "cert").read_bytes())
    listener(host, "ports-a", "openssl", "s_server", "-accept", "8443", "-cert", "/root/both.pem", "-key", "/root/both.pem", "-www")
    wait_port(host, "ports-a", "tcp", 8443)
    found = ports(host, "ports-a")["ports-a", "tcp", 8443]
    assert (found["process"], found["url"]) == ("openssl", f"https://{host.show('ports-a')['address']}:8443/"), found


def test_silent_server_and_udp(session_host, vms):
    """One that takes a connection and says nothing costs a bounded time and has no URL."""
    host = session_host
    listener(host, "ports-a", "/root/busybox", "nc", "-l", "-p", "7000")
    listener(host, "ports-a", "perl", "-MIO::Socket::INET", "-e", "my $s = IO::Socket::INET->new(LocalPort => 7001, Proto => 'udp'); sleep")
    wait_port(host, "ports-a", "tcp", 7000)
    wait_port(host, "ports-a", "udp", 7001)
    result = host.ok("vm", "ports", "--json", "ports-a")
    assert result.seconds < 10, result
    found = {(p["protocol"], p["port"]): p for p in result.json}
    assert found["tcp", 7000]["url"] is None and found["udp", 7001]["process"] == "perl"


def test_several_vms(session_host, vms):
    found = ports(session_host, *vms)
    assert found["ports-a", "tcp", 8080]["url"] and found["ports-b", "tcp", 8080]["url"] is None
    lines = session_host.ok("vm", "ports", *vms).stdout.splitlines()
    assert lines[0].split() == ["VM", "PROTOCOL", "ADDRESS", "PORT", "PROCESS", "URL"]
    assert {line.split()[0] for line in lines[1:]} == set(vms)


def test_good_ones_proceed(session_host, vms):
    result = session_host.run("vm", "ports", "ports-b", "nobody")
    assert result.status == 1 and "no VM named 'nobody'" in result.stderr and "8080" in result.stdout, result


def test_bad_input(session_host):
    session_host.run("vm", "ports", "nobody").refused("no VM named 'nobody'")
    session_host.run("vm", "ports").refused("VM")
