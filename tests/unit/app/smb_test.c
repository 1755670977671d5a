/*
 * SMB by hand: a session of SMB 2 and one of SMB 1 are made here, message by message, and shown to the real core; then
 * cut at each byte, with gaps, flipped bits and hostile sizes.
 */
#include "app_rig.h"

struct made {
	uint8_t b[16384];
	size_t size;
};

static void
add(struct made *m, const void *p, size_t size)
{
	if (size > sizeof(m->b) - m->size)
		abort();
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
le(struct made *m, uint64_t value, int size)
{
	for (int i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * i);

		add(m, &byte, 1);
	}
}

static void
zero(struct made *m, size_t size)
{
	static const uint8_t none[256];

	add(m, none, size);
}

static void
wide(struct made *m, const char *text)
{
	for (; *text != '\0'; text++)
		le(m, (uint8_t)*text, 2);
}

static struct slice
all(const struct made *m)
{
	return slice_of(m->b, m->size);
}

/* Begins a NetBIOS message; its size is put in by end_record(). */
static size_t
record(struct made *m)
{
	zero(m, 4);
	return m->size;
}

static void
end_record(struct made *m, size_t start)
{
	size_t size = m->size - start;

	m->b[start - 3] = (uint8_t)(size >> 16);
	m->b[start - 2] = (uint8_t)(size >> 8);
	m->b[start - 1] = (uint8_t)size;
}

static void
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

static void
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
static void
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

static void
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

static void
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

static void
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

static void
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

static void
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

static void
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

static void
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

static void
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
static void
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
static void
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
static struct slice
next_record(const struct made *m, size_t *at)
{
	size_t size = 4 + ((size_t)m->b[*at + 1] << 16 | (size_t)m->b[*at + 2] << 8 | m->b[*at + 3]);
	struct slice bytes = slice_of(m->b + *at, size);

	*at += size;
	return bytes;
}

/* Each request and its response in turn, in pieces. */
static const char *
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

TEST(session_says_it_all)
{
	static const char *const parts[] = {
		"smb.ntlmssp_user root\n", "smb.ntlmssp_domain DOM\n", "ntlmssp.version 10.0 build 19041 rev 15\n",
		"dialect 3.11\n", "client_dialects 2.02\n", "smb.share \\\\\\\\srv\\\\C$\n", "share_type FILE\n",
		"smb.named_pipe \\\\\\\\srv\\\\IPC$\n", "smb.filename dir\\\\new.txt\n", "rename.to dir\\\\old.txt\n",
		"fuid 00000001-0000-0000-0002-000000000000\n", "status STATUS_SUCCESS\n",
		"whole 12 ", "[hello world!]\n", "whole 9 ", "read.me [read this]\n",
		"dcerpc.request BIND\n", "dcerpc.response BINDACK\n",
		"dcerpc.interfaces[].uuid 367abb81-9844-35f1-ad32-98f038001003\n", "dcerpc.opnum 15\n",
		"dcerpc.stub_data stub\n", "dcerpc.stub_data answer\n", "session_id 119\n", "tree_id 5\n",
	};
	struct made request, response;
	struct rig rig;
	const char *out;

	make_session(&request, false);
	make_session(&response, true);
	rig_open(&rig, NULL);
	out = talk(&rig, &request, &response, SIZE_MAX);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		CHECK(strstr(out, parts[i]) != NULL);
		if (strstr(out, parts[i]) == NULL)
			printf("lacks %s", parts[i]);
	}
	CHECK(strstr(out, "odd ") == NULL);
	if (test_failures > 0)
		printf("%s", out);
	rig_close(&rig);
}

TEST(cut_anywhere)
{
	struct made request, response;
	struct rig rig;
	char *whole;

	make_session(&request, false);
	make_session(&response, true);
	rig_open(&rig, NULL);
	whole = strdup(talk(&rig, &request, &response, SIZE_MAX));
	for (size_t piece = 1; piece < 300; piece++) {
		CHECK_TEXT(talk(&rig, &request, &response, piece), whole);
		if (test_failures > 0)
			break;
	}
	for (size_t cut = 1; cut < request.size; cut += 3) { /* nothing follows */
		rig_begin(&rig);
		rig_add(&rig, CC_TO_SERVER, slice_of(request.b, cut));
		rig_add(&rig, CC_TO_CLIENT, slice_of(response.b, cut < response.size ? cut : response.size));
		rig_end(&rig);
	}
	free(whole);
	rig_close(&rig);
}

TEST(gap_leaves_a_hole_or_is_got_over)
{
	struct made m = {.size = 0}, answer = {.size = 0};
	size_t before, after;
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	create(&m, false, 3, "hole.bin", FILE_KEY, 0);
	create(&answer, true, 3, "", FILE_KEY, 0);
	rig_add(&rig, CC_TO_SERVER, all(&m));
	rig_add(&rig, CC_TO_CLIENT, all(&answer));
	m.size = 0;
	write_file(&m, false, 4, FILE_KEY, 0, "0123456789abcdefghij", 20);
	before = m.size - 15;
	after = m.size - 5;
	close_file(&m, false, 5, FILE_KEY);
	rig_add(&rig, CC_TO_SERVER, slice_of(m.b, before));
	rig_chunk(&rig, CC_TO_SERVER, slice_of(m.b + after, m.size - after), after - before, false);
	answer.size = 0;
	close_file(&answer, true, 5, FILE_KEY);
	rig_add(&rig, CC_TO_CLIENT, all(&answer));
	out = rig_end(&rig);
	CHECK(strstr(out, "file < cut 20 - gap hole.bin [01234]") != NULL);
	if (test_failures > 0)
		printf("%s", out);

	rig_begin(&rig); /* beyond the record: the next message is found */
	rig_add(&rig, CC_TO_SERVER, slice_of(m.b, 100));
	m.size = 0;
	add(&m, "junk\0\0\0", 7);
	tree(&m, false, 9, "\\\\srv\\later", 1);
	rig_chunk(&rig, CC_TO_SERVER, all(&m), 5000, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "later") != NULL);
	rig_close(&rig);
}

TEST(hostile_sizes)
{
	struct made m = {.size = 0};
	struct rig rig;
	const char *out;
	size_t start;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	negotiate(&m, false, 0);
	read_file(&m, false, 1, FILE_KEY, 0, UINT32_MAX, ""); /* 4 GiB asked for */
	start = record(&m);
	head2(&m, 9, false, 2, 0); /* 4 GiB written, in a record of a few bytes */
	le(&m, 49, 2);
	le(&m, 112, 2);
	le(&m, UINT32_MAX, 4);
	le(&m, UINT64_MAX - 2, 8);
	add(&m, FILE_KEY, 16);
	zero(&m, 16);
	add(&m, "xyz!", 4);
	end_record(&m, start);
	rig_add(&rig, CC_TO_SERVER, all(&m));
	out = rig_end(&rig);
	CHECK(strstr(out, "odd read_request_too_large") != NULL);
	CHECK(strstr(out, "odd write_request_too_large") != NULL);
	CHECK(strstr(out, "odd malformed_data") != NULL);
	rig_close(&rig);
}

/* Files, requests, pieces and pipes without end: bounded, named, and given back. */
TEST(floods_are_bounded)
{
	struct made m, answer;
	char key[17] = FILE_KEY;
	struct rig rig;
	const char *out;
	size_t most = 0;

	rig_open(&rig, NULL);
	rig.quiet = false;
	rig_begin(&rig);
	for (unsigned i = 0; i < 3000; i++) {
		m.size = answer.size = 0;
		key[0] = (char)i;
		key[1] = (char)(i >> 8);
		create(&m, false, i, "x", key, 0);
		create(&answer, true, i, "", key, 0);
		write_file(&m, false, 100000 + i, key, 50, "late", 4); /* waits for what never comes */
		tree(&m, false, 200000 + i, "y", 1);
		rig_add(&rig, CC_TO_SERVER, all(&m));
		rig_add(&rig, CC_TO_CLIENT, all(&answer));
		if (pool_used(rig.pool) - rig.idle > most)
			most = pool_used(rig.pool) - rig.idle;
	}
	out = rig_end(&rig);
	CHECK(strstr(out, "odd too_many_transactions") != NULL);
	CHECK(strstr(out, "odd too_many_files") != NULL);
	CHECK(most < 8u << 20);

	rig_begin(&rig); /* pieces of one file */
	m.size = answer.size = 0;
	create(&m, false, 1, "x", FILE_KEY, 0);
	create(&answer, true, 1, "", FILE_KEY, 0);
	rig_add(&rig, CC_TO_SERVER, all(&m));
	rig_add(&rig, CC_TO_CLIENT, all(&answer));
	for (unsigned i = 0; i < 500; i++) {
		m.size = 0;
		write_file(&m, false, 10 + i, FILE_KEY, 1000 + i * 10, "piece", 5);
		rig_add(&rig, CC_TO_SERVER, all(&m));
	}
	out = rig_end(&rig);
	CHECK(strstr(out, "odd write_queue_cnt_exceeded") != NULL);
	CHECK(strstr(out, " gap x [") != NULL);
	rig_close(&rig);
}

TEST(encrypted_is_left_alone)
{
	struct made m = {.size = 0};
	struct rig rig;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	for (int i = 0; i < 20; i++) {
		size_t start = record(&m);

		add(&m, "\xfdSMB", 4);
		zero(&m, 80);
		end_record(&m, start);
	}
	rig_add(&rig, CC_TO_SERVER, all(&m));
	rig_add(&rig, CC_TO_CLIENT, all(&m));
	CHECK(app_enough(&rig.flow, CC_TO_SERVER));
	CHECK(strstr(rig_end(&rig), "odd encrypted") != NULL);
	rig_close(&rig);
}

/* ---- SMB 1 ---- */

static void
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

static void
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

TEST(smb1_writes_a_file)
{
	struct made request = {.size = 0}, response = {.size = 0};
	struct rig rig;
	const char *out;
	char *whole;

	make_smb1(&request, false);
	make_smb1(&response, true);
	rig_open(&rig, NULL);
	out = talk(&rig, &request, &response, SIZE_MAX);
	CHECK(strstr(out, "dialect NT LM 0.12\n") != NULL);
	CHECK(strstr(out, "smb.filename a.txt\n") != NULL);
	CHECK(strstr(out, "disposition FILE_CREATE\n") != NULL);
	CHECK(strstr(out, "fuid 4001\n") != NULL);
	CHECK(strstr(out, "[12345]\n") != NULL);
	if (test_failures > 0)
		printf("%s", out);
	whole = strdup(out);
	for (size_t piece = 1; piece < request.size; piece++)
		CHECK_TEXT(talk(&rig, &request, &response, piece), whole);
	free(whole);
	rig_close(&rig);
}

/* Random bits flipped, in random pieces, with random gaps: nothing is read past its end, all memory comes back. */
static void
ioctl(struct made *m, uint64_t id, uint32_t code)
{
	size_t start = record(m);

	head2(m, 11, false, id, 0);
	le(m, 57, 4);
	le(m, code, 4);
	for (int i = 0; i < 16; i++)
		le(m, 0xff, 1);
	zero(m, 32);
	end_record(m, start);
}

static void
bind_session(struct made *m, uint64_t id)
{
	size_t start = record(m);

	head2(m, 1, false, id, 0);
	le(m, 25, 2);
	le(m, 1, 1); /* one more connection of the session */
	zero(m, 22);
	end_record(m, start);
}

static void
say(struct rig *rig, enum cc_dir dir, struct made *m)
{
	rig_add(rig, dir, all(m));
	m->size = 0;
}

/* A read of a piece, on the connection at hand. */
static void
read_piece(struct rig *rig, uint64_t id, uint64_t offset, const char *text)
{
	struct made m = {.size = 0};

	read_file(&m, false, id, FILE_KEY, offset, (uint32_t)strlen(text), "");
	say(rig, CC_TO_SERVER, &m);
	read_file(&m, true, id, FILE_KEY, offset, 0, text);
	say(rig, CC_TO_CLIENT, &m);
}

/*
 * One session with two connections: the file is opened on the first, read on both, in an order that is none; `lost`
 * leaves a piece out.  What came of it.
 */
static const char *
two_channels(struct rig *rig, bool lost, size_t idle)
{
	struct made m = {.size = 0};
	struct flow first;

	rig_begin(rig);
	negotiate(&m, false, 0);
	ioctl(&m, 1, 0x001401fc);
	tree(&m, false, 2, "\\\\srv\\C$", 0);
	create(&m, false, 3, "a.exe", "", 0);
	say(rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	tree(&m, true, 2, "", 1);
	create(&m, true, 3, "", FILE_KEY, 16);
	say(rig, CC_TO_CLIENT, &m);
	read_piece(rig, 4, 0, "0123");
	read_piece(rig, 5, 12, "cdef");
	first = rig->flow;

	rig_begin(rig);
	rig->flow.side[CC_TO_SERVER].port = 50001;
	negotiate(&m, false, 0);
	bind_session(&m, 1);
	say(rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	say(rig, CC_TO_CLIENT, &m);
	read_piece(rig, 2, 8, "89ab");
	if (!lost)
		read_piece(rig, 3, 4, "4567");
	app_finish(rig->app, &rig->flow, &rig->batch);
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);

	rig->flow = first;
	close_file(&m, false, 6, FILE_KEY);
	say(rig, CC_TO_SERVER, &m);
	close_file(&m, true, 6, FILE_KEY);
	say(rig, CC_TO_CLIENT, &m);
	rig->idle = idle;
	return rig_end(rig);
}

TEST(files_over_several_connections)
{
	struct rig rig;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	out = two_channels(&rig, false, idle);
	CHECK(strstr(out, "file > whole 16 ") != NULL);
	CHECK(strstr(out, " a.exe [0123456789abcdef]") != NULL);
	out = two_channels(&rig, true, idle);
	CHECK(strstr(out, "whole 16") == NULL);
	CHECK(strstr(out, "file > cut 16 ") != NULL);
	rig_close(&rig);
}

static void
write_piece(struct rig *rig, uint64_t id, uint64_t offset, const char *text)
{
	struct made m = {.size = 0};

	write_file(&m, false, id, FILE_KEY, offset, text, strlen(text));
	say(rig, CC_TO_SERVER, &m);
	write_file(&m, true, id, FILE_KEY, offset, text, 0);
	say(rig, CC_TO_CLIENT, &m);
}

/* A file that is opened on one connection, written on both (or on the first alone), and closed on the second. */
TEST(closed_over_another_connection)
{
	struct made m = {.size = 0};
	struct flow first;
	struct rig rig;
	const char *out;
	size_t idle;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	for (unsigned both = 0; both < 2; both++) {
		rig_begin(&rig);
		negotiate(&m, false, 0);
		ioctl(&m, 1, 0x001401fc);
		tree(&m, false, 2, "\\\\srv\\C$", 0);
		create(&m, false, 3, "b.exe", "", 0);
		say(&rig, CC_TO_SERVER, &m);
		negotiate(&m, true, 0);
		tree(&m, true, 2, "", 1);
		create(&m, true, 3, "", FILE_KEY, 0);
		say(&rig, CC_TO_CLIENT, &m);
		write_piece(&rig, 4, 0, "0123");
		write_piece(&rig, 5, 4, "4567");
		first = rig.flow;

		rig_begin(&rig);
		rig.flow.side[CC_TO_SERVER].port = 50001;
		negotiate(&m, false, 0);
		bind_session(&m, 1);
		say(&rig, CC_TO_SERVER, &m);
		negotiate(&m, true, 0);
		say(&rig, CC_TO_CLIENT, &m);
		if (both != 0)
			write_piece(&rig, 2, 8, "89ab");
		close_file(&m, false, 6, FILE_KEY);
		say(&rig, CC_TO_SERVER, &m);
		close_file(&m, true, 6, FILE_KEY);
		say(&rig, CC_TO_CLIENT, &m);
		app_finish(rig.app, &rig.flow, &rig.batch);
		rig_drain(&rig);
		app_flow_free(rig.app, &rig.flow);

		rig.flow = first;
		rig.idle = idle;
		out = rig_end(&rig);
		CHECK(strstr(out, both != 0 ? "file < whole 12 " : "file < whole 8 ") != NULL);
		CHECK(strstr(out, both != 0 ? " b.exe [0123456789ab]" : " b.exe [01234567]") != NULL);
	}
	rig_close(&rig);
}

/* Read on the connection where it was opened, closed on another: nothing was written, so nothing is told of that. */
TEST(closed_over_another_connection_after_reading)
{
	struct made m = {.size = 0};
	struct flow first;
	struct rig rig;
	const char *out;
	size_t idle;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	rig_begin(&rig);
	negotiate(&m, false, 0);
	ioctl(&m, 1, 0x001401fc);
	tree(&m, false, 2, "\\\\srv\\C$", 0);
	create(&m, false, 3, "c.exe", "", 0);
	say(&rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	tree(&m, true, 2, "", 1);
	create(&m, true, 3, "", FILE_KEY, 4);
	say(&rig, CC_TO_CLIENT, &m);
	read_piece(&rig, 4, 0, "0123");
	first = rig.flow;

	rig_begin(&rig);
	rig.flow.side[CC_TO_SERVER].port = 50001;
	negotiate(&m, false, 0);
	bind_session(&m, 1);
	close_file(&m, false, 6, FILE_KEY);
	say(&rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	close_file(&m, true, 6, FILE_KEY);
	say(&rig, CC_TO_CLIENT, &m);
	app_finish(rig.app, &rig.flow, &rig.batch);
	rig_drain(&rig);
	app_flow_free(rig.app, &rig.flow);

	rig.flow = first;
	rig.idle = idle;
	out = rig_end(&rig);
	CHECK(strstr(out, "file > whole 4 ") != NULL);
	CHECK(strstr(out, "SMB1_COMMAND") == NULL);
	CHECK(strstr(out, "tx 5") == NULL);
	rig_close(&rig);
}

TEST(random_damage)
{
	struct made request, response, one = {.size = 0}, two = {.size = 0};
	struct rig rig;
	uint32_t seed = 12345;

	make_session(&request, false);
	make_session(&response, true);
	make_smb1(&one, false);
	make_smb1(&two, true);
	rig_open(&rig, NULL);
	for (unsigned round = 0; round < 3000; round++) {
		struct made side[2] = {round % 3 != 0 ? request : one, round % 3 != 0 ? response : two};

		rig_begin(&rig);
		for (unsigned i = 0; i < 1 + round % 12; i++) {
			struct made *m = &side[i % 2];

			seed = seed * 1103515245 + 12345;
			m->b[8 + (seed >> 8) % (m->size - 8)] ^= (uint8_t)(1 << (seed & 7));
		}
		for (unsigned dir = 0; dir < 2; dir++)
			for (size_t at = 0; at < side[dir].size;) {
				size_t size;

				seed = seed * 1103515245 + 12345;
				size = (seed >> 8) % 700 + 1;
				if (size > side[dir].size - at)
					size = side[dir].size - at;
				if ((seed & 0xf0) == 0)
					rig_chunk(&rig, (enum cc_dir)dir, slice_of(NULL, 0), size, false);
				else
					rig_add(&rig, (enum cc_dir)dir, slice_of(side[dir].b + at, size));
				at += size;
			}
		rig_end(&rig);
	}
	rig_close(&rig);
}

TESTS(T(session_says_it_all), T(cut_anywhere), T(gap_leaves_a_hole_or_is_got_over), T(hostile_sizes),
    T(floods_are_bounded), T(encrypted_is_left_alone), T(smb1_writes_a_file), T(files_over_several_connections),
    T(closed_over_another_connection), T(closed_over_another_connection_after_reading), T(random_damage))
