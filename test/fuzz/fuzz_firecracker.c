/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An answer of Firecracker's API, and of its --version. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/firecracker/api.h"
#include "vmm/versions.h"

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
	return 0;
}
