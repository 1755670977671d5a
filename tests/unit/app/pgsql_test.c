/* PostgreSQL: logging on, queries, rows that go by, errors, what hands over to TLS. */
#include "torture.h"

extern const struct cc_parser pgsql_parser;

#define TLS_WANTED "\0\0\0\x08\x04\xd2\x16\x2f"
#define START "\0\0\0\x23\0\x03\0\0" "user\0alice\0" "database\0sales\0\0"
#define CLEAR "R\0\0\0\x08\0\0\0\x03"
#define PASSWORD "p\0\0\0\x0bsecret\0"
#define LET_IN "R\0\0\0\x08\0\0\0\0" "S\0\0\0\x18server_version\x00" "15.3\0" "K\0\0\0\x0c\0\0\0\x2a\x01\x02\x03\x04" \
	       "Z\0\0\0\x05I"
#define QUERY "Q\0\0\0\x14select * from t\0"
#define ROWS "T\0\0\0\x06\0\x02" "D\0\0\0\x08\0\x01\0\0" "D\0\0\0\x08\0\x01\0\0" "C\0\0\0\x0dSELECT 2\0" "Z\0\0\0\x05I"

static const struct said talk[] = {
	SAID(CC_TO_SERVER, TLS_WANTED), SAID(CC_TO_CLIENT, "N"), SAID(CC_TO_SERVER, START), SAID(CC_TO_CLIENT, CLEAR),
	SAID(CC_TO_SERVER, PASSWORD), SAID(CC_TO_CLIENT, LET_IN), SAID(CC_TO_SERVER, QUERY), SAID(CC_TO_CLIENT, ROWS),
};

TEST(a_session_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 40; piece += 2) {
		struct cc_ctx rig;

		rig_open(&rig, &pgsql_parser, false, 5432);
		for (size_t i = 0; i < 8; i++)
			for (size_t at = 0; at < talk[i].size; at += piece)
				rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes + at,
				    talk[i].size - at < piece ? talk[i].size - at : piece));
		CHECK_UINT(rig.done_count, 4);
		CHECK_TEXT(rig_value(&rig, 0, "response.ssl_accepted", 0), "0");
		CHECK_TEXT(rig_value(&rig, 1, "pgsql.user", 0), "alice");
		CHECK_TEXT(rig_value(&rig, 1, "pgsql.database", 0), "sales");
		CHECK_TEXT(rig_value(&rig, 1, "concert.authentication", 0), "cleartext");
		CHECK_TEXT(rig_value(&rig, 2, "request.password_redacted", 0), "1");
		CHECK_TEXT(rig_value(&rig, 2, "response.parameter_status[].server_version", 0), "15.3");
		CHECK_TEXT(rig_value(&rig, 2, "response.process_id", 0), "42");
		CHECK_TEXT(rig_value(&rig, 3, "request.simple_query", 0), "select * from t");
		CHECK_TEXT(rig_value(&rig, 3, "response.field_count", 0), "2");
		CHECK_TEXT(rig_value(&rig, 3, "response.data_rows", 0), "2");
		CHECK_TEXT(rig_value(&rig, 3, "response.command_completed", 0), "SELECT 2");
		CHECK(rig_has_anomaly(&rig, "plaintext_credentials"));
		CHECK_UINT(rig.anomaly_count, 1);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(a_refusal_and_tls)
{
	static const char refused[] = "E\0\0\0\x1cSFATAL\0C28P01\0Mno such\0\0";
	struct cc_ctx rig;

	rig_open(&rig, &pgsql_parser, false, 5432);
	rig_feed(&rig, CC_TO_SERVER, slice_of(START, sizeof(START) - 1));
	rig_feed(&rig, CC_TO_CLIENT, slice_of(refused, sizeof(refused) - 1));
	CHECK_TEXT(rig_value(&rig, 0, "response.code", 0), "28P01");
	CHECK_TEXT(rig_value(&rig, 0, "response.message", 0), "no such");
	CHECK(rig_has_anomaly(&rig, "log_on_refused"));
	rig_end(&rig);
	rig_free(&rig);
	rig_open(&rig, &pgsql_parser, false, 5432);
	rig_feed(&rig, CC_TO_SERVER, slice_of(TLS_WANTED, 8));
	rig_feed(&rig, CC_TO_CLIENT, slice_of("S", 1));
	CHECK(strstr(rig.said, "switch") != NULL);
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	rig_free(&rig);
}

/* More than a server takes: that side is over, the other is read. */
TEST(a_query_of_two_gigabytes)
{
	static const char query[] = "Q\x7f\xff\xff\xff select";
	struct cc_ctx rig;

	rig_open(&rig, &pgsql_parser, false, 5432);
	for (size_t i = 0; i < 6; i++)
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	CHECK(!rig_has_anomaly(&rig, "malformed"));
	rig_feed(&rig, CC_TO_SERVER, slice_of(query, sizeof(query) - 1));
	CHECK(rig_has_anomaly(&rig, "malformed"));
	rig_feed(&rig, CC_TO_CLIENT, slice_of(ROWS, sizeof(ROWS) - 1));
	CHECK_UINT(rig.done_count, 4);
	CHECK_TEXT(rig_value(&rig, 3, "response.data_rows", 0), "2");
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_SERVER, slice_of(TLS_WANTED, 8)), CC_OK);
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_SERVER, slice_of(START, 13)), CC_OK);
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_SERVER, slice_of(START, 12)), CC_MORE);
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_SERVER, slice_of(QUERY, 10)), CC_BAD);
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_CLIENT, slice_of(CLEAR, 9)), CC_OK);
	CHECK_UINT(torture_probe(&pgsql_parser, false, 9, CC_TO_CLIENT, slice_of("HTTP/1.1 200", 12)), CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&pgsql_parser, false, 5432, talk, 8);
}

TESTS(T(a_session_in_pieces_of_any_size), T(a_refusal_and_tls), T(a_query_of_two_gigabytes), T(who_is_taken),
    T(cut_and_flipped))
