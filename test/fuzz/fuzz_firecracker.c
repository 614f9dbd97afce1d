/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An answer of Firecracker's API, alone and to each of our calls, and of its --version. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "vmm/firecracker/api.h"
#include "vmm/versions.h"

enum { PEER_MAX = 64 << 10, PEER_MS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmm_version version;
	struct err e = { 0 };
	bool whole = false;
	int status = 0;
	size_t at = 0, len = 0;
	char *text = malloc(size + 1);
	const char *why;

	/* As a string it is copied, so that a step beyond its end shows; as bytes it has no NUL. */
	memcpy(text, data, size);
	text[size] = 0;
	if (vmm_version_parse(text, &version, &e) == 0)
		vmm_version_judge(version, "6.1.0-1-amd64", &why);
	e = (struct err){ 0 };
	if (firecracker_api_parse((const char *)data, size, &whole, &status, &at, &len, &e) == 0 && whole && at + len > size)
		abort();
	free(text);
	if (size > PEER_MAX)
		return 0;
	struct peer p;
	enum vmm_run run;
	peer_start(&p, data, size);
	for (int i = 0; i < 3; i++) {
		int64_t deadline = time_now_ms() + PEER_MS;
		e = (struct err){ 0 };
		int r = i == 0   ? firecracker_api_query(p.path, deadline, &run, &e)
			: i == 1 ? firecracker_api_pause(p.path, deadline, &e)
				 : firecracker_api_resume(p.path, deadline, &e);
		if (r < 0 && !e.msg[0])
			abort();
	}
	peer_stop(&p);
	return 0;
}
