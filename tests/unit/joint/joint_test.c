/* The engine on small sets of sightings: the algebra by hand, order, echoes, caps, relays, and hostile bundles. */
#include <math.h>

#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

#define HOUR (3600 * NS_PER_S)

/* A victim of who in contact with a server: everything that makes a witness. */
static struct joint_sighting
contact(const char *who, const char *addr, unsigned n)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = keep(who), .sensor = keep("s1"),
	    .kind = CC_KIND_ADDR,
	    .value = keep(addr), .key = keep(addr), .first = (DAY0 + n * 60) * NS_PER_S,
	        .last = (DAY0 + n * 60) * NS_PER_S, .count = 1,
	    .proof = CC_PROOF_DIALOGUE, .clock_error = 0.1, .completeness = 80, .hops = 255, .port = 443,
	        .attacker = keep(addr),
	    .rule = keep("1:3000001:1")};

	s.victim = numbered(who, n);
	return s;
}

static struct joint *
fresh(struct conf **ret_conf)
{
	*ret_conf = conf_new();
	text_used = 0;
	return joint_new(*ret_conf);
}

static json_t *
answer_of(json_t *cases, size_t index)
{
	return json_object_get(json_array_get(cases, index), "answer");
}

static const char *
word(json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

static double
real(json_t *object, const char *member)
{
	return json_number_value(json_object_get(object, member));
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

TEST(algebra_by_hand)
{
	double two[] = {1.9, 1.9}, many[200];

	/* 1.9 + 0.3 * 1.9 = 2.47; a thousand sights are capped at 3, a flood of weak ones at 0.1 / 0.7. */
	CHECK(near(joint_witness_sum(two, 2), 2.47));
	for (unsigned i = 0; i < 200; i++)
		many[i] = 2.6;
	CHECK(near(joint_witness_sum(many, 200), 3.0));
	for (unsigned i = 0; i < 200; i++)
		many[i] = 0.1;
	CHECK(near(joint_witness_sum(many, 200), 0.1 / 0.7));
	/* A day's look without loss: 1 - e^-1 of one sixth: ln(1 - 0.105354) = -0.111327. */
	CHECK(near(joint_negative_llr(0, 24), -0.11132675));
	CHECK(near(joint_negative_llr(1, 24), 0));
	/* A certificate (8.5, 2) with four tenants, each at a node of its own: 8.5 - 6 ln 2 = 4.341117. */
	CHECK(near(joint_feature_weight(8.5, 2, 4, 1, 4), 4.34111692));
	CHECK(near(joint_feature_weight(8.5, 2, 2, 1, 4), 8.5));
	CHECK(near(joint_feature_weight(2.6, 1, 1000, 1, 0), 0));
}

TEST(order_in_time_only_beyond_the_bounds)
{
	CHECK(joint_before(10 * NS_PER_S, 1, 13 * NS_PER_S, 1));
	CHECK(!joint_before(10 * NS_PER_S, 2, 13 * NS_PER_S, 1));
	CHECK(!joint_before(10 * NS_PER_S, -1, 13 * NS_PER_S, 1));
	CHECK(!joint_before(13 * NS_PER_S, 0, 10 * NS_PER_S, 0));
}

/* A case is marked as the strictest of its sightings, whichever came first, a repeat among them. */
TEST(marking)
{
	static const enum cc_tlp order[][3] = {{CC_TLP_GREEN, CC_TLP_AMBER_STRICT, CC_TLP_CLEAR},
	    {CC_TLP_AMBER_STRICT, CC_TLP_CLEAR, CC_TLP_GREEN}, {CC_TLP_CLEAR, CC_TLP_GREEN, CC_TLP_GREEN}};
	static const char *const is[] = {"amber+strict", "amber+strict", "green"};

	for (unsigned o = 0; o < 3; o++) {
		struct conf *conf;
		struct joint *joint = fresh(&conf);
		json_t *cases;

		for (unsigned i = 0; i < 3; i++) {
			struct joint_sighting s = contact(i == 2 ? "cert.b" : "cert.a", "192.0.2.7", 0);

			s.message = numbered("t", i);
			s.tlp = order[o][i];
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = settled(joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK_TEXT(word(json_array_get(cases, 0), "tlp"), is[o]);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* Who saw much leaves room for who saw little, and later: a cut time line has every organisation. */
TEST(time_line_has_everybody)
{
	static const struct {
		const char *who;
		unsigned nodes, shown;
	} org[] = {{"cert.a", 100, 32}, {"cert.b", 30, 30}, {"cert.c", 2, 2}};
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	json_t *cases, *entry;
	size_t at;

	for (unsigned o = 0, n = 0; o < 3; o++) {
		for (unsigned i = 0; i < org[o].nodes; i++, n++) {
			struct joint_sighting s = contact(org[o].who, "192.0.2.7", n);

			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	for (unsigned o = 0; o < 3; o++) {
		unsigned shown = 0;

		json_array_foreach(json_object_get(json_array_get(cases, 0), "timeline"), at, entry)
			shown += strcmp(word(entry, "organisation"), org[o].who) == 0;
		CHECK_UINT(shown, org[o].shown);
	}
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

/* Three organisations, dialogues with one server: the numbers of the case are those of the README's example. */
TEST(three_witnesses)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	const char *const who[] = {"cert.a", "cert.b", "cert.c"};
	json_t *cases, *top;

	for (unsigned i = 0; i < 3; i++) {
		struct joint_sighting s = contact(who[i], "192.0.2.7", i);

		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(word(answer_of(cases, 0), "verdict"), "source");
	CHECK_TEXT(word(answer_of(cases, 0), "value"), "192.0.2.7");
	top = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0);
	/* 3 * 1.9 + 2 ln 1.05 = 5.797580; against e^3.5 + 3 e^0.5 */
	CHECK(near(real(top, "log_odds"), 5.79758033));
	CHECK(near(real(top, "probability"), exp(5.79758033) / (exp(5.79758033) + exp(3.5) + 3 * exp(0.5))));
	CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "hypotheses")), 5);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

TEST(one_organisation_never_decides)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 300; i++) {
		struct joint_sighting s = contact("cert.a", "192.0.2.7", i);

		s.proof = CC_PROOF_KEYED;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(word(answer_of(cases, 0), "verdict"), "cannot say");
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

/* Five who repeat one organisation's word never outweigh two who saw for themselves. */
TEST(five_echoes_and_two_witnesses)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	json_t *cases;
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct joint_sighting s = contact(i == 0 ? "cert.a" : "cert.b", "192.0.2.7", n++);

		s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	for (unsigned i = 0; i < 6; i++) {
		static const char *const who[] = {"cert.c", "cert.d", "cert.e", "cert.f", "cert.g", "cert.h"};
		struct joint_sighting s = contact(who[i], "198.51.100.1", n++);

		s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
		if (i > 0) {
			s.victim = slice_of(NULL, 0);
			s.origin = JOINT_RELAY;
			s.origin_of = keep("m2");
		}
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK(strcmp(word(answer_of(cases, 0), "value"), "198.51.100.1") != 0);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

TEST(forged_sources_name_nobody)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 9; i++) {
		static const char *const who[] = {"cert.a", "cert.b", "cert.c"};
		struct joint_sighting s = contact(who[i % 3], "192.0.2.7", i);

		s.proof = CC_PROOF_SPOOFABLE;
		s.client = true;
		s.victim = keep("target");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(word(answer_of(cases, 0), "verdict"), "cannot say");
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

/* A host in a partner's networks is a relay first; the partner's own word on who steers it moves the answer there. */
TEST(relay_through_a_victim)
{
	for (int seen = 0; seen < 2; seen++) {
		struct conf *conf;
		struct joint *joint = fresh(&conf);
		json_t *cases;
		unsigned n = 0;

		CHECK(joint_home(joint, "cert.h", "203.0.113.0/24") == CC_OK);
		for (; n < 6; n++) {
			struct joint_sighting s = contact(n % 2 == 0 ? "cert.a" : "cert.b", "203.0.113.9", n);

			s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		for (; seen && n < 9; n++) {
			struct joint_sighting s = contact("cert.h", "192.0.2.66", n);

			s.client = true;
			s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = settled(joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK_TEXT(word(answer_of(cases, 0), "verdict"), seen ? "source" : "cannot say");
		CHECK_TEXT(word(answer_of(cases, 0), seen ? "value" : "leaning"), seen ? "192.0.2.66" : "relayed");
		if (!seen) {
			json_t *first = json_array_get(json_object_get(json_array_get(cases, 0), "missing"), 0);

			CHECK_TEXT(word(first, "ask"), "cert.h");
		}
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* An address with many names that have nothing else in common holds nothing together. */
TEST(shared_hosting_does_not_link)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 30; i++) {
		struct joint_sighting s = contact(i % 2 == 0 ? "cert.a" : "cert.b", "192.0.2.7", i);

		s.kind = CC_KIND_DOMAIN;
		s.domain = s.value = s.key = numbered("name.", i);
		s.rule = numbered("1:100:", i);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 0);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

/* What comes out is a function of the set: shuffled, with repeats, the same text. */
TEST(order_does_not_matter)
{
	struct joint_sighting all[60];
	char *first = NULL;

	for (unsigned round = 0; round < 8; round++) {
		struct conf *conf;
		struct joint *joint = fresh(&conf);
		json_t *cases;
		char *is;
		unsigned seed = round * 2654435761u + 1;

		for (unsigned i = 0; i < 60; i++) {
			static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d"};

			all[i] = contact(who[i % 4],
			    i % 3 == 0   ? "192.0.2.7"
			    : i % 3 == 1 ? "192.0.2.8"
					 : "198.51.100.3",
			    i);
			all[i].ja4 = keep(i % 5 == 0 ? "ja4.x" : "ja4.y");
			all[i].cert = i % 4 == 0 ? keep("cert.1") : slice_of(NULL, 0);
			all[i].count = i % 11 == 0 ? 0 : i;
			all[i].loss = i % 7 / 10.0;
			all[i].clock_error = i % 6 == 0 ? -1 : 0.5;
		}
		for (unsigned i = 59; i > 0 && round > 0; i--) {
			unsigned k;
			struct joint_sighting one = all[i];

			seed = seed * 1664525u + 1013904223u;
			k = seed % (i + 1);
			all[i] = all[k];
			all[k] = one;
		}
		for (unsigned i = 0; i < 60; i++)
			CHECK(joint_add(joint, &all[i]) == CC_OK);
		cases = settled(joint);
		is = json_dumps(cases, JSON_SORT_KEYS);
		if (first == NULL)
			first = strdup(is);
		CHECK_TEXT(is, first);
		free(is);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
	free(first);
}

/* ---- settled bit by bit ---- */

static uint32_t
rolled(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

/* A small world by numbers: campaigns that share tools, a content network, repeats, "not seen", exercises, forged
 * sources. */
static struct joint_sighting
random_sighting(uint32_t *seed, unsigned n, unsigned span)
{
	static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d", "cert.e"};
	unsigned campaign = rolled(seed, span), day = rolled(seed, 20);
	struct joint_sighting s = contact(who[rolled(seed, 5)], "192.0.2.1", n);
	bool shared = rolled(seed, 4) == 0;

	s.first = (DAY0 + day * 86400 + rolled(seed, 80000)) * NS_PER_S;
	s.last = s.first + rolled(seed, 7200) * NS_PER_S;
	s.attacker = s.value = s.key =
	    shared ? numbered("198.51.100.", rolled(seed, 3)) : numbered("192.0.2.", campaign * 3 + rolled(seed, 3));
	s.rule = numbered("1:", rolled(seed, 6) < 2 ? campaign : 1000 + rolled(seed, 4));
	s.ja4 = numbered("ja4.", rolled(seed, 3) == 0 ? campaign : 900 + rolled(seed, 3));
	if (rolled(seed, 3) == 0)
		s.domain = numbered("name.", shared ? 5000 + rolled(seed, 400) : campaign * 2 + rolled(seed, 2));
	if (rolled(seed, 5) == 0)
		s.cert = numbered("cert.", rolled(seed, 3) == 0 ? 7 : campaign);
	if (rolled(seed, 6) == 0)
		s.agent = numbered("agent.", rolled(seed, span / 2 + 1));
	s.proof = (enum cc_proof)rolled(seed, 5);
	s.client = rolled(seed, 4) == 0;
	if (rolled(seed, 12) == 0) {
		s.count = 0;
		s.victim = slice_of(NULL, 0);
		s.origin = JOINT_ANSWER;
	}
	/* Hearsay, or not; a rule that only observes. */
	if (rolled(seed, 6) == 0)
		s.victim = slice_of(NULL, 0);
	if (rolled(seed, 8) == 0)
		s.rule_class = keep("misc-activity");
	s.exercise = rolled(seed, 20) == 0;
	s.loss = rolled(seed, 10) / 20.0;
	s.clock_error = rolled(seed, 5) == 0 ? -1 : 0.5;
	return s;
}

static char *
as_text(struct joint *joint)
{
	json_t *cases = settled(joint);
	char *text = json_dumps(cases, JSON_SORT_KEYS);

	json_decref(cases);
	return text;
}

/* Whatever was settled in between, and in whichever order it came: as if everything had been there at once. */
TEST(bit_by_bit_as_at_once)
{
	for (unsigned round = 0; round < 12; round++) {
		struct conf *conf, *other;
		struct joint *joint = fresh(&conf), *whole;
		unsigned count = 200 + round * 60, span = 4 + round * 3;
		uint32_t seed = round * 77 + 5, shuffle = round + 1;
		struct joint_sighting *all = calloc(count, sizeof(*all));
		char *bits, *once;

		for (unsigned i = 0; i < count; i++)
			all[i] = random_sighting(&seed, i, span);
		whole = joint_new(other = conf_new());
		CHECK(joint_home(joint, "cert.c", "192.0.2.8/30") == CC_OK &&
		      joint_home(whole, "cert.c", "192.0.2.8/30") == CC_OK);
		for (unsigned i = 0; i < count; i++)
			CHECK(joint_add(whole, &all[i]) == CC_OK);
		for (unsigned i = count - 1; i > 0; i--) {
			unsigned k = rolled(&shuffle, i + 1);
			struct joint_sighting one = all[i];

			all[i] = all[k];
			all[k] = one;
		}
		for (unsigned i = 0; i < count; i++) {
			CHECK(joint_add(joint, &all[i]) == CC_OK);
			if (rolled(&shuffle, 9) == 0)
				CHECK(joint_settle_some(joint) == CC_OK);
		}
		bits = as_text(joint);
		once = as_text(whole);
		CHECK_TEXT(bits, once);
		free(bits);
		free(once);
		free(all);
		joint_free(joint);
		joint_free(whole);
		conf_free(conf);
		conf_free(other);
	}
}

/* What is told of changes, put together, is what is there; a case that is gone was told as gone or merged. */
/* Who takes back without end leaves room for others. */
TEST(taking_back_is_bounded)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
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
		struct joint *joint = fresh(&conf);
		json_t *cases;

		for (unsigned i = 0; i < 5; i++) {
			struct joint_sighting s = contact(i < 2   ? "cert.a"
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

TEST(changes_tell_all)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	struct joint_change change;
	json_t *there = json_pack("{}");
	uint32_t seed = 99;
	unsigned merged = 0;

	for (unsigned i = 0; i < 600; i++) {
		struct joint_sighting s = random_sighting(&seed, i, 12);

		CHECK(joint_add(joint, &s) == CC_OK);
		if (i % 7 != 0 && i != 599)
			continue;
		CHECK(joint_settle(joint) == CC_OK);
		while (joint_next_change(joint, &change)) {
			if (change.event == NULL) {
				CHECK(json_object_get(there, change.id) != NULL);
			} else if (strcmp(change.event, "opened") == 0 || strcmp(change.event, "split") == 0) {
				json_object_set_new(there, change.id, json_true());
			} else {
				merged += strcmp(change.event, "merged") == 0;
				CHECK(json_object_del(there, change.id) == 0);
			}
		}
		CHECK_UINT(json_object_size(there), joint_cases(joint));
	}
	CHECK(merged > 0);
	json_decref(there);
	joint_free(joint);
	conf_free(conf);
}

/* One partner's flood of one tool is one large cell: it is not linked anew for each that comes. */
TEST(a_flood_costs_by_what_it_adds)
{
	struct conf *conf;
	struct joint *joint = fresh(&conf);
	uint64_t linked;

	for (unsigned i = 0; i < 20000; i++) {
		struct joint_sighting s;

		text_used = 0;
		s = contact("cert.a", "192.0.2.1", i);
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
		s = contact("cert.a", "192.0.2.7", i);
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
		s = contact("cert.a", "192.0.2.7", i);
		memcpy(text, &i, sizeof(i));
		s.agent = s.url = s.domain = s.headers = s.ja4 = slice_of(text, sizeof(text));
		taken += joint_add(joint, &s) == CC_OK;
	}
	CHECK(taken > 50 && taken < 120);
	CHECK_UINT(joint_dropped(joint), 1000 - taken);
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
	struct joint *joint = fresh(&conf);
	struct slice a = of_one_hash(FEATURE_CERT, 'a'), b = of_one_hash(FEATURE_CERT, 'b');
	struct joint_sighting s;
	json_t *cases;

	CHECK(!slice_eq(a, b) && value_hash(FEATURE_CERT, a, false) == value_hash(FEATURE_CERT, b, false));
	for (unsigned i = 0; i < 4; i++) {
		s = contact(i % 2 ? "cert.a" : "cert.b", i < 2 ? "192.0.2.1" : "198.51.100.1", i);
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

/* ---- reading ---- */

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
	CHECK(near(s.loss, 0.2) && near(s.clock_error, 0.5) && s.completeness == 77 && s.count == 3);
	CHECK_UINT(s.last - s.first, HOUR);
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

TESTS(T(long_texts_count), T(texts_of_one_hash), T(algebra_by_hand), T(order_in_time_only_beyond_the_bounds),
    T(marking), T(time_line_has_everybody),
    T(three_witnesses), T(one_organisation_never_decides), T(five_echoes_and_two_witnesses),
    T(forged_sources_name_nobody),
    T(relay_through_a_victim), T(shared_hosting_does_not_link), T(order_does_not_matter), T(bit_by_bit_as_at_once),
    T(taking_back_is_bounded), T(revoked_sights_leave), T(changes_tell_all), T(a_flood_costs_by_what_it_adds),
    T(bounded), T(reads_a_bundle),
    T(hostile_bundles), T(long_words))
