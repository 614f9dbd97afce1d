/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/many.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"

#define AT_ONCE 8 /* the daemon runs no more than 16 jobs */

struct act {
	const char *vm;
	struct varlink_client *client;
	struct progress_view view;
	char *text;
	struct err err;
};

struct many {
	struct act *acts;
	size_t n;
	atomic_size_t next;
	many_fn fn;
	const void *arg;
};

static void *work(void *p)
{
	struct many *m = p;

	for (;;) {
		size_t i = atomic_fetch_add(&m->next, 1);
		struct act *a;

		if (i >= m->n)
			return NULL;
		a = &m->acts[i];
		if (a->client && m->fn(a->client, a->vm, &a->view, m->arg, &a->text, &a->err) < 0)
			assert(a->err.code != ERR_NONE);
	}
}

static void run_all(struct many *m)
{
	pthread_t threads[AT_ONCE];
	size_t n = 0;

	while (n < AT_ONCE && n + 1 < m->n && pthread_create(&threads[n], NULL, work, m) == 0)
		n++;
	work(m);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* Who is meant, for the sake of doubles: the id of the VM with that name, id or only that prefix of an id; else the word itself. */
static const char *identity(const struct vm_list_out *list, const char *ref)
{
	const char *found = NULL;

	for (size_t i = 0; i < list->n_vms; i++)
		if (str_eq(list->vms[i].name, ref) || str_eq(list->vms[i].id, ref))
			return list->vms[i].id;
	for (size_t i = 0; i < list->n_vms; i++) {
		if (!*ref || !str_starts(list->vms[i].id, ref))
			continue;
		if (found)
			return ref;
		found = list->vms[i].id;
	}
	return found ? found : ref;
}

static MUST int open_acts(struct cli *cli, const struct opt_list *vms, struct many *m, struct err *e)
{
	AUTO_DONE(vm_list_out_done) struct vm_list_out list = { 0 };
	AUTO(varlink_client_free) struct varlink_client *first = NULL;

	if (client_connect(cli, &first, e) < 0 || (vms->n > 1 && call_vm_list(first, NULL, &list, e) < 0))
		return -1;
	for (size_t i = 0; i < vms->n; i++) {
		struct act *a = &m->acts[m->n];
		bool twice = false;

		for (size_t j = 0; j < m->n; j++)
			twice |= str_eq(identity(&list, m->acts[j].vm), identity(&list, vms->items[i]));
		if (twice)
			continue;
		m->n++;
		a->vm = vms->items[i];
		if (first)
			a->client = TAKE_PTR(first);
		else if (client_connect_running(&a->client, &a->err) < 0)
			a->client = NULL;
	}
	for (size_t i = 0; i < m->n; i++)
		m->acts[i].view = progress_begin(cli, m->n > 1 ? m->acts[i].vm : NULL);
	for (size_t i = 0; m->n > 1 && i < m->n; i++)
		m->acts[i].view.terminal = false; /* one changing line cannot show several */
	return 0;
}

int many_run(struct cli *cli, const struct opt_list *vms, many_fn fn, const void *arg)
{
	struct many m = { .acts = mem_array(vms->n, sizeof(*m.acts)), .fn = fn, .arg = arg };
	struct err e = { 0 };
	int status = 0;

	if (open_acts(cli, vms, &m, &e) < 0)
		status = cli_fail(&e, 1);
	else
		run_all(&m);
	for (size_t i = 0; i < m.n; i++) {
		struct act *a = &m.acts[i];

		if (a->err.code != ERR_NONE)
			status = cli_fail(&a->err, 1);
		else if (a->text)
			printf("%s\n", a->text);
		free(a->text);
		varlink_client_free(a->client);
	}
	free(m.acts);
	return status;
}
