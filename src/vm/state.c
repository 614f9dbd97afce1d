/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/state.h"

#include <string.h>

static const char *const act_texts[VM_ACT_COUNT] = {
	[VM_ACT_START] = "start",   [VM_ACT_STOP] = "stop",           [VM_ACT_RESTART] = "restart", [VM_ACT_KILL] = "kill",
	[VM_ACT_DELETE] = "delete", [VM_ACT_DELETE_FORCE] = "delete", [VM_ACT_SET] = "set",         [VM_ACT_CONNECT] = "reach",
	[VM_ACT_FILE] = "file of",
};

/* Resting states only; VM_STATE_NONE means refused. */
static const struct {
	enum vm_state from;
	enum vm_state to[VM_ACT_COUNT];
} table[] = {
	{ VM_STATE_CREATED,
	  { [VM_ACT_START] = VM_STATE_STARTING, [VM_ACT_RESTART] = VM_STATE_STARTING, [VM_ACT_DELETE] = VM_STATE_DELETING,
	    [VM_ACT_DELETE_FORCE] = VM_STATE_DELETING, [VM_ACT_SET] = VM_STATE_CREATED, [VM_ACT_FILE] = VM_STATE_CREATED } },
	{ VM_STATE_STOPPED,
	  { [VM_ACT_START] = VM_STATE_STARTING, [VM_ACT_RESTART] = VM_STATE_STARTING, [VM_ACT_DELETE] = VM_STATE_DELETING,
	    [VM_ACT_DELETE_FORCE] = VM_STATE_DELETING, [VM_ACT_SET] = VM_STATE_STOPPED, [VM_ACT_FILE] = VM_STATE_STOPPED } },
	{ VM_STATE_RUNNING,
	  { [VM_ACT_STOP] = VM_STATE_STOPPING, [VM_ACT_RESTART] = VM_STATE_STOPPING, [VM_ACT_KILL] = VM_STATE_STOPPING,
	    [VM_ACT_DELETE_FORCE] = VM_STATE_DELETING, [VM_ACT_CONNECT] = VM_STATE_RUNNING } },
	/* Its guest can neither answer nor shut down in order. */
	{ VM_STATE_PAUSED,
	  { [VM_ACT_KILL] = VM_STATE_STOPPING, [VM_ACT_DELETE_FORCE] = VM_STATE_DELETING } },
	{ VM_STATE_ERROR,
	  { [VM_ACT_STOP] = VM_STATE_STOPPING, [VM_ACT_KILL] = VM_STATE_STOPPING, [VM_ACT_DELETE] = VM_STATE_DELETING,
	    [VM_ACT_DELETE_FORCE] = VM_STATE_DELETING } },
};

static int refuse(const char *name, enum vm_state from, enum vm_act act, struct err *e)
{
	err_set(e, ERR_STATE, "%s '%s': it is %s", act_texts[act], name, from == VM_STATE_RUNNING ? "running" : vm_state_text(from));
	if (from == VM_STATE_PAUSED)
		err_hint(e, "free space where banger vm show says: it goes on by itself; or banger vm kill %s ends it", name);
	else if (from == VM_STATE_ERROR)
		err_hint(e, "banger vm show %s says why; banger vm stop %s clears it", name, name);
	else if (from == VM_STATE_RUNNING && act == VM_ACT_DELETE)
		err_hint(e, "banger vm stop %s, or delete it with --force", name);
	else if (from == VM_STATE_RUNNING && act == VM_ACT_SET)
		err_hint(e, "banger vm stop %s", name);
	else if (from == VM_STATE_RUNNING && act == VM_ACT_FILE)
		err_hint(e, "banger vm exec %s -- cat FILE, or banger vm stop %s", name, name);
	else if (from != VM_STATE_RUNNING)
		err_hint(e, "banger vm start %s", name);
	return -1;
}

int vm_state_next(const char *name, enum vm_state from, enum vm_act act, enum vm_state *ret, struct err *e)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].from != from)
			continue;
		if (table[i].to[act] == VM_STATE_NONE)
			return refuse(name, from, act, e);
		*ret = table[i].to[act];
		return 0;
	}
	err_set(e, ERR_BUSY, "%s '%s': it is %s", act_texts[act], name, vm_state_text(from));
	return err_hint(e, "wait for that to end: banger vm show %s", name);
}
