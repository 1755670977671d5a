/* Messages to sightings: a bundle as it is, long words, and hostile ones. */
#include <math.h>

#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

static const char bundle[] = "{\"type\":\"bundle\",\"id\":\"b\",\"objects\":[{\"type\":\"domain-name\",\"value\":"
			     "\"a\\u002eb\\\"c\"},{\"type\":\"observed-data\",\"extensions\":"
			     "{\"x\":{\"clock\":{\"error_bound_seconds\":0.5},\"coverage\":{\"packets\":80,\"lost_"
			     "kernel\":20},\"endpoint\":{\"attacker\":\"192.0.2.7\","
			     "\"attacker_port\":443,\"attacker_role\":\"server\",\"victim\":\"pan4-x\"},\"proof\":{"
			     "\"level\":\"keyed\"},\"origin\":{\"kind\":\"relay\","
			     "\"of\":\"m0\"},\"completeness\":77}}},{\"type\":\"sighting\",\"first_seen\":\"2026-03-"
			     "02T00:00:00Z\",\"last_seen\":\"2026-03-02T01:00:00Z\","
			     "\"count\":3}]}";

static struct cc_message
message_of(const char *value, size_t size)
{
	struct cc_message msg = {.key = slice_str("addr:192.0.2.7"), .value = slice_of(value, size), .header_count = 3};

	msg.header[0] = (struct cc_header){"ce_id", slice_str("m1")};
	msg.header[1] = (struct cc_header){"ce_type", slice_str("org.concert.sighting.v1")};
	msg.header[2] = (struct cc_header){"ce_source", slice_str("urn:concert:cert.a/s1")};
	return msg;
}

TEST(reads_a_bundle)
{
	struct cc_message msg = message_of(bundle, sizeof(bundle) - 1);
	struct joint_sighting s;
	struct buf scratch;

	buf_open(&scratch, 1u << 20);
	CHECK(joint_read(&msg, slice_str("cert.a"), &scratch, &s) == CC_OK);
	CHECK(slice_is(s.attacker, "192.0.2.7") && s.port == 443 && !s.client && slice_is(s.victim, "pan4-x"));
	CHECK(slice_is(s.domain, "a.b\"c"));
	CHECK(s.proof == CC_PROOF_KEYED && s.origin == JOINT_RELAY && slice_is(s.origin_of, "m0"));
	CHECK(fabs(s.loss - 0.2) < 1e-6 && fabs(s.clock_error - 0.5) < 1e-6 && s.completeness == 77 && s.count == 3);
	CHECK_UINT(s.last - s.first, 3600 * NS_PER_S);
	CHECK(slice_is(s.sensor, "s1"));
	buf_close(&scratch);
}

/* What is longer than any sensor writes is not there; an indicator so long is none. */
TEST(long_words)
{
	static char text[8192], value[16384], key[8200];
	struct joint_sighting s;
	struct cc_message msg;
	struct buf scratch;
	int size;

	buf_open(&scratch, 1u << 20);
	for (unsigned most = JOINT_TEXT_MAX; most <= JOINT_TEXT_MAX + 1; most++) {
		memset(text, 'x', most);
		text[most] = '\0';
		size = snprintf(value, sizeof(value), "{\"objects\":[{\"type\":\"url\",\"value\":\"%s\"},"
		    "{\"type\":\"sighting\","
		    "\"first_seen\":\"2026-03-02T00:00:00Z\"}]}", text);
		msg = message_of(value, (size_t)size);
		CHECK(joint_read(&msg, slice_str("cert.a"), &scratch, &s) == CC_OK);
		CHECK_UINT(s.url.size, most == JOINT_TEXT_MAX ? most : 0);
		snprintf(key, sizeof(key), "url:%s", text);
		msg.key = slice_str(key);
		CHECK(joint_read(&msg, slice_str("cert.a"), &scratch, &s) == (most == JOINT_TEXT_MAX ? CC_OK : CC_BAD));
	}
	buf_close(&scratch);
}

TEST(hostile_bundles)
{
	struct buf scratch;

	buf_open(&scratch, 1u << 20);
	for (size_t cut = 0; cut < sizeof(bundle) - 1; cut++) {
		char *copy = malloc(cut + 1);
		struct cc_message msg = message_of(copy, cut);
		struct joint_sighting s;

		memcpy(copy, bundle, cut);
		(void)joint_read(&msg, slice_str("cert.a"), &scratch, &s);
		free(copy);
	}
	for (size_t at = 0; at < sizeof(bundle) - 1; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			char copy[sizeof(bundle)];
			struct cc_message msg = message_of(copy, sizeof(bundle) - 1);
			struct joint_sighting s;

			memcpy(copy, bundle, sizeof(bundle));
			copy[at] = (char)(copy[at] ^ (1 << bit));
			(void)joint_read(&msg, slice_str("cert.a"), &scratch, &s);
		}
	}
	buf_close(&scratch);
}

TESTS(T(reads_a_bundle), T(long_words), T(hostile_bundles))
