/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/auto.h"
#include "base/proc.h"
#include "base/str.h"
#include "helper/helper.h"

enum { ID_LEN = 12, VCPUS_MAX = 32, MEMORY_MAX_MIB = 1 << 20, ROOT_MAX_MIB = 16 << 20 };

int check_vm_id(const char *id, struct err *e)
{
	if (strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN)
		return 0;
	return err_set(e, ERR_INVALID, "'%.20s' is no VM id", id);
}

int check_op(const char *op, struct err *e)
{
	if (str_starts(op, "op-") && strlen(op) == 9 && strspn(op + 3, "0123456789abcdef") == 6)
		return 0;
	return err_set(e, ERR_INVALID, "'%.20s' is no operation", op);
}

int check_signal(const char *name, int *ret, struct err *e)
{
	static const char *const allowed[] = { "TERM", "KILL", "INT", "HUP", "QUIT", "USR1", "USR2", "ABRT" };
	int sig = proc_signal_number(name);

	for (size_t i = 0; sig && i < ARRAY_LEN(allowed); i++) {
		if (str_eq(proc_signal_name(sig), allowed[i])) {
			*ret = sig;
			return 0;
		}
	}
	err_set(e, ERR_INVALID, "signal '%.20s' is not allowed", name);
	return err_hint(e, "use TERM, KILL, INT, HUP, QUIT, USR1, USR2 or ABRT");
}

static MUST int check_number(const char *what, int64_t v, int64_t min, int64_t max, struct err *e)
{
	if (v >= min && v <= max)
		return 0;
	return err_set(e, ERR_INVALID, "%s %lld is not between %lld and %lld", what, (long long)v, (long long)min, (long long)max);
}

int check_cid(int64_t cid, struct err *e)
{
	return check_number("context id", cid, 3, UINT32_MAX - 1, e);
}

int check_sizes(int64_t vcpus, int64_t memory_mib, int64_t cid, int64_t root_mib, struct err *e)
{
	if (check_number("vcpu count", vcpus, 1, VCPUS_MAX, e) < 0 || check_number("memory", memory_mib, 1, MEMORY_MAX_MIB, e) < 0 ||
	    check_cid(cid, e) < 0)
		return -1;
	return check_number("root size", root_mib, 0, ROOT_MAX_MIB, e);
}
