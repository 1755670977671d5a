/* Sightings pulled out of bundles: whatever the order of members, and never past the end of what is damaged. */
#include "unit/test.h"

#include "base/base.h"
#include "joint/joint.h"
#include "joint/pull.h"

static struct cur
cur_text(const char *text)
{
	return cur_of((const uint8_t *)text, strlen(text));
}

TEST(steps)
{
	struct cur c = cur_text("{ \"a\" : 1 ,\"b\":[ true, \"x\\\"]\", {\"y\":[]} ] , \"c\":{}}");
	struct slice name;
	unsigned count = 0;

	CHECK(pull_enter(&c, '{'));
	CHECK(pull_step(&c, &name) && slice_is(name, "a"));
	CHECK(pull_number(pull_take(&c), 0) > 0.9);
	CHECK(pull_step(&c, &name) && slice_is(name, "b") && pull_enter(&c, '['));
	for (; pull_step(&c, NULL); count++)
		(void)pull_take(&c);
	CHECK_UINT(count, 3);
	CHECK(pull_step(&c, &name) && slice_is(name, "c") && !pull_enter(&c, '['));
	CHECK(!pull_step(&c, &name) && !c.bad && cur_left(&c) == 0);
}

TEST(one_member)
{
	struct cur c = cur_text("[{\"a\":{\"b\":0},\"b\":\"it\"},{},7,\"end\"]");

	CHECK(pull_enter(&c, '[') && pull_step(&c, NULL));
	CHECK(slice_is(pull_take_member(&c, "b"), "\"it\""));
	CHECK(pull_step(&c, NULL) && pull_take_member(&c, "b").size == 0);
	CHECK(pull_step(&c, NULL) && pull_take_member(&c, "b").size == 0);
	CHECK(pull_step(&c, NULL) && slice_is(pull_take(&c), "\"end\"") && !pull_step(&c, NULL) && !c.bad);
}

TEST(too_deep_is_bad)
{
	char text[202];
	struct cur c;

	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	c = cur_of((const uint8_t *)text, 200);
	CHECK(pull_take(&c).size == 0 && c.bad);
}

/* Two orders of the same: the type at the end, the extension before it; and what nobody asks for between. */
#define INFORMATION                                                                                                \
	"{\"extension-definition--1\":{\"unknown\":{\"deep\":[{\"attacker\":\"no\"}]},"                             \
	"\"coverage\":{\"lost\":10,\"packets\":90,\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-02T00:00:00Z\"}," \
	"\"endpoint\":{\"attacker\":\"192.0.2.7\",\"attacker_port\":443,\"attacker_role\":\"server\",\"victim\":\"v\\u002d1\"}," \
	"\"clock\":{\"source\":\"ntp\",\"error_bound_seconds\":0.5},\"fingerprints\":{\"ja4\":\"t13d\",\"ja3\":\"0f\"}," \
	"\"proof\":{\"level\":\"dialogue\"},\"detection\":{\"name\":\"r\",\"class\":\"k\"},\"completeness\":70}}"
#define FORWARD                                                                                               \
	"{\"type\":\"bundle\",\"objects\":[{\"type\":\"sighting\",\"first_seen\":\"2026-03-01T12:00:00Z\"," \
	"\"last_seen\":\"2026-03-01T12:01:00Z\",\"count\":3},{\"type\":\"observed-data\",\"extensions\":" INFORMATION "}," \
	"{\"type\":\"domain-name\",\"value\":\"x.example\"},{\"type\":\"file\",\"hashes\":{\"MD5\":\"0\",\"SHA-256\":\"ab\"}}]}"
#define BACKWARD                                                                                                       \
	" {\"objects\" : [ {\"hashes\":{\"SHA-256\":\"ab\",\"MD5\":\"0\"},\"type\":\"file\"},\n{\"value\":\"x.example\",\"type\":" \
	"\"domain-name\"},{\"extensions\":" INFORMATION ",\"created_by_ref\":[[{}]],\"type\":\"observed-data\"}," \
	"{\"count\":3,\"last_seen\":\"2026-03-01T12:01:00Z\",\"first_seen\":\"2026-03-01T12:00:00Z\",\"type\":\"sighting\"}]," \
	"\"type\":\"bundle\"}"

static enum cc_status
read_sighting(const char *value, size_t size, struct buf *scratch, struct joint_sighting *ret_sighting)
{
	struct cc_message msg = {.topic = slice_str("concert.indicators"), .key = slice_str("addr:192.0.2.7"),
	    .value = slice_of(value, size), .header_count = 3,
	    .header = {{"ce_id", slice_str("m1")}, {"ce_type", slice_str("org.concert.sighting.v1")},
		{"ce_source", slice_str("urn:concert:cert.a/s1")}}};

	return joint_read(&msg, slice_str("cert.a"), scratch, ret_sighting);
}

TEST(any_order)
{
	static const char *const text[] = {FORWARD, BACKWARD + 1};
	struct joint_sighting s;
	struct buf scratch;

	buf_open(&scratch, 1u << 20);
	for (size_t i = 0; i < 2; i++) {
		CHECK(read_sighting(text[i], strlen(text[i]), &scratch, &s) == CC_OK);
		CHECK(s.count == 3 && s.last - s.first == 60 * NS_PER_S && s.until - s.from == 86400 * NS_PER_S);
		CHECK(s.loss > 0.099 && s.loss < 0.101 && s.completeness == 70 && s.port == 443 && !s.client);
		CHECK(slice_is(s.attacker, "192.0.2.7") && slice_is(s.victim, "v-1") && slice_is(s.sensor, "s1"));
		CHECK(slice_is(s.ja4, "t13d") && slice_is(s.ja3, "0f") && slice_is(s.rule_name, "r"));
		CHECK(slice_is(s.rule_class, "k") && s.proof == CC_PROOF_DIALOGUE && slice_is(s.file, "ab"));
		CHECK(slice_is(s.domain, "x.example") && s.clock_error > 0.4 && s.clock_error < 0.6);
	}
	buf_close(&scratch);
}

/* A partner's numbers are his word: none beyond what there is goes on from here. */
TEST(numbers_in_bounds)
{
	static const char odd[] = "{\"objects\":[{\"type\":\"sighting\",\"first_seen\":\"2026-03-01T12:00:00Z\","
				  "\"last_seen\":\"2554-07-21T23:34:00Z\",\"count\":-1,\"extensions\":{\"e\":{"
				  "\"coverage\":{\"packets\":-10,\"lost_kernel\":11},\"completeness\":1000,"
				  "\"path\":{\"hops_estimate\":-3},\"endpoint\":{\"attacker_port\":70000}}}}]}";
	struct joint_sighting s;
	struct buf scratch;

	buf_open(&scratch, 1u << 20);
	CHECK(read_sighting(odd, sizeof(odd) - 1, &scratch, &s) == CC_OK);
	CHECK(s.loss >= 0 && s.loss <= 1 && s.count == 1 && s.completeness == 0 && s.hops == 255 && s.port == 0);
	CHECK_UINT(s.last, s.first);
	buf_close(&scratch);
}

TEST(damaged)
{
	static const char *const text[] = {FORWARD, BACKWARD};
	struct joint_sighting s;
	struct buf scratch;

	buf_open(&scratch, 1u << 20);
	for (size_t k = 0; k < 2; k++) {
		size_t size = strlen(text[k]);
		char *copy = malloc(size);

		for (size_t i = 0; i < size; i++) {
			char *part = malloc(i + 1);

			memcpy(part, text[k], i);
			(void)read_sighting(part, i, &scratch, &s);
			free(part);
		}
		memcpy(copy, text[k], size);
		for (size_t i = 0; i < 8 * size; i++) {
			copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
			(void)read_sighting(copy, size, &scratch, &s);
			copy[i / 8] = text[k][i / 8];
		}
		free(copy);
	}
	buf_close(&scratch);
}

TESTS(T(steps), T(one_member), T(too_deep_is_bad), T(any_order), T(numbers_in_bounds), T(damaged))
