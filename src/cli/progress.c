/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/progress.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"

/* progress_call reads the member through the struct's first bytes. */
_Static_assert(offsetof(struct vm_create_out, progress) == 0 && offsetof(struct vm_delete_out, progress) == 0 &&
		offsetof(struct image_import_out, progress) == 0 && offsetof(struct kernel_delete_out, progress) == 0,
	"replies of @worker methods begin with progress");

struct progress_view progress_begin(const struct cli *cli, const char *object)
{
	return (struct progress_view){
		.command = cli->path, .object = object, .quiet = cli->quiet, .terminal = isatty(STDERR_FILENO)
	};
}

static void stage_text(const struct progress *p, struct str *out)
{
	char done[16], total[16];

	str_add(out, p->stage ? p->stage : "");
	if (p->has_done && p->has_total && p->total > 0)
		str_addf(out, " %d%% of %s", (int)(100.0 * (double)p->done / (double)p->total),
			str_bytes((uint64_t)p->total, total));
	else if (p->has_done)
		str_addf(out, " %s", str_bytes((uint64_t)p->done, done));
}

/* A changing line must stay one: what is longer than the terminal is wide would leave its beginning behind. */
static void fit_terminal(struct str *line)
{
	struct winsize w = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col)
		return;
	if (line->len >= w.ws_col)
		line->len = w.ws_col - 1U;
}

void progress_show(struct progress_view *v, const struct progress *p)
{
	AUTO_DONE(str_done) struct str line = STR_INIT;
	bool same = p->stage && strncmp(v->last, p->stage, sizeof(v->last) - 1) == 0;

	snprintf(v->op, sizeof(v->op), "%s", p->operation ? p->operation : "");
	if (v->quiet || !p->stage)
		return;
	snprintf(v->last, sizeof(v->last), "%s", p->stage);
	if (!v->terminal && same)
		return;
	str_addf(&line, "[%s] ", v->command);
	if (v->object)
		str_addf(&line, "%s: ", v->object);
	if (v->terminal)
		stage_text(p, &line);
	else
		str_add(&line, p->stage);
	if (v->terminal)
		fit_terminal(&line);
	fprintf(stderr, "%s%.*s%s", v->terminal ? "\r" : "", (int)line.len, line.data, v->terminal ? "\033[K" : "\n");
	v->line_open = v->terminal;
}

void progress_end(struct progress_view *v)
{
	if (v->line_open)
		fputs("\r\033[K", stderr);
	v->line_open = false;
}

void progress_note(struct progress_view *v, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	progress_end(v);
	if (v->quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "[%s] %s\n", v->command, text);
}

static void on_reply(const void *out, void *arg)
{
	const struct progress *p = *(struct progress *const *)out;

	if (p)
		progress_show(arg, p);
}

int progress_call(struct varlink_client *c, const struct varlink_method *m, const void *in, struct progress_view *v,
	void *ret, struct err *e)
{
	int rc = varlink_client_call_more(c, m, in, on_reply, v, ret, e);

	progress_end(v);
	if (rc < 0 && e->code == ERR_UNAVAILABLE && !*e->op) {
		err_clear(e);
		err_set(e, ERR_UNAVAILABLE, "the daemon ended during %s", varlink_method_short(m));
		err_hint(e, "run it again: a new daemon starts by itself and undoes what was begun");
		snprintf(e->op, sizeof(e->op), "%s", v->op);
	}
	return rc;
}
