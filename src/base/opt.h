/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Command lines from tables: a tree of commands, each with its options and arguments, gives parsing into a struct, help pages and shell
 * completion. Words of the command line are borrowed from argv throughout. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Type of the member an option fills. */
enum opt_kind {
	OPT_FLAG,   /* bool: true */
	OPT_SWITCH, /* int: 1 for --x, -1 for --no-x */
	OPT_STRING, /* const char * */
	OPT_INT,    /* int64_t within min and max */
	OPT_MIB,    /* int64_t: a size such as 512M or 4G, in MiB, within min and max */
	OPT_CHOICE, /* int: place among the choices, from 1 */
	OPT_LIST,   /* struct opt_list, once more for each time it is given */
};

/* What completes a word; the command line tool adds its own from OPT_WORDS_OWN on. */
enum { OPT_WORDS_NONE, OPT_WORDS_FILE, OPT_WORDS_DIR, OPT_WORDS_OWN = 16 };

struct opt_list {
	const char **items;
	size_t n;
};

struct opt {
	char letter;      /* 0: none */
	const char *name; /* without dashes; NULL ends the table */
	enum opt_kind kind;
	size_t at;       /* offsetof the member */
	const char *arg; /* what the help calls its value, NULL with flags */
	const char *help;
	int64_t min, max;
	const char *const *choices; /* ended by NULL */
	int words;
	/* Writes what holds when it is not given, or nothing; for the help. May be NULL. */
	void (*fallback)(struct str *out);
};

/* An argument by place. */
struct opt_arg {
	const char *name; /* as the help shows it; NULL ends the table */
	size_t at;        /* const char *, or struct opt_list when many */
	bool optional;
	bool many; /* takes all that are left; the last row only */
	int words;
};

struct opt_command {
	const char *name;
	const char *brief;           /* one line on the page of its group */
	const char *about;           /* its own page, or NULL */
	const char *const *examples; /* command lines, ended by NULL; may be NULL */
	const struct opt *opts;      /* may be NULL */
	const struct opt_arg *args;  /* may be NULL */
	const char *rest;            /* name of what follows "--", NULL: nothing may */
	bool rest_bare;              /* it may also follow the arguments without "--" */
	size_t rest_at;              /* struct opt_list */
	size_t in_size;              /* the struct that is filled */
	/* Does it: in is the struct, cx the caller's. Exit status. NULL in groups. */
	int (*run)(const void *in, void *cx);
	const struct opt_command *const *children; /* a group's, ended by NULL */
	const struct opt_command *same_as;         /* another name for that command */
	bool hidden;
};

struct opt_parsed {
	const struct opt_command *command; /* as far as it was known, also when parsing failed */
	char path[64];                     /* "vm run", "" at the root */
	bool help;                         /* a page was asked for, or a group named without a command */
	void *in;                          /* command->in_size bytes; the parsed's own */
};

/* Parses argv[1..]. Options of the root's table may stand anywhere before "--" and go into globals. ERR_INVALID with a hint.
 * Give *ret back by opt_done in any case. */
MUST int opt_parse(const struct opt_command *root, int argc, char *const *argv, void *globals, struct opt_parsed *ret,
	struct err *e);
void opt_done(struct opt_parsed *p);
/* Appends the help page of the command at path ("" or "vm run"). */
void opt_help(const struct opt_command *root, const struct opt_command *command, const char *path, struct str *out);

/* Adds the words of a kind, one "WORD\n" or "WORD\tDESCRIPTION\n" each. */
typedef void (*opt_words_fn)(int words, struct str *out, void *arg);
/* Appends what may stand in place of the last of n words (those behind the program's name): one "WORD\n" or "WORD\tDESCRIPTION\n" each,
 * or ":file\n" or ":dir\n" where the shell's own completion of paths is wanted. */
void opt_complete(const struct opt_command *root, size_t n, const char *const *words, opt_words_fn fn, void *arg,
	struct str *out);

/* The one of candidates (ended by NULL) that word was probably meant to be, or NULL. */
const char *opt_nearest(const char *word, const char *const *candidates);
