/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "driver.h"

static struct driver d;

static int start(void **state)
{
	driver_start(&d, 0);
	return 0;
}

static int stop(void **state)
{
	driver_stop(&d);
	return 0;
}

static void offer(uint16_t head)
{
	struct virtq *q = &d.q[0];

	q->avail->ring[q->avail->idx & (DRIVER_SIZE - 1)] = head;
	q->avail->idx++;
}

static void desc(uint16_t i, uint64_t at, uint32_t len, uint16_t flags, uint16_t next)
{
	d.q[0].desc[i] = (struct vring_desc){ DRIVER_BASE + at, len, flags, next };
}

static void expect_broken(const char *why)
{
	struct virtq_chain c;
	struct err e = { 0 };
	bool any = true;

	assert_int_equal(virtq_pop(&d.q[0], &c, &any, &e), -1);
	if (!strstr(e.msg, why))
		fail_msg("'%s', not '%s'", e.msg, why);
	assert_err(-1, ERR_CORRUPT);
	/* From here on it gives nothing. */
	assert_ok(virtq_pop(&d.q[0], &c, &any, &e));
	assert_false(any);
}

static void chains_are_walked(void **state)
{
	struct virtq *q = &d.q[0];
	struct virtq_chain c;
	struct err e = { 0 };
	bool any = false;

	desc(3, 0x10000, 44, VRING_DESC_F_NEXT, 5);
	desc(5, 0x11000, 100, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	desc(1, 0x12000, 28, VRING_DESC_F_WRITE, 0);
	offer(3);
	assert_ok(virtq_pop(q, &c, &any, &e));
	assert_true(any);
	assert_int_equal(c.head, 3);
	assert_int_equal(c.n_out, 1);
	assert_int_equal(c.n_in, 2);
	assert_int_equal(c.out_bytes, 44);
	assert_int_equal(c.in_bytes, 128);
	assert_ptr_equal(c.iov[1].iov_base, d.mem + 0x11000);
	virtq_unpop(q, 1);
	assert_ok(virtq_pop(q, &c, &any, &e));
	assert_true(any);
	virtq_push(q, c.head, 77);
	assert_int_equal(q->used->idx, 1);
	assert_int_equal(q->used->ring[0].id, 3);
	assert_int_equal(q->used->ring[0].len, 77);
	assert_ok(virtq_pop(q, &c, &any, &e));
	assert_false(any);
}

static void guests_are_told_as_they_wish(void **state)
{
	struct virtq *q = &d.q[0];

	assert_false(virtq_must_tell(q));
	virtq_push(q, 0, 0);
	assert_true(virtq_must_tell(q));
	assert_false(virtq_must_tell(q));
	q->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	virtq_push(q, 0, 0);
	assert_false(virtq_must_tell(q));
	/* With event indexes: only when the one wished for is passed. */
	q->event_idx = true;
	q->avail->ring[DRIVER_SIZE] = 3;
	virtq_push(q, 0, 0);
	assert_false(virtq_must_tell(q));
	virtq_push(q, 0, 0);
	assert_true(virtq_must_tell(q));
}

static void kicks_are_asked_for_once_all_is_taken(void **state)
{
	struct virtq *q = &d.q[0];

	virtq_refuse_kick(q);
	assert_int_equal(q->used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtq_ask_kick(q));
	assert_int_equal(q->used->flags, 0);
	desc(0, 0x10000, 4, 0, 0);
	offer(0);
	assert_true(virtq_ask_kick(q));
	assert_int_equal(q->used->flags, VRING_USED_F_NO_NOTIFY);
}

static void wrong_chains_break_the_queue(void **state)
{
	desc(0, 0x10000, 0, VRING_DESC_F_NEXT, 0);
	offer(0);
	expect_broken("tail");
}

static void long_chains_break_it(void **state)
{
	desc(0, 0x10000, 4, VRING_DESC_F_NEXT, 0);
	offer(0);
	expect_broken("pieces");
}

static void far_buffers_break_it(void **state)
{
	desc(0, DRIVER_BYTES - 2, 4, 0, 0);
	offer(0);
	expect_broken("outside");
}

static void far_descriptors_break_it(void **state)
{
	offer(DRIVER_SIZE);
	expect_broken("behind the table");
}

static void indirection_must_be_agreed_on(void **state)
{
	desc(0, 0x10000, 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	expect_broken("indirect");
}

static void indirect_tables_are_read(void **state)
{
	struct virtq *q = &d.q[0];
	struct vring_desc *table = (void *)(d.mem + 0x10000);
	struct virtq_chain c;
	struct err e = { 0 };
	bool any = false;

	q->indirect = true;
	table[0] = (struct vring_desc){ DRIVER_BASE + 0x11000, 44, VRING_DESC_F_NEXT, 1 };
	table[1] = (struct vring_desc){ DRIVER_BASE + 0x12000, 10, 0, 0 };
	desc(0, 0x10000, 32, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	assert_ok(virtq_pop(q, &c, &any, &e));
	assert_true(any);
	assert_int_equal(c.out_bytes, 54);
	table[1].flags = VRING_DESC_F_INDIRECT;
	offer(0);
	expect_broken("indirect");
}

static void too_many_chains_break_it(void **state)
{
	d.q[0].avail->idx = DRIVER_SIZE + 1;
	expect_broken("more chains");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chains_are_walked, start, stop),
		cmocka_unit_test_setup_teardown(guests_are_told_as_they_wish, start, stop),
		cmocka_unit_test_setup_teardown(kicks_are_asked_for_once_all_is_taken, start, stop),
		cmocka_unit_test_setup_teardown(wrong_chains_break_the_queue, start, stop),
		cmocka_unit_test_setup_teardown(long_chains_break_it, start, stop),
		cmocka_unit_test_setup_teardown(far_buffers_break_it, start, stop),
		cmocka_unit_test_setup_teardown(far_descriptors_break_it, start, stop),
		cmocka_unit_test_setup_teardown(indirection_must_be_agreed_on, start, stop),
		cmocka_unit_test_setup_teardown(indirect_tables_are_read, start, stop),
		cmocka_unit_test_setup_teardown(too_many_chains_break_it, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
