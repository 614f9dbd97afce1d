/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Role banger-init: the initrd's /init, PID 1 of images without an init, and (called as anything but PID 1) systemd's last shutdown
 * step. */

/* As PID 1 it does not return; as the shutdown step it is called with poweroff, reboot, halt or kexec. */
int init_main(int argc, char **argv);
