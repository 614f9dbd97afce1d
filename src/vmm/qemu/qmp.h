/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* QEMU's machine protocol (QEMU's docs/interop/qmp-spec): JSON objects in lines, on a unix socket. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/vmm.h"

struct json;

enum { QMP_LINE_MAX = 64 * 1024 };

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };

/* Reads one line (without its end). *ret_message is the whole object, the caller's. ERR_CORRUPT when it is no message. */
MUST int qmp_parse(const char *line, size_t n, enum qmp_kind *ret_kind, struct json **ret_message, struct err *e);

MUST int qmp_query(const char *api_path, int64_t deadline_ms, enum vmm_run *ret, struct err *e);
MUST int qmp_pause(const char *api_path, int64_t deadline_ms, struct err *e);
MUST int qmp_resume(const char *api_path, int64_t deadline_ms, struct err *e);
