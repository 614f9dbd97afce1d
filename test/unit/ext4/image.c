/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

int scratch_setup(void **state)
{
	char *dir = mem_strdup("/tmp/banger-ext4-XXXXXX");

	if (!mkdtemp(dir))
		return -1;
	const char *path = getenv("PATH");
	if (!path || !strstr(path, "/usr/sbin")) { /* where e2fsprogs are */
		char *longer = mem_printf("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
		setenv("PATH", longer, 1);
		free(longer);
	}
	unsetenv("LD_PRELOAD");
	*state = dir;
	return 0;
}

int scratch_teardown(void **state)
{
	struct err e = { 0 };
	int r = path_remove_tree(*state, &e);

	free(*state);
	return r;
}

const char *in_scratch(void **state, const char *name)
{
	static char paths[4][4096];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", (const char *)*state, name);
	return p;
}

static __attribute__((format(printf, 2, 0))) char *command_line(void **state, const char *fmt, va_list ap)
{
	char *tail = NULL, *whole;

	if (vasprintf(&tail, fmt, ap) < 0)
		abort();
	whole = mem_printf("D=%s; export D; cd \"$D\"; %s", (const char *)*state, tail);
	free(tail);
	return whole;
}

int shell(void **state, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	char *line = command_line(state, fmt, ap);
	va_end(ap);
	status = system(line);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

char *shell_text(void **state, const char *fmt, ...)
{
	struct str out = STR_INIT;
	char buf[4096];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	char *line = command_line(state, fmt, ap);
	va_end(ap);
	FILE *f = popen(line, "r");
	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add_bytes(&out, buf, n);
	if (pclose(f) != 0)
		fail_msg("%s: failed: %s", line, out.data ? out.data : "");
	free(line);
	if (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = 0;
	return str_take(&out);
}

void assert_clean(void **state, const char *image)
{
	if (shell(state, "e2fsck -fn '%s' >fsck.out 2>&1", image) != 0) {
		shell(state, "cat fsck.out >&2");
		fail_msg("e2fsck -fn '%s' complains", image);
	}
}

bool can_mount(void **state)
{
	return shell(state, "[ \"$(id -u)\" = 0 ] && [ -e /dev/loop-control ] && truncate -s 4M probe.img && mke2fs -q -F probe.img && mkdir -p probe &&"
			    " mount -o loop probe.img probe 2>/dev/null && umount probe") == 0;
}

void assert_content(struct ext4 *x, const char *path, const char *want)
{
	struct err e = { 0 };
	size_t n;
	char *text;

	assert_ok(ext4_read_file(x, path, 1 << 20, &text, &n, &e));
	assert_string_equal(text, want);
	free(text);
}
