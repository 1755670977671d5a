/*
 * SMB by hand: a session of SMB 2 and one of SMB 1 are made here, message by message, and shown to the real core; then
 * cut at each byte, with gaps, flipped bits and hostile sizes.
 */
#include "smb_made.h"

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
    T(floods_are_bounded), T(encrypted_is_left_alone), T(smb1_writes_a_file), T(random_damage))
