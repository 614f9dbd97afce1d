/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "doctor/checks.h"

static const struct {
	const char *name;
	void (*run)(const struct doctor_host *host, struct doctor_check *c);
} checks[DOCTOR_N_CHECKS] = {
	{ "architecture", check_architecture },
	{ "configuration", check_configuration },
	{ "kvm", check_kvm },
	{ "virtual machine monitor", check_vmm },
	{ "firecracker", check_firecracker },
	{ "network", check_network },
	{ "control groups", check_control_groups },
	{ "disk", check_disk },
	{ "files", check_files },
	{ "copy on write", check_copy_on_write },
};

void doctor_add(struct doctor_check *c, enum doctor_level level, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	if (level > c->level)
		c->level = level;
	if (c->n_details == DOCTOR_MAX_DETAILS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->details[c->n_details++] = mem_strdup(text);
}

void doctor_fixed(struct doctor_check *c, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	if (c->n_fixed == DOCTOR_MAX_DETAILS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->fixed[c->n_fixed++] = mem_strdup(text);
}

void doctor_add_error(struct doctor_check *c, enum doctor_level level, const struct err *e)
{
	doctor_add(c, level, "%s", e->msg);
	if (*e->hint)
		doctor_add(c, level, "%s", e->hint);
}

void doctor_check_done(struct doctor_check *c)
{
	while (c->n_details)
		free(c->details[--c->n_details]);
	while (c->n_fixed)
		free(c->fixed[--c->n_fixed]);
}

const char *doctor_level_text(enum doctor_level level)
{
	static const char *const texts[] = { "PASS", "WARN", "FAIL" };

	return texts[level];
}

size_t doctor_run(const struct doctor_host *host, struct doctor_check ret[static DOCTOR_N_CHECKS])
{
	for (size_t i = 0; i < DOCTOR_N_CHECKS; i++) {
		ret[i] = (struct doctor_check){ .name = checks[i].name };
		checks[i].run(host, &ret[i]);
	}
	return DOCTOR_N_CHECKS;
}

void doctor_write(const struct doctor_check *c, struct str *out)
{
	str_addf(out, "%s\t%s\n", doctor_level_text(c->level), c->name);
	for (size_t i = 0; i < c->n_details; i++)
		str_addf(out, "  - %s\n", c->details[i]);
	for (size_t i = 0; i < c->n_fixed; i++)
		str_addf(out, "  + %s\n", c->fixed[i]);
}

void doctor_write_json(const struct doctor_check *c, struct json_writer *w)
{
	json_open(w, NULL, '{');
	json_put_string(w, "name", c->name);
	json_put_string(w, "level", doctor_level_text(c->level));
	json_open(w, "details", '[');
	for (size_t i = 0; i < c->n_details; i++)
		json_put_string(w, NULL, c->details[i]);
	json_close(w);
	json_open(w, "fixed", '[');
	for (size_t i = 0; i < c->n_fixed; i++)
		json_put_string(w, NULL, c->fixed[i]);
	json_close(w);
	json_close(w);
}
