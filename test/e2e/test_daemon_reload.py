# SPDX-License-Identifier: GPL-2.0-or-later
"""config.toml read again by a daemon that runs, and what an idle VM gets by it: `auto_stop_stale_after`."""
import os
import signal

BASE = 'bridge_name = "br-fc-reload"\nbridge_ip = "172.17.8.1"\n'


def test_reload(new_host):
    host = new_host()
    host.configure(BASE)
    host.ok("vm", "list")
    pid = host.status()["pid"]
    host.configure(BASE + '[vm_defaults]\nvcpu = 3\nmemory_mib = 333\n')
    assert host.ok("daemon", "reload").stdout.split() == ["vm_defaults.vcpu", "vm_defaults.memory_mib"]
    made = host.ok("vm", "create", "--no-start", "--name", "new", "--json").json
    assert (made["vcpus"], made["memory_mib"]) == (3, 333)
    host.ok("vm", "delete", "new")
    # a wrong file changes nothing and says where it is wrong
    host.configure(BASE + "[vm_defaults]\nvcpu = 99\n")
    host.run("daemon", "reload").refused(r"config\.toml:5:1: 'vcpu' is 99")
    values = {v["name"]: v["value"] for v in host.status()["defaults"]}
    assert values["vm_defaults.vcpu"] == "3"
    # what the helper was started with waits for the next daemon
    host.configure(BASE.replace("172.17.8.1", "172.17.8.129"))
    result = host.ok("daemon", "reload", "--json").json
    assert result["needs_restart"] == ["bridge_ip"] and "bridge_ip" in result["keys"]
    # by signal, as service managers do it
    host.configure(BASE + "[vm_defaults]\nvcpu = 2\n")
    position = host.log_position()
    os.kill(pid, signal.SIGHUP)
    host.ok("vm", "list")
    assert "configuration read again" in host.new_log(position)
    assert host.status()["pid"] == pid


def test_an_idle_vm_is_stopped(new_host):
    host = new_host()
    host.configure(BASE + 'auto_stop_stale_after = "4s"\n')
    host.ok("vm", "create", "--name", "idle", "--net", "none", "--memory", "512M")
    host.ok("vm", "create", "--name", "used", "--net", "none", "--memory", "512M")
    try:
        using = host.popen("vm", "exec", "used", "--", "sleep", "300")
        host.wait_vm("idle", lambda r: r["state"] == "stopped", 240)
        seen = host.show("idle")
        assert seen["reason"] == "nobody used it for 4s (auto_stop_stale_after)"
        log = host.log_tail(400)
        assert host.show("used")["state"] == "running", "a VM in which a command runs was stopped"
        host.run("vm", "stop", "--if-idle", "used").refused("stop 'used': it is in use: 1 commands")
        assert host.show("used")["state"] == "running" and "reason" not in host.show("used"), log
        using.kill()
        using.communicate()
        host.wait_vm("used", lambda r: r["state"] == "stopped", 240)
        # back again, and its word is gone
        host.configure(BASE)
        host.ok("daemon", "reload")
        host.ok("vm", "start", "idle")
        assert "reason" not in host.show("idle") and host.show("idle")["used_at"] > 0
    finally:
        host.ok("vm", "delete", "--force", "idle", "used")
