/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What both ends of a varlink connection share: the tables scripts/varlink-gen makes from the .varlink files, limits, errors.
 * The wire: JSON objects, each ended by a NUL byte (varlink.org/Method-Call). A descriptor is an integer: the index into the
 * descriptors that came with its own message. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json_table.h"

#define VARLINK_MAX_MESSAGE (1 << 20)       /* bytes: daemon */
#define VARLINK_MAX_MESSAGE_SMALL (1 << 14) /* bytes: helper, agent, hello */
#define VARLINK_MAX_REPLY (4 << 20)         /* bytes a client takes unless told otherwise */

/* What a @lock annotation names; NEW: the name of the object being made. */
enum varlink_lock {
	VARLINK_LOCK_NONE,
	VARLINK_LOCK_VM,
	VARLINK_LOCK_NEW_VM,
	VARLINK_LOCK_IMAGE,
	VARLINK_LOCK_NEW_IMAGE,
	VARLINK_LOCK_KERNEL,
	VARLINK_LOCK_NEW_KERNEL,
};

/* Flags of a method: it runs in a worker process; it must be called with upgrade. */
enum { VARLINK_WORKER = 1, VARLINK_UPGRADE = 2 };

struct varlink_method {
	const char *name; /* full: "io.banger.VmStart" */
	const struct json_type *in, *out;
	uint8_t flags;
	uint8_t lock;       /* enum varlink_lock */
	int16_t lock_field; /* index in in->fields of the string that names the locked object, -1 without a lock */
};

/* "VmStart" of "io.banger.VmStart". */
const char *varlink_method_short(const struct varlink_method *m);
/* The string in the parameters in (a struct of m->in) that names the locked object; NULL if absent or without a lock. */
const char *varlink_method_lock_ref(const struct varlink_method *m, const void *in);

struct varlink_call;

/* One method of a served interface. */
struct varlink_row {
	const struct varlink_method *method;
	int (*run)(struct varlink_call *call, void *in, void *ret, struct err *e);
};

struct varlink_interface {
	const char *name;
	const char *description; /* the interface in varlink's own language */
	const struct varlink_row *rows;
	size_t n_rows;
};

/* Operations of the worker process, rows of io.banger's @worker methods (built into ops/). struct op is the worker's own. */
struct op;
struct op_row {
	const char *name; /* as varlink_method's */
	const struct json_type *in_type, *out_type;
	size_t in_size, out_size;
	int (*run)(struct op *op, const void *in, void *ret, struct err *e);
};
extern const struct op_row op_rows[];
extern const size_t n_op_rows;
