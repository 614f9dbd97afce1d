/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of QEMU's; and all that a QEMU says to each of our calls. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "peer.h"
#include "vmm/qemu/qmp.h"

enum { PEER_MAX = 64 << 10, PEER_MS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum qmp_kind kind;
	struct json *j = NULL;
	struct err e = { 0 };

	if (qmp_parse((const char *)data, size, &kind, &j, &e) == 0)
		json_free(j);
	if (size > PEER_MAX)
		return 0;
	struct peer p;
	enum vmm_run run;
	peer_start(&p, data, size);
	for (int i = 0; i < 3; i++) {
		int64_t deadline = time_now_ms() + PEER_MS;
		e = (struct err){ 0 };
		int r = i == 0 ? qmp_query(p.path, deadline, &run, &e) : i == 1 ? qmp_pause(p.path, deadline, &e) : qmp_resume(p.path, deadline, &e);
		if (r < 0 && !e.msg[0])
			abort();
	}
	peer_stop(&p);
	return 0;
}
