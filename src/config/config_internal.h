/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One key of config.toml: what its value must be, and how it is read. Within config/ only. */

#include "base/toml.h"
#include "config/config.h"

enum config_kind {
	TEXT,
	PATH, /* absolute or "~/" */
	FLAG,
	NUMBER,
	SIZE,   /* MiB, or text such as "8G" */
	DNS,    /* an address or an array of them */
	PREFIX, /* prefix length, also as text */
	SYNC,     /* array of tables: what a new VM gets of the owner's files */
	DURATION, /* text such as "24h": milliseconds; 0 also as a number */
};

/* A value's place while it is read. */
struct config_cursor {
	const struct toml *doc;
	const struct toml_value *v;
	const char *name;
	const char *home;
};

struct config_key_row {
	const char *table; /* NULL: top level */
	const char *name;
	enum config_kind kind;
	size_t at;
	int64_t min, max;
	const char *const *choices;
	int (*check)(const struct config_cursor *at, const char *text, struct err *e);
	int (*check_number)(const struct config_cursor *at, int64_t value, struct err *e);
	const char *notice; /* why it does nothing */
	bool may_be_empty;
	bool at_start;      /* a change needs a new daemon */
};

/* Reads the value into its member of c. ERR_INVALID with the place. */
MUST int config_read_key(const struct config_cursor *at, const struct config_key_row *k, struct config *c, struct err *e);
/* Frees the name servers; there are none then. */
void config_drop_dns(struct config *c);
/* The entries of [[file_sync]]; what was read until a failure is in c. Freed by config_drop_sync, there are none then. */
MUST int config_read_sync(const struct config_cursor *at, struct config *c, struct err *e);
void config_drop_sync(struct config *c);
/* Appends "~/.aws, ~/bin/x to ~/x (0755)". */
void config_sync_text(const struct config *c, struct str *out);
/* "'NAME' must be WHAT, not a string". Returns -1. */
int config_wrong(const struct config_cursor *at, struct err *e, const char *what);

/* Checks of rows; ERR_INVALID with the place. */
int config_check_bridge(const struct config_cursor *at, const char *text, struct err *e);
int config_check_ipv4(const struct config_cursor *at, const char *text, struct err *e);
int config_check_listen(const struct config_cursor *at, const char *text, struct err *e);
int config_check_dns_listen(const struct config_cursor *at, const char *text, struct err *e);
int config_check_power_of_two(const struct config_cursor *at, int64_t value, struct err *e);
