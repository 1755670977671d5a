/* What is bounded, and what is taken back: nodes, long texts, floods, hashes that are alike, revocations. */
#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

/* Who takes back without end leaves room for others. */
TEST(taking_back_is_bounded)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	unsigned held = 0;

	for (unsigned i = 0; i < 60000; i++) {
		char name[24];

		snprintf(name, sizeof(name), "d%u.example", i);
		held += joint_revoke(joint, slice_str("cert.z"), CC_KIND_DOMAIN, slice_str(name), NS_PER_S) == CC_OK;
	}
	CHECK_UINT(held, 50000);
	CHECK(joint_revoke(joint, slice_str("cert.a"), CC_KIND_DOMAIN, slice_str("d.example"), NS_PER_S) == CC_OK);
	/* One that is there already moves on. */
	CHECK(joint_revoke(joint, slice_str("cert.z"), CC_KIND_DOMAIN, slice_str("d1.example"), 2 * NS_PER_S) == CC_OK);
	CHECK(revoked_until(joint, slice_str("cert.z"), CC_KIND_DOMAIN, slice_str("d1.example")) == 2 * NS_PER_S);
	joint_free(joint);
	conf_free(conf);
}

/* Long texts count for more than one. */
TEST(what_is_taken_back_is_bounded_by_its_texts)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	static char name[JOINT_TEXT_MAX];
	unsigned held = 0;

	memset(name, 'n', sizeof(name));
	for (unsigned i = 0; i < 8000; i++) {
		snprintf(name, 8, "%07u", i);
		held += joint_revoke(joint, slice_str("cert.z"), CC_KIND_URL, slice_of(name, sizeof(name)), NS_PER_S) ==
			CC_OK;
	}
	CHECK_UINT(held, 50000 / (1 + sizeof(name) / 256));
	CHECK_UINT(joint_dropped(joint), 8000 - held);
	joint_free(joint);
	conf_free(conf);
}

/* In any order; an e-mail address, and an address beside the one that attacked, which nothing is linked by, too. */
TEST(revoked_sights_leave)
{
	static const struct {
		enum cc_kind kind;
		const char *value;
	} what[] = {{CC_KIND_ADDR, "192.0.2.7"}, {CC_KIND_EMAIL, "who@bad.example"}, {CC_KIND_ADDR, "192.0.2.99"}};

	for (unsigned row = 0; row < 2 * sizeof(what) / sizeof(what[0]); row++) {
		bool first = row % 2 != 0;
		struct conf *conf;
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;

		for (unsigned i = 0; i < 5; i++) {
			struct joint_sighting s = server_seen(i < 2   ? "cert.a"
							  : i < 4 ? "cert.b"
								  : "cert.c",
			    "192.0.2.7", i);
			struct joint_sighting back;

			s.kind = what[row / 2].kind;
			s.value = keep(what[row / 2].value);
			back = s;
			back.revoked = true;
			back.first = back.last = (DAY0 + 7200) * NS_PER_S;
			if (first && i == 0)
				CHECK(joint_add(joint, &back) == CC_OK);
			CHECK(joint_add(joint, &s) == CC_OK);
			CHECK(joint_settle_some(joint) == CC_OK);
			if (!first && i == 4) {
				back.organisation = keep("cert.a");
				CHECK(joint_add(joint, &back) == CC_OK);
			}
		}
		cases = settled(joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "sightings")), 3);
		CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "organisations")), 2);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* Of what nothing is linked by, and of what is; each piece, and again before it was settled; others' stays. */
TEST(taken_back_piece_by_piece)
{
	static const enum cc_kind kind[] = {CC_KIND_EMAIL, CC_KIND_ADDR};

	for (unsigned row = 0; row < 2; row++) {
		struct conf *conf;
		struct joint *joint = fresh_joint(&conf);
		struct joint_sighting s = {.first = 0};

		for (unsigned i = 0; i < 40; i++) {
			s = server_seen(i % 4 == 0 ? "cert.b" : "cert.a", "192.0.2.7", i);
			s.kind = kind[row];
			s.value = keep(row == 0 ? "who@bad.example" : "192.0.2.7");
			s.first = s.last = (DAY0 + i * 86400) * NS_PER_S;
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		s.organisation = keep("cert.a");
		s.revoked = true;
		CHECK_UINT(joint_nodes(joint), 40);
		s.last = (DAY0 + 7 * 86400) * NS_PER_S;
		CHECK(joint_add(joint, &s) == CC_OK); /* 1, 2, 3, 5, 6, 7 */
		CHECK_UINT(joint_nodes(joint), 34);
		for (unsigned i = 8; i < 20; i++) {
			s.last = (DAY0 + i * 86400) * NS_PER_S;
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		CHECK(joint_settle_some(joint) == CC_OK);
		CHECK_UINT(joint_nodes(joint), 25);
		for (unsigned i = 20; i < 60; i++) {
			s.last = (DAY0 + (i * 7 % 60) * 86400) * NS_PER_S;
			CHECK(joint_add(joint, &s) == CC_OK);
			CHECK(joint_settle_some(joint) == CC_OK);
		}
		CHECK_UINT(joint_nodes(joint), 10);
		s.organisation = keep("cert.b");
		CHECK(joint_add(joint, &s) == CC_OK);
		CHECK(joint_settle(joint) == CC_OK);
		CHECK_UINT(joint_nodes(joint), 0);
		joint_free(joint);
		conf_free(conf);
	}
}

/* One partner's flood of one tool is one large cell: it is not linked anew for each that comes. */
TEST(a_flood_costs_by_what_it_adds)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	uint64_t linked;

	for (unsigned i = 0; i < 20000; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = server_seen("cert.a", "192.0.2.1", i);
		s.attacker = s.value = s.key = numbered("10.", i);
		s.cert = keep("one");
		s.proof = CC_PROOF_KEYED;
		CHECK(joint_add(joint, &s) == CC_OK);
		if (i % 50 == 0)
			CHECK(joint_settle_some(joint) == CC_OK);
	}
	linked = joint_linked(joint);
	CHECK(linked < 20000 * 16);
	CHECK(joint_settle(joint) == CC_OK);
	CHECK_UINT(joint_cases(joint), 1);
	joint_free(joint);
	conf_free(conf);
}

TEST(bounded)
{
	struct conf *conf = conf_new();
	char *why = NULL;
	struct joint *joint;

	CHECK(conf_set(conf, "joint.nodes_max=1000", &why) == CC_OK);
	joint = joint_new(conf);
	for (unsigned i = 0; i < 1500; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = server_seen("cert.a", "192.0.2.7", i);
		CHECK(joint_add(joint, &s) == (i < 1000 ? CC_OK : CC_FULL));
	}
	CHECK_UINT(joint_nodes(joint), 1000);
	CHECK_UINT(joint_dropped(joint), 500);
	joint_free(joint);
	conf_free(conf);
}

/* What is long counts for as much as it takes: nobody fills memory with a few large ones. */
TEST(long_texts_count)
{
	struct conf *conf = conf_new();
	static char text[4096];
	char *why = NULL;
	struct joint *joint;
	unsigned taken = 0;

	CHECK(conf_set(conf, "joint.nodes_max=1000", &why) == CC_OK);
	joint = joint_new(conf);
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 1000; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = server_seen("cert.a", "192.0.2.7", i);
		memcpy(text, &i, sizeof(i));
		s.agent = s.url = s.domain = s.headers = s.ja4 = slice_of(text, sizeof(text));
		taken += joint_add(joint, &s) == CC_OK;
	}
	CHECK(taken > 50 && taken < 120);
	CHECK_UINT(joint_dropped(joint), 1000 - taken);
	joint_free(joint);
	conf_free(conf);
}

/* Repeats, each by a message with a long name, and with another name of its rule: they take room as nodes do. */
TEST(repeats_count)
{
	struct conf *conf = conf_new();
	static char id[JOINT_NAME_MAX], rule[4096];
	struct joint *joint;
	char *why = NULL;
	uint64_t held;

	CHECK(conf_set(conf, "joint.nodes_max=1000", &why) == CC_OK);
	joint = joint_new(conf);
	memset(id, 'm', sizeof(id));
	memset(rule, 'z', sizeof(rule));
	for (unsigned i = 0; i < 300 * 200; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = server_seen("cert.a", "192.0.2.7", i % 200);
		memcpy(id, &i, sizeof(i));
		s.message = slice_of(id, sizeof(id));
		if (i >= 200)
			s.rule_name = slice_of(rule, sizeof(rule));
		memcpy(rule, &(uint32_t){UINT32_MAX - i}, sizeof(i));
		CHECK(joint_add(joint, &s) == CC_OK);
		held = joint_held(joint);
	}
	CHECK_UINT(joint_nodes(joint), 200);
	CHECK(held >= 1000 && held < 1200);
	CHECK(joint_unnamed(joint) > 30000 && joint_dropped(joint) == 0);
	/* In use; the rest is let go with the next settling. */
	CHECK(names_gather(joint) == CC_OK);
	CHECK(joint->text.size < 1200 * 2048);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t node = joint->node_oldest;

		CHECK(node != NONE);
		if (node != NONE)
			node_drop(joint, node);
	}
	CHECK_UINT(joint_held(joint), 0);
	joint_free(joint);
	conf_free(conf);
}

/*
 * Texts of one hash, which anybody can make: of 17 to 32 bytes XXH3 multiplies halves, each with something known added,
 * so that one half can make nothing of the other.
 */
static struct slice
of_one_hash(enum feature_type type, char other)
{
	static const uint8_t secret[] = {0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe};
	uint64_t half = 0;
	char text[32];

	for (unsigned i = 8; i > 0; i--)
		half = half << 8 | secret[i - 1];
	half += type + 100u;
	for (unsigned i = 0; i < 8; i++)
		text[i] = (char)(half >> 8 * i);
	memset(text + 8, other, 8);
	memset(text + 16, 'x', 16);
	memcpy(text_room + text_used, text, sizeof(text));
	text_used += sizeof(text);
	return slice_of(text_room + text_used - sizeof(text), sizeof(text));
}

TEST(texts_of_one_hash)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	struct slice a = of_one_hash(FEATURE_CERT, 'a'), b = of_one_hash(FEATURE_CERT, 'b');
	struct joint_sighting s;
	json_t *cases;

	CHECK(!slice_eq(a, b) && value_hash(FEATURE_CERT, a, false) == value_hash(FEATURE_CERT, b, false));
	for (unsigned i = 0; i < 4; i++) {
		s = server_seen(i % 2 ? "cert.a" : "cert.b", i < 2 ? "192.0.2.1" : "198.51.100.1", i);
		s.proof = CC_PROOF_KEYED;
		s.cert = i < 2 ? a : b;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	/* Nor is it one sight. */
	s.agent = of_one_hash(FEATURE_AGENT, 'a');
	CHECK(joint_add(joint, &s) == CC_OK);
	s.agent = of_one_hash(FEATURE_AGENT, 'b');
	CHECK(joint_add(joint, &s) == CC_OK);
	CHECK_UINT(joint_nodes(joint), 6);
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

TESTS(T(taking_back_is_bounded), T(what_is_taken_back_is_bounded_by_its_texts), T(revoked_sights_leave),
    T(taken_back_piece_by_piece),
    T(a_flood_costs_by_what_it_adds), T(bounded), T(long_texts_count), T(repeats_count), T(texts_of_one_hash))
