/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The checks, one function each; doctor.c lists them in order. */

#include "doctor/doctor.h"

void check_architecture(const struct doctor_host *host, struct doctor_check *c);
void check_configuration(const struct doctor_host *host, struct doctor_check *c);
void check_kvm(const struct doctor_host *host, struct doctor_check *c);
void check_vmm(const struct doctor_host *host, struct doctor_check *c);
void check_firecracker(const struct doctor_host *host, struct doctor_check *c);
void check_network(const struct doctor_host *host, struct doctor_check *c);
void check_control_groups(const struct doctor_host *host, struct doctor_check *c);
void check_disk(const struct doctor_host *host, struct doctor_check *c);
void check_files(const struct doctor_host *host, struct doctor_check *c);
void check_copy_on_write(const struct doctor_host *host, struct doctor_check *c);
