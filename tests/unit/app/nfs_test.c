/* NFS: calls and replies of all versions, files in pieces and out of order, records in fragments, gaps. */
#include "torture.h"

#include "nfs_talk.h"

extern const struct cc_parser nfs_parser;

static void
run(struct cc_ctx *rig, bool udp, const struct said *said, size_t count)
{
	rig_open(rig, &nfs_parser, udp, 2049);
	for (size_t i = 0; i < count; i++) {
		uint8_t mark[4] = {0x80, 0, (uint8_t)(said[i].size >> 8), (uint8_t)said[i].size};

		if (!udp)
			rig_feed(rig, said[i].dir, slice_of(mark, 4));
		rig_feed(rig, said[i].dir, slice_of(said[i].bytes, said[i].size));
	}
}

TEST(version_3_names_and_files)
{
	for (int udp = 0; udp < 2; udp++) {
		struct cc_ctx rig;

		run(&rig, udp, nfs_v3, sizeof(nfs_v3) / sizeof(nfs_v3[0]));
		CHECK_UINT(rig.done_count, 3);
		CHECK_TEXT(rig_value(&rig, 0, "procedure", 0), "LOOKUP");
		CHECK_TEXT(rig_value(&rig, 0, "filename", 0), "a.txt");
		CHECK_TEXT(rig_value(&rig, 0, "/rpc.creds.machine_name", 0), "box");
		CHECK_TEXT(rig_value(&rig, 0, "/rpc.creds.gid", 0), "5");
		CHECK_TEXT(rig_value(&rig, 0, "status", 0), "OK");
		CHECK_TEXT(rig_value(&rig, 1, "filename", 0), "a.txt");
		CHECK_TEXT(rig_value(&rig, 1, "read.chunks", 0), "2");
		CHECK_TEXT(rig_value(&rig, 1, "read.last", 0), "1");
		CHECK_TEXT(rig_value(&rig, 2, "rename.to", 0), "b");
		CHECK_TEXT(rig_value(&rig, 2, "status", 0), "ERR_NOENT");
		CHECK_UINT(rig.anomaly_count, 0);
		rig_end(&rig);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
}

TEST(version_4_open_write_close)
{
	struct cc_ctx rig;

	run(&rig, false, nfs_v4, sizeof(nfs_v4) / sizeof(nfs_v4[0]));
	CHECK_TEXT(rig_value(&rig, 0, "procedure", 0), "OPEN");
	CHECK_TEXT(rig_value(&rig, 0, "filename", 0), "file");
	CHECK_TEXT(rig_value(&rig, 0, "nfs_procedure", 1), "18");
	CHECK_TEXT(rig_value(&rig, 1, "procedure", 0), "WRITE");
	CHECK_TEXT(rig_value(&rig, 1, "filename", 0), "file");
	CHECK_TEXT(rig_value(&rig, 1, "write.last", 0), "1");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

/* A record in two fragments; bytes missing, then a call again. */
/* A compound that claims four billion operations; the next call is read. */
TEST(version_4_counts)
{
	static const struct said said[] = {
	    SAID(CC_TO_SERVER, CALL("\1", "\4", "\1") W("\0") W("\0") "\xff\xff\xff\xff" W("\x0a") W("\x0a")),
	    SAID(CC_TO_SERVER, CALL("\4", "\3", "\x0e") FH W("\1") "a\0\0\0" FH W("\1") "b\0\0\0"),
	    SAID(CC_TO_CLIENT, REPLY("\4") W("\2")),
	};
	struct cc_ctx rig;

	run(&rig, false, said, sizeof(said) / sizeof(said[0]));
	CHECK(rig_has_anomaly(&rig, "malformed_data"));
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(fragments_and_gaps)
{
	static const char call[] = CALL("\1", "\3", "\3") FH W("\5") "a.txt\0\0\0";
	uint8_t mark[4] = {0, 0, 0, 30};
	struct cc_ctx rig;

	rig_open(&rig, &nfs_parser, false, 2049);
	rig_feed(&rig, CC_TO_SERVER, slice_of(mark, 4));
	rig_feed(&rig, CC_TO_SERVER, slice_of(call, 30));
	mark[0] = 0x80;
	mark[3] = sizeof(call) - 1 - 30;
	rig_feed(&rig, CC_TO_SERVER, slice_of(mark, 4));
	rig_feed(&rig, CC_TO_SERVER, slice_of(call + 30, sizeof(call) - 1 - 30));
	CHECK_UINT(rig.tx_count, 1);
	rig_gap(&rig, CC_TO_SERVER, 1000);
	rig_feed(&rig, CC_TO_SERVER, slice_str("0123456789abcdefghijklmnopqrstuvwxyz"));
	mark[3] = nfs_v3[6].size & 255;
	rig_feed(&rig, CC_TO_SERVER, slice_of(mark, 4));
	rig_feed(&rig, CC_TO_SERVER, slice_of(nfs_v3[6].bytes, nfs_v3[6].size));
	CHECK_UINT(rig.tx_count, 2);
	CHECK_TEXT(rig_value(&rig, 1, "procedure", 0), "RENAME");
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

/* A WRITE of 100,000 bytes is not waited for, and a hole in it is one in the file. */
TEST(long_record)
{
	static const char head[] = CALL("\1", "\3", "\7") FH2 W("\0") W("\0") "\0\1\x86\xa0" W("\2") "\0\1\x86\xa0";
	uint32_t size = sizeof(head) - 1 + 100000;
	uint8_t mark[4] = {0x80, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
	uint8_t *bytes = calloc(1, 100000);
	struct cc_ctx rig;

	rig_open(&rig, &nfs_parser, false, 2049);
	rig_feed(&rig, CC_TO_SERVER, slice_of(mark, 4));
	rig_feed(&rig, CC_TO_SERVER, slice_of(head, sizeof(head) - 1));
	rig_feed(&rig, CC_TO_SERVER, slice_of(bytes, 60000));
	CHECK_UINT(rig.wait_size[0], 0);
	rig_gap(&rig, CC_TO_SERVER, 10000);
	rig_feed(&rig, CC_TO_SERVER, slice_of(bytes, 30000));
	mark[1] = 0;
	mark[2] = 0;
	mark[3] = nfs_v3[6].size & 255;
	rig_feed(&rig, CC_TO_SERVER, slice_of(mark, 4));
	rig_feed(&rig, CC_TO_SERVER, slice_of(nfs_v3[6].bytes, nfs_v3[6].size));
	rig_end(&rig);
	CHECK(rig_has_anomaly(&rig, "file_gap"));
	CHECK_TEXT(rig_value(&rig, 0, "procedure", 0), "WRITE");
	CHECK_TEXT(rig_value(&rig, 1, "procedure", 0), "RENAME");
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
	free(bytes);
}

TEST(others_are_not_taken)
{
	CHECK(torture_probe(&nfs_parser, true, 2049, CC_TO_SERVER, slice_of(nfs_v3[0].bytes, nfs_v3[0].size)) == CC_OK);
	CHECK(torture_probe(&nfs_parser, true, 9, CC_TO_CLIENT, slice_of(nfs_v3[1].bytes, nfs_v3[1].size)) == CC_BAD);
	CHECK(torture_probe(&nfs_parser, true, 2049, CC_TO_SERVER, slice_str("GET / HTTP/1.1\r\n\r\n0123456789")) ==
	      CC_BAD);
	CHECK(torture_probe(&nfs_parser, false, 2049, CC_TO_SERVER, slice_str("GET / HTTP/1.1\r\n\r\n0123456789")) ==
	      CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&nfs_parser, true, 2049, nfs_v3, sizeof(nfs_v3) / sizeof(nfs_v3[0]));
	torture(&nfs_parser, true, 2049, nfs_v4, sizeof(nfs_v4) / sizeof(nfs_v4[0]));
}

TEST(records_cut_and_flipped)
{
	static char bytes[8][400];
	struct said marked[8];

	for (size_t i = 0; i < 8; i++) {
		memcpy(bytes[i] + 4, nfs_v3[i].bytes, nfs_v3[i].size);
		bytes[i][0] = (char)0x80;
		bytes[i][3] = (char)nfs_v3[i].size;
		marked[i] = (struct said){nfs_v3[i].dir, bytes[i], nfs_v3[i].size + 4};
	}
	torture(&nfs_parser, false, 2049, marked, 8);
}

TESTS(T(version_3_names_and_files), T(version_4_open_write_close), T(version_4_counts), T(fragments_and_gaps),
    T(long_record), T(others_are_not_taken), T(cut_and_flipped), T(records_cut_and_flipped))
