/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "proto/io_banger_store.h"
#include "store/layout.h"
#include "store/record.h"

static char root[64];

static int set_up(void **state)
{
	struct err e = { 0 };

	strcpy(root, "/tmp/banger-unit-XXXXXX");
	return mkdtemp(root) && layout_init(root, &e) == 0 && layout_make_dirs(&e) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(root, &e);
}

static void test_journal_paths(void **state)
{
	static const char *const bad[] = { "", "state", "state/", "/etc/passwd", "state//etc", "state/../x", "run/vms/..", "other/x", "state/x/" };
	AUTO_MEM char *journal = layout_journal_files(LAYOUT_VM, "0123456789ab"), *files = layout_files(LAYOUT_VM, "0123456789ab");
	AUTO_MEM char *run_journal = layout_journal_vm_run("0123456789ab"), *run = layout_vm_run("0123456789ab");
	AUTO_MEM char *at = NULL, *run_at = NULL;
	struct err e = { 0 };
	char *none;

	assert_ok(layout_resolve(journal, &at, &e));
	assert_string_equal(at, files);
	assert_ok(layout_resolve(run_journal, &run_at, &e));
	assert_string_equal(run_at, run);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(layout_resolve(bad[i], &none, &e), ERR_CORRUPT);
}

static void test_modes(void **state)
{
	struct stat st;

	assert_int_equal(stat(layout_dir(LAYOUT_RUN), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static int n_seen, n_bad;

static void on_record(void *record, void *arg)
{
	struct kernel_record *k = record;

	assert_string_equal(k->name, "deb");
	assert_int_equal(k->size_bytes, 1LL << 53);
	kernel_record_done(k);
	free(k);
	n_seen++;
}

static void on_bad(const char *path, const struct err *why, void *arg)
{
	n_bad++;
}

static void load(void)
{
	struct err e = { 0 };

	n_seen = n_bad = 0;
	assert_ok(record_load_all(LAYOUT_KERNEL, &kernel_record_type, sizeof(struct kernel_record), on_record, on_bad, NULL, &e));
}

static void test_records(void **state)
{
	struct kernel_record k = { .version = 1, .state = IMAGE_STATE_READY, .size_bytes = 1LL << 53 };
	char id[13];
	struct err e = { 0 };

	assert_ok(record_new_id(id, &e));
	k.id = k.name = k.release = k.source = k.digest = (char *)(uintptr_t) "deb";
	assert_ok(record_save(LAYOUT_KERNEL, id, &kernel_record_type, &k, &e));
	load();
	assert_int_equal(n_seen, 1);
	/* Leftovers of an interrupted save go, what cannot be read stays. */
	AUTO_MEM char *temp = mem_printf("%s/state/kernels/x.json.new", root), *bad = mem_printf("%s/state/kernels/y.json", root);
	assert_ok(path_write_atomic(bad, "{\"version\":", 11, 0600, &e));
	FILE *f = fopen(temp, "w");
	assert_non_null(f);
	fclose(f);
	load();
	assert_int_equal(n_seen, 1);
	assert_int_equal(n_bad, 1);
	assert_int_equal(access(temp, F_OK), -1);
	assert_int_equal(access(bad, F_OK), 0);
	assert_ok(record_remove(LAYOUT_KERNEL, id, &e));
	assert_ok(record_remove(LAYOUT_KERNEL, id, &e));
	load();
	assert_int_equal(n_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_paths),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
