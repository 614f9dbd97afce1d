/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How a guest ends: always by a reset, which is what Firecracker notices (it has no power button) and QEMU runs with -no-reboot. */

/* Tells the host which of "poweroff", "reboot", "panic" it is, and resets. */
void power_reset(const char *action) __attribute__((noreturn));
/* systemd's last step: file systems are read-only by now. "poweroff", "halt" and "reboot" do not return; others do at once. */
void power_systemd_step(const char *action);
