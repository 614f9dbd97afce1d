/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Firecracker's API: HTTP/1.1 on a unix socket, one small answer a call, always with a length. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/vmm.h"

enum { FIRECRACKER_ANSWER_MAX = 64 * 1024 };

/* Looks at n bytes of an answer. *ret_whole is false while more must come. *ret_status is 100 to 599, the body len bytes behind *ret_body_at.
 * ERR_CORRUPT when it cannot become an answer. */
MUST int firecracker_api_parse(const char *text, size_t n, bool *ret_whole, int *ret_status, size_t *ret_body_at, size_t *ret_len, struct err *e);

MUST int firecracker_api_query(const char *api_path, int64_t deadline_ms, enum vmm_run *ret, struct err *e);
MUST int firecracker_api_pause(const char *api_path, int64_t deadline_ms, struct err *e);
MUST int firecracker_api_resume(const char *api_path, int64_t deadline_ms, struct err *e);
