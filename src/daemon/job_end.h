/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How jobs end, and what follows: undo, the resting state, and operations the daemon begins by itself. Private to daemon/jobs. */

#include <stdbool.h>

#include "daemon/jobs.h"
#include "daemon/objects.h"

void job_cancel(struct job *j);
/* The worker is gone without having finished: begins the undo, or, when that was it, puts the object to rest and answers. */
void job_end_failed(struct job *j);
/* Begins what a VM without a job needs: removal of a dead VMM's remains, deletion when it is ephemeral, a new start after a reboot. */
void job_end_settle(struct object *o);
/* Begins the stop of a running VM whose guest's kernel has halted. */
void job_end_halted(struct object *o);
/* Begins the pause (hold) of a running VM, for that reason, or lets a paused one go on. */
void job_end_hold(struct object *o, bool hold, const char *reason);
/* Begins the stop of a running VM that is idle; reason is what its record says afterwards. */
void job_end_idle(struct object *o, const char *reason);
/* Writes down what is wrong with a running VM; its next start forgets it. */
void job_end_note(struct object *o, const char *reason);
/* Begins an operation of the daemon's own, the record saved in that state. params is JSON, as job_end_params writes it for an operation on a VM. */
void job_end_begin(struct object *o, const char *method, const char *params, enum vm_state state, enum job_failure on_failure);
void job_end_params(const struct object *o, char out[static 64]);
/* In the table only: the record's reason (NULL for none), and that no operation is under way. */
void job_end_reason(struct object *o, const char *why);
void job_end_forget(struct object *o);
