/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text is taken or refused. What is taken and written is taken again and written the same; so are records decoded from it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "proto/io_banger_agent.h"
#include "proto/io_banger_store.h"
#include "proto/io_banger_worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tree(const struct json *j)
{
	AUTO_DONE(str_done) struct str once = STR_INIT;
	AUTO_DONE(str_done) struct str twice = STR_INIT;
	AUTO(json_free) struct json *again = NULL;
	struct err e = { 0 };

	json_write(j, &once);
	if (json_parse(once.data, once.len, &again, &e) < 0)
		abort();
	json_write(again, &twice);
	if (strcmp(once.data, twice.data))
		abort();
}

static void check_type(const struct json_type *type, const struct json *j, unsigned flags)
{
	AUTO_DONE(str_done) struct str once = STR_INIT;
	AUTO_DONE(str_done) struct str twice = STR_INIT;
	char *p = calloc(2, type->size), *copy = p + type->size;
	struct err e = { 0 };

	if (json_decode_tree(type, j, flags, p, &e) < 0) {
		if (e.code != ERR_INVALID)
			abort();
		free(p);
		return;
	}
	json_encode_pretty(type, p, &once);
	json_copy(type, copy, p);
	json_done(type, p);
	if (json_decode(type, once.data, once.len, JSON_STRICT, p, &e) < 0)
		abort();
	json_encode_pretty(type, copy, &twice);
	if (strcmp(once.data, twice.data))
		abort();
	json_done(type, p);
	json_done(type, copy);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_free) struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse((const char *)data, size, &j, &e) < 0) {
		if (e.code != ERR_INVALID || j)
			abort();
		return 0;
	}
	check_tree(j);
	check_type(&vm_record_type, j, 0);
	check_type(&get_job_out_type, j, JSON_STRICT);
	check_type(&health_out_type, j, 0);
	return 0;
}
