/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The parts of banger doctor that ask others than the machine. */

#include "cli/cli_internal.h"
#include "doctor/doctor.h"

struct varlink_client;

enum { DOCTOR_N_DAEMON = 5 };

/* The installation, its files and services. With fix as root all is put right. */
void doctor_installed(const struct doctor_host *host, struct doctor_check *c);
/* The daemon and what it knows; kvm is the machine's check, to which an installed banger's helper adds what it has found. */
void doctor_daemon(struct cli *cli, const struct doctor_host *host, struct doctor_check *kvm, struct doctor_check ret[static DOCTOR_N_DAEMON]);
/* Networks of running VMs as the helper finds them, and firewalls in their way. */
MUST int doctor_guests(struct varlink_client *daemon, const struct doctor_host *host, struct doctor_check *kvm, struct doctor_check *c, struct err *e);
