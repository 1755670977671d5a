/*
 * Messages of SMB 2 and SMB 1 by hand, and whole sessions of them, shown to the real core.
 */
#ifndef APP_SMB_MADE_H
#define APP_SMB_MADE_H

#include "app_rig.h"

struct made {
	uint8_t b[16384];
	size_t size;
};

static inline void
add(struct made *m, const void *p, size_t size)
{
	if (size > sizeof(m->b) - m->size)
		abort();
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static inline void
le(struct made *m, uint64_t value, int size)
{
	for (int i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * i);

		add(m, &byte, 1);
	}
}

static inline void
zero(struct made *m, size_t size)
{
	static const uint8_t none[256];

	add(m, none, size);
}

static inline void
wide(struct made *m, const char *text)
{
	for (; *text != '\0'; text++)
		le(m, (uint8_t)*text, 2);
}

static inline struct slice
all(const struct made *m)
{
	return slice_of(m->b, m->size);
}

/* Begins a NetBIOS message; its size is put in by end_record(). */
static inline size_t
record(struct made *m)
{
	zero(m, 4);
	return m->size;
}

static inline void
end_record(struct made *m, size_t start)
{
	size_t size = m->size - start;

	m->b[start - 3] = (uint8_t)(size >> 16);
	m->b[start - 2] = (uint8_t)(size >> 8);
	m->b[start - 1] = (uint8_t)size;
}

static inline void
head2(struct made *m, unsigned command, bool response, uint64_t id, uint32_t status)
{
	add(m, "\xfeSMB", 4);
	le(m, 64, 2);
	le(m, 0, 2);
	le(m, status, 4);
	le(m, command, 2);
	le(m, 1, 2);
	le(m, response, 4);
	le(m, 0, 4);
	le(m, id, 8);
	le(m, 0, 4);
	le(m, 5, 4);
	le(m, 0x77, 8);
	zero(m, 16);
}

#define FILE_KEY "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
#define PIPE_KEY "\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0"

static inline void
negotiate(struct made *m, bool response, uint64_t id)
{
	size_t start = record(m);

	head2(m, 0, response, id, 0);
	if (!response) {
		le(m, 36, 2);
		le(m, 2, 2);
		zero(m, 8);
		add(m, "0123456789abcdef", 16);
		zero(m, 8);
		le(m, 0x0202, 2);
		le(m, 0x0311, 2);
	} else {
		le(m, 65, 2);
		le(m, 1, 2);
		le(m, 0x0311, 2);
		le(m, 0, 2);
		add(m, "0123456789abcdef", 16);
		le(m, 0, 4);
		le(m, 65536, 4);
		le(m, 65536, 4);
		le(m, 65536, 4);
		zero(m, 24);
	}
	end_record(m, start);
}

/* The third message of NTLMSSP. */
static inline void
ntlm(struct made *m)
{
	add(m, "NTLMSSP\0\3\0\0\0", 12);
	zero(m, 16);
	le(m, 6 | 6 << 16, 4);
	le(m, 72, 4);
	le(m, 8 | 8 << 16, 4);
	le(m, 78, 4);
	le(m, 4 | 4 << 16, 4);
	le(m, 86, 4);
	zero(m, 8);
	le(m, 0x02000001, 4);
	add(m, "\x0a\0\x61\x4a\0\0\0\x0f", 8);
	wide(m, "DOM");
	wide(m, "root");
	wide(m, "PC");
}

static inline void
session(struct made *m, bool response, uint64_t id)
{
	size_t start = record(m);

	head2(m, 1, response, id, 0);
	if (!response) {
		le(m, 25, 2);
		zero(m, 10);
		le(m, 88, 2);
		le(m, 90, 2);
		zero(m, 8);
		ntlm(m);
	} else {
		le(m, 9, 2);
		zero(m, 6);
	}
	end_record(m, start);
}

static inline void
tree(struct made *m, bool response, uint64_t id, const char *name, unsigned type)
{
	size_t start = record(m);

	head2(m, 3, response, id, 0);
	if (!response) {
		le(m, 9, 2);
		le(m, 0, 2);
		le(m, 72, 2);
		le(m, strlen(name) * 2, 2);
		wide(m, name);
	} else {
		le(m, 16, 2);
		le(m, type, 2);
		zero(m, 12);
	}
	end_record(m, start);
}

static inline void
create(struct made *m, bool response, uint64_t id, const char *name, const char *key, uint64_t size)
{
	size_t start = record(m);

	head2(m, 5, response, id, 0);
	if (!response) {
		le(m, 57, 2);
		zero(m, 34);
		le(m, 1, 4);
		le(m, 0, 4);
		le(m, 120, 2);
		le(m, strlen(name) * 2, 2);
		zero(m, 8);
		wide(m, name);
	} else {
		le(m, 89, 2);
		zero(m, 6);
		for (int i = 0; i < 4; i++)
			le(m, 132000000000000000ull, 8);
		le(m, 4096, 8);
		le(m, size, 8);
		zero(m, 8);
		add(m, key, 16);
		zero(m, 8);
	}
	end_record(m, start);
}

static inline void
write_file(struct made *m, bool response, uint64_t id, const char *key, uint64_t offset, const void *p, size_t size)
{
	size_t start = record(m);

	head2(m, 9, response, id, 0);
	if (!response) {
		le(m, 49, 2);
		le(m, 112, 2);
		le(m, size, 4);
		le(m, offset, 8);
		add(m, key, 16);
		zero(m, 16);
		add(m, p, size);
	} else {
		le(m, 17, 2);
		zero(m, 14);
	}
	end_record(m, start);
}

static inline void
read_file(struct made *m, bool response, uint64_t id, const char *key, uint64_t offset, uint32_t asked,
    const char *text)
{
	size_t start = record(m);

	head2(m, 8, response, id, 0);
	if (!response) {
		le(m, 49, 2);
		le(m, 0, 2);
		le(m, asked, 4);
		le(m, offset, 8);
		add(m, key, 16);
		zero(m, 17);
	} else {
		le(m, 17, 2);
		le(m, 80, 2);
		le(m, strlen(text), 4);
		zero(m, 8);
		add(m, text, strlen(text));
	}
	end_record(m, start);
}

static inline void
close_file(struct made *m, bool response, uint64_t id, const char *key)
{
	size_t start = record(m);

	head2(m, 6, response, id, 0);
	if (!response) {
		le(m, 24, 2);
		zero(m, 6);
		add(m, key, 16);
	} else {
		le(m, 60, 2);
		zero(m, 58);
	}
	end_record(m, start);
}

static inline void
rename_file(struct made *m, bool response, uint64_t id, const char *key, const char *to)
{
	size_t start = record(m);

	head2(m, 17, response, id, 0);
	if (!response) {
		le(m, 33, 2);
		le(m, 1 | 10 << 8, 2);
		le(m, 20 + strlen(to) * 2, 4);
		le(m, 96, 2);
		zero(m, 6);
		add(m, key, 16);
		zero(m, 16);
		le(m, strlen(to) * 2, 4);
		wide(m, to);
	} else {
		le(m, 2, 2);
	}
	end_record(m, start);
}

static inline void
rpc(struct made *m, unsigned type, unsigned flags, const void *body, size_t size)
{
	le(m, 5 | type << 16 | flags << 24, 4);
	le(m, 0x10, 4);
	le(m, 16 + size, 2);
	le(m, 0, 2);
	le(m, 7, 4);
	add(m, body, size);
}

static const uint8_t bind_body[] = "\0\0\0\0\0\0\0\0\1\0\0\0" "\0\0\1\0"
    "\x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\x00\x10\x03\2\0\0\0"
    "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\2\0\0";
static const uint8_t ack_body[] = "\0\0\0\0\0\0\0\0\0\0\0\0" "\1\0\0\0" "\0\0\0\0"
    "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\2\0\0";

/* A pipe's transaction: input and output. */
static inline void
transceive(struct made *m, bool response, uint64_t id, const char *key, const void *p, size_t size)
{
	size_t start = record(m);
	struct made pdu = {.size = 0};

	rpc(&pdu, response ? 2 : 0, 3, p, size);
	head2(m, 11, response, id, 0);
	le(m, response ? 49 : 57, 2);
	le(m, 0, 2);
	le(m, 0x0011c017, 4);
	add(m, key, 16);
	if (!response) {
		le(m, 120, 4);
		le(m, pdu.size, 4);
		zero(m, 24);
	} else {
		zero(m, 8);
		le(m, 112, 4);
		le(m, pdu.size, 4);
		zero(m, 8);
	}
	add(m, pdu.b, pdu.size);
	end_record(m, start);
}

/* The whole of a session of SMB 3.11, one side of it. */
static inline void
make_session(struct made *m, bool response)
{
	struct made pdu = {.size = 0};

	m->size = 0;
	negotiate(m, response, 0);
	session(m, response, 1);
	tree(m, response, 2, "\\\\srv\\C$", 1);
	create(m, response, 3, "dir\\new.txt", FILE_KEY, 0);
	write_file(m, response, 4, FILE_KEY, 0, "hello ", 6);
	write_file(m, response, 5, FILE_KEY, 11, "!", 1);
	write_file(m, response, 6, FILE_KEY, 6, "world", 5);
	rename_file(m, response, 7, FILE_KEY, "dir\\old.txt");
	close_file(m, response, 8, FILE_KEY);
	create(m, response, 9, "read.me", FILE_KEY, 9);
	read_file(m, response, 10, FILE_KEY, 0, 65536, "read this");
	close_file(m, response, 11, FILE_KEY);
	tree(m, response, 12, "\\\\srv\\IPC$", 2);
	create(m, response, 13, "svcctl", PIPE_KEY, 0);
	rpc(&pdu, response ? 12 : 11, 3, response ? ack_body : bind_body,
	    response ? sizeof(ack_body) : sizeof(bind_body));
	if (!response) {
		write_file(m, false, 14, PIPE_KEY, 0, pdu.b, pdu.size);
		read_file(m, false, 15, PIPE_KEY, 0, 1024, "");
	} else {
		size_t start;

		write_file(m, true, 14, PIPE_KEY, 0, NULL, 0);
		start = record(m);
		head2(m, 8, true, 15, 0);
		le(m, 17, 2);
		le(m, 80, 2);
		le(m, pdu.size, 4);
		zero(m, 8);
		add(m, pdu.b, pdu.size);
		end_record(m, start);
	}
	transceive(m, response, 16, PIPE_KEY, response ? "\0\0\0\0\0\0\0\0answer" : "\0\0\0\0\0\0\x0f\0stub", response ?
	    14 : 12);
	close_file(m, response, 17, PIPE_KEY);
}

/* The record that lies at *at of m. */
static inline struct slice
next_record(const struct made *m, size_t *at)
{
	size_t size = 4 + ((size_t)m->b[*at + 1] << 16 | (size_t)m->b[*at + 2] << 8 | m->b[*at + 3]);
	struct slice bytes = slice_of(m->b + *at, size);

	*at += size;
	return bytes;
}

/* Each request and its response in turn, in pieces. */
static inline const char *
talk(struct rig *rig, const struct made *request, const struct made *response, size_t piece)
{
	size_t at[2] = {0, 0};

	rig_begin(rig);
	while (at[0] < request->size || at[1] < response->size)
		for (unsigned dir = 0; dir < 2; dir++) {
			const struct made *m = dir == CC_TO_SERVER ? request : response;
			struct slice in = at[dir] < m->size ? next_record(m, &at[dir]) : slice_of(NULL, 0);

			while (in.size > 0) {
				size_t size = in.size < piece ? in.size : piece;

				rig_add(rig, (enum cc_dir)dir, slice_of(in.p, size));
				in = slice_of(in.p + size, in.size - size);
			}
		}
	return rig_end(rig);
}

static inline void
head1(struct made *m, unsigned command, bool response, unsigned mid)
{
	add(m, "\xffSMB", 4);
	le(m, command, 1);
	le(m, 0, 4);
	le(m, response ? 0x98 : 0x18, 1);
	le(m, 0xc001, 2);
	zero(m, 12);
	le(m, 1, 2);
	le(m, 2, 2);
	le(m, 3, 2);
	le(m, mid, 2);
}

static inline void
make_smb1(struct made *m, bool response)
{
	size_t start = record(m);

	head1(m, 0x72, response, 1);
	if (!response) {
		le(m, 0, 1);
		le(m, 12, 2);
		add(m, "\2NT LM 0.12", 12);
	} else {
		le(m, 17, 1);
		le(m, 0, 2);
		zero(m, 32);
		le(m, 0, 2);
	}
	end_record(m, start);
	start = record(m);
	head1(m, 0xa2, response, 2);
	if (!response) { /* chained: create, then write */
		le(m, 24, 1);
		le(m, 0xff, 4);
		le(m, 0, 1);
		le(m, 10, 2);
		zero(m, 28);
		le(m, 2, 4);
		le(m, 0, 4);
		zero(m, 5);
		le(m, 11, 2);
		le(m, 0, 1);
		wide(m, "a.txt");
	} else {
		le(m, 34, 1);
		le(m, 0xff, 4);
		le(m, 0, 1);
		le(m, 0x4001, 2);
		zero(m, 61);
		le(m, 0, 2);
	}
	end_record(m, start);
	start = record(m);
	head1(m, 0x2f, response, 3);
	if (!response) {
		le(m, 14, 1);
		le(m, 0xff, 4);
		le(m, 0x4001, 2);
		le(m, 0, 4);
		zero(m, 10);
		le(m, 5, 2);
		le(m, 64, 2);
		le(m, 0, 4);
		le(m, 6, 2);
		le(m, 0, 1);
		add(m, "12345", 5);
	} else {
		le(m, 6, 1);
		zero(m, 12);
		le(m, 0, 2);
	}
	end_record(m, start);
	start = record(m);
	head1(m, 0x04, response, 4);
	if (!response) {
		le(m, 3, 1);
		le(m, 0x4001, 2);
		zero(m, 4);
	} else {
		le(m, 0, 1);
	}
	le(m, 0, 2);
	end_record(m, start);
}

#endif
