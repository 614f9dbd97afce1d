/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Replies of @worker methods. Their types differ only in which of progress, vm, image, kernel and warning they have, so the members are
 * set by name. Private to daemon/jobs. */

#include "base/err.h"

struct job;
struct object;
struct progress;
struct varlink_call;

void job_reply_progress(struct varlink_call *call, struct progress *p);
/* Answers every caller of the job; o is NULL when the object is gone. */
void job_reply_result(struct job *j, const struct object *o);
/* Answers every caller with the error, the op id in it. */
void job_reply_failure(struct job *j, const struct err *why);
