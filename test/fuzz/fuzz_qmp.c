/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of QEMU's. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "vmm/qemu/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum qmp_kind kind;
	struct json *j = NULL;
	struct err e = { 0 };

	if (qmp_parse((const char *)data, size, &kind, &j, &e) == 0)
		json_free(j);
	return 0;
}
