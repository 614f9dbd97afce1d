/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TOML on standard input to the tagged JSON that the public toml-test suite compares; exit status 1 with the error if it is not valid. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/toml.h"

static void print_text(const char *s, size_t n)
{
	putchar('"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			printf("\\%c", s[i]);
		else if ((unsigned char)s[i] < 0x20)
			printf("\\u%04x", (unsigned char)s[i]);
		else
			putchar(s[i]);
	}
	putchar('"');
}

static void print_time(const struct toml_datetime *t)
{
	unsigned both = TOML_HAS_DATE | TOML_HAS_TIME;
	const char *type = t->has & TOML_HAS_OFFSET ? "datetime"
		: (t->has & both) == both           ? "datetime-local"
		: t->has == TOML_HAS_DATE           ? "date-local"
						    : "time-local";
	int offset = abs(t->offset_minutes);

	printf("{\"type\":\"%s\",\"value\":\"", type);
	if (t->has & TOML_HAS_DATE)
		printf("%04d-%02d-%02d", t->year, t->month, t->day);
	if ((t->has & both) == both)
		putchar('T');
	if (t->has & TOML_HAS_TIME)
		printf("%02d:%02d:%02d.%09d", t->hour, t->minute, t->second, t->nanosecond);
	if (t->has & TOML_HAS_OFFSET)
		printf("%c%02d:%02d", t->offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
	printf("\"}");
}

static void print_value(const struct toml_value *v)
{
	switch (v->kind) {
	case TOML_STRING:
		printf("{\"type\":\"string\",\"value\":");
		print_text(v->string.text, v->string.len);
		putchar('}');
		break;
	case TOML_INTEGER:
		printf("{\"type\":\"integer\",\"value\":\"%lld\"}", (long long)v->integer);
		break;
	case TOML_FLOAT:
		printf("{\"type\":\"float\",\"value\":\"%.17g\"}", isnan(v->number) ? NAN : v->number);
		break;
	case TOML_BOOLEAN:
		printf("{\"type\":\"bool\",\"value\":\"%s\"}", v->boolean ? "true" : "false");
		break;
	case TOML_DATETIME:
		print_time(&v->time);
		break;
	case TOML_ARRAY:
	case TOML_TABLE:
		putchar(v->kind == TOML_TABLE ? '{' : '[');
		for (size_t i = 0; i < v->list.n; i++) {
			if (i)
				putchar(',');
			if (v->kind == TOML_TABLE) {
				print_text(v->list.items[i]->key, v->list.items[i]->key_len);
				putchar(':');
			}
			print_value(v->list.items[i]);
		}
		putchar(v->kind == TOML_TABLE ? '}' : ']');
		break;
	}
}

int main(void)
{
	static char text[TOML_MAX_BYTES + 1];
	AUTO(toml_free) struct toml *t = NULL;
	struct err e = { 0 };
	size_t n = fread(text, 1, sizeof(text), stdin);

	if (toml_parse(text, n, "stdin", &t, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	print_value(&t->root);
	putchar('\n');
	return 0;
}
