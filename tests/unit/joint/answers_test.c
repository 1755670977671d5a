/* What answers to have-you-seen tell the correlator. */
#include "unit/test.h"

#include "joint/joint.h"

#define HEAD                                                                                                           \
	"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{\"type\":\"identity\",\"id\":\"identity--1\"},{"      \
	"\"type\":\"note\",\"extensions\":{\"extension-"                                                               \
	"definition--e70757fa-d206-44a7-8d39-8276cee6795e\":{\"extension_type\":\"property-extension\",\"request\":{"  \
	"\"id\":\"r1\",\"requester\":\"cert.a\","                                                                      \
	"\"responder\":\"cert.c\",\"state\":\"answered\",\"answer\":"
#define TAIL "}}}}]}"
#define SEEN                                                                                                           \
	"{\"indicator\":\"addr:192.0.2.7\",\"seen\":true,\"count\":0,\"flows\":3,\"first\":\"2026-03-01T12:00:00Z\","  \
	"\"last\":\"2026-03-01T13:00:00Z\",\"proof\":\"dialogue\"}"
#define NOT(what) "{\"indicator\":\"" what "\",\"seen\":false,\"count\":0,\"flows\":0}"
#define COVERAGE                                                                                                       \
	",\"coverage\":{\"looked\":\"3600s\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-02T00:00:00Z\","    \
	"\"packets\":90,\"lost\":10}"

struct heard {
	struct joint_sighting one[8];
	size_t count;
};

static void
hear(void *ctx, const struct joint_sighting *s)
{
	struct heard *h = ctx;

	if (h->count < 8)
		h->one[h->count++] = *s;
}

/* The seal of this test is a word before what is in it. */
static enum cc_status
unseal(void *ctx, struct slice responder, struct slice id, struct slice sealed, struct slice *ret_plain)
{
	static const char plain[] = "{\"text\":\"x\",\"answer\":{\"results\":[" SEEN "]}}";

	(void)ctx;
	if (!slice_is(responder, "cert.c") || !slice_is(id, "r1") || !slice_is(sealed, "e.y.J"))
		return CC_BAD;
	*ret_plain = slice_str(strdup(plain));
	return CC_OK;
}

static enum cc_status
answers(const char *value, size_t size, const char *organisation, struct buf *scratch, struct heard *h)
{
	struct cc_message msg = {.topic = slice_str("concert.requests"),
	    .key = slice_str("r1"),
	    .value = slice_of(value, size),
	    .header_count = 3,
	    .header = {{"ce_id", slice_str("m1")}, {"ce_type", slice_str("org.concert.request.v1")},
		{"exercise", slice_str("false")}}};

	h->count = 0;
	return joint_answers(&msg, slice_str(organisation), scratch, hear, unseal, h);
}

static const char whole[] =
    HEAD "{\"results\":[" SEEN "," NOT("addr:192.0.2.8") "," NOT("domain:x.example") "]" COVERAGE "}" TAIL;

TEST(told)
{
	struct buf scratch;
	struct heard h;

	buf_open(&scratch, 1u << 20);
	CHECK(answers(whole, sizeof(whole) - 1, "cert.c", &scratch, &h) == CC_OK);
	/* Of names a store knows only what it was told to look for: their absence says nothing. */
	CHECK_UINT(h.count, 2);
	CHECK(slice_is(h.one[0].value, "192.0.2.7") && slice_is(h.one[0].attacker, "192.0.2.7") &&
	      slice_is(h.one[0].organisation, "cert.c"));
	CHECK(h.one[0].count == 3 && h.one[0].proof == CC_PROOF_DIALOGUE && h.one[0].origin == JOINT_ANSWER);
	CHECK(slice_is(h.one[0].origin_of, "r1") && slice_is(h.one[0].message, "m1"));
	CHECK(h.one[1].count == 0 && h.one[1].last - h.one[1].first == 24 * 3600 * NS_PER_S);
	CHECK(h.one[1].loss > 0.099 && h.one[1].loss < 0.101);
	buf_close(&scratch);
}

TEST(sealed)
{
	static const char good[] = HEAD "null,\"encrypted\":\"e.y.J\"" TAIL,
			  bad[] = HEAD "null,\"encrypted\":\"e.y.K\"" TAIL;
	struct buf scratch;
	struct heard h;

	buf_open(&scratch, 1u << 20);
	CHECK(answers(good, sizeof(good) - 1, "cert.c", &scratch, &h) == CC_OK && h.count == 1 && h.one[0].count == 3);
	CHECK(answers(bad, sizeof(bad) - 1, "cert.c", &scratch, &h) == CC_ABSENT && h.count == 0);
	buf_close(&scratch);
}

TEST(nobody_answers_for_another)
{
	static const char without[] = HEAD "{\"results\":[" NOT("addr:192.0.2.8") "]}" TAIL;
	struct buf scratch;
	struct heard h;

	buf_open(&scratch, 1u << 20);
	CHECK(answers(whole, sizeof(whole) - 1, "cert.a", &scratch, &h) == CC_ABSENT && h.count == 0);
	/* Without coverage 'not seen' is nothing. */
	CHECK(answers(without, sizeof(without) - 1, "cert.c", &scratch, &h) == CC_ABSENT && h.count == 0);
	buf_close(&scratch);
}

TEST(damaged)
{
	char *text = strdup(whole);
	struct buf scratch;
	struct heard h;

	buf_open(&scratch, 1u << 20);
	for (size_t i = 0; i < sizeof(whole); i++) {
		char *part = malloc(i + 1);

		memcpy(part, whole, i);
		(void)answers(part, i, "cert.c", &scratch, &h);
		free(part);
	}
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			(void)answers(text, sizeof(whole) - 1, "cert.c", &scratch, &h);
			text[i] = whole[i];
		}
	}
	CHECK(answers(text, sizeof(whole) - 1, "cert.c", &scratch, &h) == CC_OK);
	buf_close(&scratch);
	free(text);
}

/* What one result is of is not what the next is of. */
TEST(each_result_for_itself)
{
	static const char two[] = HEAD "{\"results\":[{\"indicator\":\"hassh:0123\",\"seen\":true,\"count\":1,"
				       "\"first\":\"2026-03-01T12:00:00Z\",\"last\":\"2026-03-01T13:00:00Z\"},"
				       "{\"indicator\":\"ssh-host-key:4567\",\"seen\":true,\"count\":-7,\"flows\":2,"
				       "\"first\":\"2026-03-01T12:00:00Z\",\"last\":\"2026-03-01T13:00:00Z\"}," SEEN
				       "]}" TAIL;
	struct buf scratch;
	struct heard h;

	buf_open(&scratch, 1u << 20);
	CHECK(answers(two, sizeof(two) - 1, "cert.c", &scratch, &h) == CC_OK);
	CHECK_UINT(h.count, 3);
	CHECK(slice_is(h.one[0].hassh, "0123"));
	CHECK(slice_is(h.one[1].key_sha256, "4567") && h.one[1].hassh.size == 0 && h.one[1].count == 2);
	CHECK(slice_is(h.one[2].attacker, "192.0.2.7") && h.one[2].key_sha256.size == 0);
	buf_close(&scratch);
}

TESTS(T(told), T(each_result_for_itself), T(sealed), T(nobody_answers_for_another), T(damaged))
