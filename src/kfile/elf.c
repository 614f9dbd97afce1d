/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/elf.h"

#include <string.h>

#include "kfile/kfile_internal.h"

#define EHDR_BYTES 64
#define MACHINE_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4
#define SHT_NOBITS 8
#define XEN_PHYS32_ENTRY 18 /* xen/interface/elfnote.h */

/* Offsets in the setup header of a bzImage, boot.rst "The Real-Mode Kernel Header". */
#define SETUP_SECTS 0x1f1
#define SETUP_BOOT_FLAG 0x1fe
#define SETUP_MAGIC 0x202
#define SETUP_PROTOCOL 0x206
#define SETUP_VERSION 0x20e
#define SETUP_PAYLOAD_OFFSET 0x248
#define SETUP_PAYLOAD_LENGTH 0x24c
#define SETUP_BYTES 0x250
#define SECTOR 512u
#define PROTOCOL_PAYLOAD 0x208 /* 2.08 brought payload_offset */

static int corrupt(const char *what, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "ELF file is damaged: %s lies outside of it", what);
}

/* Whether count entries of size bytes at offset lie within n bytes. */
static bool within(uint64_t offset, uint64_t count, uint64_t size, size_t n)
{
	return offset <= n && count <= (n - offset) / size;
}

int kfile_elf_view(const void *data, size_t n, struct elf_view *ret, struct err *e)
{
	const uint8_t *p = data;
	struct elf_view v = { .data = p, .n = n };

	if (n < EHDR_BYTES || memcmp(p, "\x7f" "ELF", 4))
		return err_set(e, ERR_INVALID, "not an ELF file");
	v.type = le16(p + 16);
	if (p[4] != 2 || p[5] != 1 || le16(p + 18) != MACHINE_X86_64)
		return err_set(e, ERR_INVALID, "an ELF file, but not for x86-64");
	uint64_t programs = le64(p + 32), sections = le64(p + 40);
	v.n_programs = le16(p + 56);
	v.n_sections = le16(p + 60);
	v.names = le16(p + 62);
	if (v.n_programs && (le16(p + 54) != ELF_PROGRAM_BYTES || !within(programs, v.n_programs, ELF_PROGRAM_BYTES, n)))
		return corrupt("the program header table", e);
	if (v.n_sections && (le16(p + 58) != ELF_SECTION_BYTES || !within(sections, v.n_sections, ELF_SECTION_BYTES, n)))
		return corrupt("the section header table", e);
	v.programs = v.n_programs ? p + programs : NULL;
	v.sections = v.n_sections ? p + sections : NULL;
	*ret = v;
	return 0;
}

int kfile_elf_section(const struct elf_view *v, unsigned i, struct elf_part *ret, struct err *e)
{
	if (i >= v->n_sections)
		return corrupt("a section", e);
	const uint8_t *s = v->sections + (size_t)i * ELF_SECTION_BYTES;
	uint64_t at = le64(s + 24), size = le64(s + 32);

	if (le32(s + 4) == SHT_NOBITS) {
		*ret = (struct elf_part){ 0 };
		return 0;
	}
	if (!within(at, size, 1, v->n))
		return corrupt("a section", e);
	*ret = (struct elf_part){ v->data + at, (size_t)size };
	return 0;
}

int kfile_elf_find(const struct elf_view *v, const char *name, struct elf_part *ret, struct err *e)
{
	struct elf_part names;
	size_t want = strlen(name) + 1;

	if (!v->n_sections) {
		*ret = (struct elf_part){ 0 };
		return 0;
	}
	if (kfile_elf_section(v, v->names, &names, e) < 0)
		return -1;
	for (unsigned i = 1; i < v->n_sections; i++) {
		uint32_t at = le32(v->sections + (size_t)i * ELF_SECTION_BYTES);
		if (at < names.n && want <= names.n - at && !memcmp(names.data + at, name, want))
			return kfile_elf_section(v, i, ret, e);
	}
	*ret = (struct elf_part){ 0 };
	return 0;
}

/* Looks through the notes of one segment; padding of names and contents is to 4 bytes. */
static bool has_pvh_note(const uint8_t *p, size_t n)
{
	while (n >= 12) {
		uint64_t name = (le32(p) + (uint64_t)3) & ~(uint64_t)3, desc = (le32(p + 4) + (uint64_t)3) & ~(uint64_t)3;
		uint32_t type = le32(p + 8);
		if (name + desc > n - 12)
			return false;
		if (type == XEN_PHYS32_ENTRY && le32(p) == 4 && !memcmp(p + 12, "Xen", 4))
			return true;
		p += 12 + name + desc;
		n -= 12 + name + desc;
	}
	return false;
}

static MUST int check_segments(const struct elf_view *v, struct kernel_elf *k, struct err *e)
{
	unsigned n_loads = 0;

	if (v->type != ELF_TYPE_EXEC && v->type != ELF_TYPE_DYN)
		return err_set(e, ERR_INVALID, "an ELF file, but not an executable one");
	for (unsigned i = 0; i < v->n_programs; i++) {
		const uint8_t *ph = v->programs + (size_t)i * ELF_PROGRAM_BYTES;
		uint32_t type = le32(ph);
		uint64_t at = le64(ph + 8), size = le64(ph + 32);
		if (type != PT_LOAD && type != PT_NOTE)
			continue;
		if (!within(at, size, 1, v->n))
			return err_set(e, ERR_CORRUPT, "kernel is cut: segment %u ends behind the file", i);
		if (type == PT_LOAD)
			n_loads++;
		else if (has_pvh_note(v->data + at, (size_t)size))
			k->pvh = true;
	}
	if (!n_loads)
		return err_set(e, ERR_INVALID, "an ELF file without a segment to load");
	return 0;
}

static bool release_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._+~-", c));
}

bool kfile_release_valid(const char *s)
{
	size_t n = 0;

	if (s[0] < '0' || s[0] > '9')
		return false;
	while (release_char(s[n]))
		n++;
	return !s[n] && n < KFILE_RELEASE_SIZE;
}

/* The word that text begins with. */
static MUST int take_release(const uint8_t *text, size_t n, struct kernel_elf *k, struct err *e)
{
	size_t len = 0;

	while (len < n && len < KFILE_RELEASE_SIZE && release_char((char)text[len]))
		len++;
	if (len == n || len == KFILE_RELEASE_SIZE || (text[len] != ' ' && text[len] != '\0'))
		return err_set(e, ERR_CORRUPT, "kernel has no sound version text");
	memcpy(k->release, text, len);
	k->release[len] = '\0';
	if (!kfile_release_valid(k->release))
		return err_set(e, ERR_CORRUPT, "kernel has no sound version text");
	return 0;
}

/* linux_banner (init/version.c) begins "Linux version RELEASE (". */
static MUST int release_from_banner(struct kernel_elf *k, struct err *e)
{
	static const char banner[] = "Linux version ";
	const uint8_t *end = k->data + k->n;

	for (const uint8_t *p = k->data; (p = memmem(p, (size_t)(end - p), banner, sizeof(banner) - 1)); p++) {
		const uint8_t *text = p + sizeof(banner) - 1;
		if (text < end && *text >= '0' && *text <= '9')
			return take_release(text, (size_t)(end - text), k, e);
	}
	return err_set(e, ERR_INVALID, "an ELF file, but not a Linux kernel: it has no version text");
}

static bool is_bzimage(const uint8_t *p, size_t n)
{
	return n >= SETUP_BYTES && le16(p + SETUP_BOOT_FLAG) == 0xaa55 && !memcmp(p + SETUP_MAGIC, "HdrS", 4);
}

static MUST int open_payload(const uint8_t *payload, size_t n, struct kernel_elf *k, struct err *e)
{
	size_t given = n;

	k->compression = unpack_kind(payload, n);
	/* The kernel's build appends the unpacked size to all but gzip, which has it at its own end; lz4 has no other mark of its end. */
	if (k->compression == UNPACK_LZ4 && n >= 4)
		given = n - 4;
	if (unpack_decompress(payload, given, KFILE_KERNEL_MAX, &k->own, &k->n, e) < 0)
		return err_wrap(e, "unpack the kernel");
	k->data = k->own;
	if (k->compression != UNPACK_PLAIN && n >= 4 && le32(payload + n - 4) != (uint32_t)k->n)
		return err_set(e, ERR_CORRUPT, "kernel is damaged: %zu bytes unpacked, %u announced", k->n, le32(payload + n - 4));
	return 0;
}

static MUST int open_bzimage(const uint8_t *p, size_t n, struct kernel_elf *k, struct err *e)
{
	uint32_t sectors = p[SETUP_SECTS] ? p[SETUP_SECTS] : 4;
	uint64_t setup_end = (uint64_t)(sectors + 1) * SECTOR;
	uint64_t at = setup_end + le32(p + SETUP_PAYLOAD_OFFSET), size = le32(p + SETUP_PAYLOAD_LENGTH);
	uint64_t version = (uint64_t)le16(p + SETUP_VERSION) + SECTOR;

	k->bzimage = true;
	if (le16(p + SETUP_PROTOCOL) < PROTOCOL_PAYLOAD)
		return err_set(e, ERR_INVALID, "kernel is too old: boot protocol %u.%02u, needed is 2.08 (Linux 2.6.26)",
			       p[SETUP_PROTOCOL + 1], p[SETUP_PROTOCOL]);
	if (setup_end > n || at > n || size > n - at)
		return err_set(e, ERR_CORRUPT, "kernel is cut: its header announces %llu bytes, the file has %zu",
			       (unsigned long long)(at + size), n);
	if (version > SECTOR && version < setup_end && take_release(p + version, (size_t)(setup_end - version), k, e) < 0)
		return -1;
	return open_payload(p + at, (size_t)size, k, e);
}

static MUST int open_any(const uint8_t *p, size_t n, struct kernel_elf *k, struct err *e)
{
	if (is_bzimage(p, n))
		return open_bzimage(p, n, k, e);
	k->compression = unpack_kind(p, n);
	k->data = p;
	k->n = n;
	if (k->compression == UNPACK_PLAIN)
		return 0;
	if (unpack_decompress(p, n, KFILE_KERNEL_MAX, &k->own, &k->n, e) < 0)
		return err_wrap(e, "unpack the kernel");
	k->data = k->own;
	return 0;
}

int kfile_elf_kernel(const void *data, size_t n, struct kernel_elf *ret, struct err *e)
{
	AUTO_DONE(kfile_elf_done) struct kernel_elf k = { 0 };
	struct elf_view v;

	if (open_any(data, n, &k, e) < 0)
		return -1;
	if (kfile_elf_view(k.data, k.n, &v, e) < 0)
		return e->code == ERR_INVALID && !k.bzimage ? err_wrap(e, "not a Linux kernel for x86-64") : -1;
	if (check_segments(&v, &k, e) < 0)
		return -1;
	if (!k.release[0] && release_from_banner(&k, e) < 0)
		return -1;
	*ret = k;
	k.own = NULL;
	return 0;
}

void kfile_elf_done(struct kernel_elf *k)
{
	free(k->own);
	*k = (struct kernel_elf){ 0 };
}
