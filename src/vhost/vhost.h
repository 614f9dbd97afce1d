/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Role banger-vhost-vsock: the vsock device beside one QEMU. Started by the helper only, with
 *   banger-vhost-vsock VHOST_FD LISTEN_FD CID UDS VM
 * VHOST_FD: connected vhost-user socket; LISTEN_FD: listens at UDS, the vsock's path; CID: the guest's. Ends when QEMU does. */

int vhost_main(int argc, char **argv);
