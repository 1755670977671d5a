/* Memory that ends at any place: it is said, nothing is left half made, and all is given back. */
#include "unit/count_malloc.h"
#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

static const char *const who[] = {"cert.a", "cert.b", "cert.c"};

/* Much that folds, links, and comes again in a rhythm; also what is said beside it, and taken back. */
static enum cc_status
live(struct joint *joint)
{
	struct joint_heartbeat beat = {.organisation = slice_str("cert.a"), .from = DAY0 * NS_PER_S,
	    .until = (DAY0 + 86400) * NS_PER_S, .clock_error = 0.1};
	struct joint_word word = {.organisation = slice_str("cert.b"), .time = 1, .notice = true, .tlp = CC_TLP_CLEAR,
	    .text = {slice_str("n"), slice_str("t"), slice_str("addr:192.0.2.1 domain:d1.example")}};
	enum cc_status st = CC_OK;

	for (unsigned i = 0; i < 90 && st == CC_OK; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = (struct joint_sighting){.message = numbered("m", i), .organisation = slice_str(who[i % 3]),
		    .sensor = slice_str("s1"), .kind = CC_KIND_ADDR, .value = numbered("192.0.2.", i % 9),
		    .first = (DAY0 + i * 300) * NS_PER_S, .last = (DAY0 + i * 300) * NS_PER_S, .count = 1,
		    .proof = CC_PROOF_KEYED, .clock_error = 0.1, .hops = 255, .port = 443, .ja4 = slice_str("j"),
		    .rule = slice_str("r"), .victim = numbered("v", i % 3), .domain = numbered("d", i % 9)};
		s.attacker = s.key = s.value;
		s.revoked = i == 80;
		st = joint_add(joint, &s);
		if (st == CC_OK && i % 20 == 19)
			st = joint_settle_some(joint);
	}
	if (st == CC_OK)
		st = joint_watched(joint, &beat);
	if (st == CC_OK)
		st = joint_heard(joint, &word);
	return st == CC_OK ? joint_settle(joint) : st;
}

/* Each block of features is a node's, or free; each place in a list leads back; what is counted is there. */
static void
check_whole(const struct joint *joint)
{
	size_t used = 0, slots = 0;

	for (uint32_t i = 0; i < joint->node_count; i++) {
		const struct node *node = &joint->node[i];

		if (!node->used)
			continue;
		used++;
		slots += node->feature_count;
		CHECK(node_find(joint, node->fold) == i);
		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct feature *is = &joint->feature[f];
			const struct value *v = &joint->value[is->value];
			uint32_t head = node->negative ? v->negative : v->head;

			CHECK(v->used && is->node == i);
			CHECK(is->prev != NONE ? joint->feature[is->prev].next == f : head == f);
			CHECK(is->next == NONE || joint->feature[is->next].prev == f);
		}
	}
	CHECK_UINT(joint->node_live, used);
	for (unsigned count = 1; count <= NODE_FEATURES; count++) {
		for (uint32_t b = joint->feature_free[count]; b != NONE; b = joint->feature[b].next)
			slots += count;
	}
	CHECK_UINT(joint->feature_count, slots);
}

TEST(memory_that_ends)
{
	struct conf *conf = conf_new();
	unsigned long all = 0;

	if (!MALLOC_OWN) {
		conf_free(conf);
		return;
	}
	for (unsigned long at = 0; at <= all; at++) {
		struct joint *joint = joint_new(conf);
		enum cc_status st;

		malloc_count = 0;
		malloc_fails = at;
		malloc_fails_on = at % 2 == 0;
		malloc_counting = true;
		st = live(joint);
		malloc_counting = false;
		if (at == 0) {
			all = malloc_count;
			CHECK(st == CC_OK);
			CHECK(all > 40);
		}
		CHECK(st == (at == 0 ? CC_OK : CC_NOMEM));
		check_whole(joint);
		if (st == CC_OK)
			json_decref(settled(joint));
		joint_free(joint);
	}
	conf_free(conf);
}

/* The cases, with memory that ends at that place; 0: it does not. */
static char *
told(struct joint *joint, unsigned long at, bool on)
{
	struct buf out;
	struct json json;
	bool good = true;
	char *text;

	buf_open(&out, 16u << 20);
	CHECK(buf_reserve(&out, 8u << 20));
	json = json_into(&out);
	base_json_array(&json, NULL);
	malloc_count = 0;
	malloc_fails = at;
	malloc_fails_on = on;
	malloc_counting = true;
	for (size_t i = 0; i < joint_cases(joint); i++)
		good = joint_case_json(joint, i, &json, NULL) == CC_OK && good;
	malloc_counting = false;
	CHECK(good == !joint->no_memory);
	json_end_array(&json);
	text = strndup((const char *)out.p, out.size);
	buf_close(&out);
	return text;
}

/* A case told while memory ends is what it is with memory, or it is said; none has the answer of before. */
TEST(memory_that_ends_while_a_case_is_told)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	unsigned long all;
	char *whole;

	text_used = 0;
	for (unsigned i = 0; i < 3; i++) {
		struct joint_sighting s = {.message = numbered("m", i), .organisation = slice_str(who[i]),
		    .sensor = slice_str("s1"), .kind = CC_KIND_ADDR, .value = slice_str("192.0.2.7"),
		    .first = (DAY0 + i * 300) * NS_PER_S, .last = (DAY0 + i * 300) * NS_PER_S, .count = 1,
		    .proof = CC_PROOF_KEYED, .clock_error = 0.1, .hops = 255, .port = 443, .completeness = 80,
		    .victim = numbered("v", i)};

		s.attacker = s.key = s.value;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	CHECK(joint_settle(joint) == CC_OK);
	whole = told(joint, 0, false);
	CHECK(strstr(whole, "\"verdict\":\"source\"") != NULL);
	all = malloc_count;
	for (unsigned long at = 1; at <= 2 * all && MALLOC_OWN; at++) {
		char *text = told(joint, (at + 1) / 2, at % 2 == 0);
		json_t *cases = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

		CHECK(cases != NULL);
		if (!joint->no_memory)
			CHECK_TEXT(text, whole);
		joint->no_memory = false;
		json_decref(cases);
		free(text);
	}
	free(whole);
	joint_free(joint);
	conf_free(conf);
}

/* What is taken back while memory ends is gone, or that it is not is said, then and from then on. */
TEST(memory_that_ends_while_something_is_taken_back)
{
	static char name[4096];
	struct conf *conf = conf_new();
	unsigned long all = 1, missed = 0;

	memset(name, 'n', sizeof(name));
	for (unsigned long at = 0; at <= all && MALLOC_OWN; at++) {
		struct joint *joint = joint_new(conf);
		enum cc_status st = CC_OK;

		text_used = 0;
		for (unsigned i = 0; i < 3; i++) {
			struct joint_sighting s = server_seen(who[i], "192.0.2.7", i);

			CHECK(joint_add(joint, &s) == CC_OK);
		}
		CHECK(joint_settle(joint) == CC_OK);
		malloc_count = 0;
		malloc_fails = at;
		malloc_counting = true;
		for (unsigned i = 0; i < 40 && st == CC_OK; i++) {
			name[0] = (char)('a' + i);
			st = joint_revoke(joint, slice_str(who[0]), CC_KIND_URL, slice_of(name, sizeof(name)), NS_PER_S);
		}
		if (st == CC_OK)
			st = joint_revoke(joint, slice_str(who[0]), CC_KIND_ADDR, slice_str("192.0.2.7"), UINT64_MAX);
		malloc_counting = false;
		all = at == 0 ? malloc_count : all;
		missed += at > 0 && st == CC_OK;
		CHECK(st == CC_NOMEM || joint_nodes(joint) == 2);
		CHECK(joint_settle(joint) == st);
		joint_free(joint);
	}
	CHECK(!MALLOC_OWN || all > 5);
	CHECK_UINT(missed, 0);
	conf_free(conf);
}

TESTS(T(memory_that_ends), T(memory_that_ends_while_a_case_is_told), T(memory_that_ends_while_something_is_taken_back))
