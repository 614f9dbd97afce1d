/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "joined.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

void joined_make(void **state)
{
	assert_int_equal(shell(state, "mkdir -p t/etc t/many && printf old > t/etc/passwd && printf gone > t/etc/gone && seq 200 | "
				      "(cd t/many && xargs touch) && rm -f a.img a.store && mke2fs -q -t ext4 -d t a.img 16M >mke2fs.out 2>&1 && "
				      "truncate -s 40M a.store && sha256sum a.img > a.sum"), 0);
}

struct disk_cow *joined_open(void **state, bool writable)
{
	struct disk_cow *c;
	struct err e = { 0 };

	assert_ok(disk_cow_open(in_scratch(state, "a.img"), in_scratch(state, "a.store"), JOINED_BYTES, writable, &c, &e));
	return c;
}

void joined_merge(void **state)
{
	AUTO_MEM char *here = getcwd(NULL, 0);

	assert_int_equal(shell(state, "sha256sum --quiet -c a.sum && python3 '%s/unit/disk/merge_store.py' a.img a.store %llu merged.img", here,
			       (unsigned long long)JOINED_BYTES), 0);
	assert_clean(state, "merged.img");
}

char *joined_cat(void **state, const char *path)
{
	return shell_text(state, "debugfs -R 'cat %s' merged.img 2>/dev/null", path);
}
