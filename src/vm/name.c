/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"

#define PLAIN_ATTEMPTS 3

static const char *const moods[] = {
	"agile",
	"amber",
	"apt",
	"arctic",
	"azure",
	"brave",
	"bright",
	"brisk",
	"calm",
	"candid",
	"civil",
	"clever",
	"cosmic",
	"crisp",
	"curious",
	"deft",
	"eager",
	"early",
	"easy",
	"fair",
	"fleet",
	"fond",
	"frank",
	"free",
	"gentle",
	"glad",
	"golden",
	"grand",
	"hardy",
	"honest",
	"humble",
	"jolly",
	"keen",
	"kind",
	"lively",
	"loyal",
	"lucid",
	"lucky",
	"mellow",
	"merry",
	"mild",
	"modest",
	"neat",
	"nimble",
	"noble",
	"open",
	"patient",
	"plucky",
	"polite",
	"proud",
	"quick",
	"quiet",
	"ready",
	"sage",
	"serene",
	"silver",
	"snug",
	"steady",
	"sunny",
	"swift",
	"tidy",
	"vivid",
	"warm",
	"witty",
};

static const char *const animals[] = {
	"alpaca",
	"badger",
	"beaver",
	"bison",
	"bobcat",
	"camel",
	"caribou",
	"cheetah",
	"condor",
	"cougar",
	"coyote",
	"crane",
	"curlew",
	"dingo",
	"dolphin",
	"eagle",
	"egret",
	"falcon",
	"ferret",
	"finch",
	"fox",
	"gannet",
	"gecko",
	"gibbon",
	"hare",
	"heron",
	"ibex",
	"ibis",
	"impala",
	"jackal",
	"jaguar",
	"kestrel",
	"kiwi",
	"koala",
	"lark",
	"lemur",
	"lynx",
	"magpie",
	"marten",
	"mole",
	"moose",
	"newt",
	"ocelot",
	"osprey",
	"otter",
	"owl",
	"panda",
	"parrot",
	"pelican",
	"penguin",
	"plover",
	"puffin",
	"puma",
	"quail",
	"raven",
	"robin",
	"salmon",
	"seal",
	"stoat",
	"tapir",
	"toucan",
	"walrus",
	"wombat",
	"wren",
};

int vm_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name), ok = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n)
		return err_set(e, ERR_INVALID, "a VM's name cannot be empty");
	if (n > VM_NAME_MAX) {
		err_set(e, ERR_INVALID, "VM name '%.20s...' has %zu characters, %d more than the %d allowed", name, n,
			(int)n - VM_NAME_MAX, VM_NAME_MAX);
		return -1;
	}
	if (ok < n && (unsigned char)name[ok] < 0x80 && name[ok] > ' ' && name[ok] != 0x7f)
		err_set(e, ERR_INVALID, "VM name '%s' has '%c' at position %zu", name, name[ok], ok + 1);
	else if (ok < n)
		err_set(e, ERR_INVALID, "VM name '%.*s...' has byte 0x%02x at position %zu", (int)ok, name,
			(unsigned char)name[ok], ok + 1);
	else if (name[0] == '-')
		err_set(e, ERR_INVALID, "VM name '%s' has '-' at position 1", name);
	else if (name[n - 1] == '-')
		err_set(e, ERR_INVALID, "VM name '%s' has '-' at position %zu, its end", name, n);
	else
		return 0;
	return err_hint(e, "1 to %d of a-z, 0-9 and '-', no '-' at either end", VM_NAME_MAX);
}

const char *vm_name_generate(unsigned attempt, char out[static VM_NAME_MAX + 1])
{
	uint32_t r[3] = { 0 };

	/* No more than 256 bytes are always there at once; a name need not be unpredictable, so an early boot's failure is no error. */
	if (getrandom(r, sizeof(r), GRND_NONBLOCK) < (ssize_t)sizeof(r))
		r[0] = attempt;
	if (attempt < PLAIN_ATTEMPTS)
		snprintf(out, VM_NAME_MAX + 1, "%s-%s", moods[r[0] % ARRAY_LEN(moods)],
			animals[r[1] % ARRAY_LEN(animals)]);
	else
		snprintf(out, VM_NAME_MAX + 1, "%s-%s-%u", moods[r[0] % ARRAY_LEN(moods)],
			animals[r[1] % ARRAY_LEN(animals)], r[2] % 10000);
	return out;
}
