/* The engine on small sets of sightings: the algebra by hand, order, echoes, caps, relays, and what changed. */
#include <math.h>

#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

#define HOUR (3600 * NS_PER_S)

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
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;

		for (unsigned i = 0; i < 3; i++) {
			struct joint_sighting s = server_seen(i == 2 ? "cert.b" : "cert.a", "192.0.2.7", 0);

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
	struct joint *joint = fresh_joint(&conf);
	json_t *cases, *entry;
	size_t at;

	for (unsigned o = 0, n = 0; o < 3; o++) {
		for (unsigned i = 0; i < org[o].nodes; i++, n++) {
			struct joint_sighting s = server_seen(org[o].who, "192.0.2.7", n);

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
	struct joint *joint = fresh_joint(&conf);
	const char *const who[] = {"cert.a", "cert.b", "cert.c"};
	json_t *cases, *top;

	for (unsigned i = 0; i < 3; i++) {
		struct joint_sighting s = server_seen(who[i], "192.0.2.7", i);

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
	struct joint *joint = fresh_joint(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 300; i++) {
		struct joint_sighting s = server_seen("cert.a", "192.0.2.7", i);

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
	struct joint *joint = fresh_joint(&conf);
	json_t *cases;
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct joint_sighting s = server_seen(i == 0 ? "cert.a" : "cert.b", "192.0.2.7", n++);

		s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	for (unsigned i = 0; i < 6; i++) {
		static const char *const who[] = {"cert.c", "cert.d", "cert.e", "cert.f", "cert.g", "cert.h"};
		struct joint_sighting s = server_seen(who[i], "192.0.2.99", n++);

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
	CHECK(strcmp(word(answer_of(cases, 0), "value"), "192.0.2.99") != 0);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

TEST(forged_sources_name_nobody)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 9; i++) {
		static const char *const who[] = {"cert.a", "cert.b", "cert.c"};
		struct joint_sighting s = server_seen(who[i % 3], "192.0.2.7", i);

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
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;
		unsigned n = 0;

		CHECK(joint_home(joint, "cert.h", "203.0.113.0/24") == CC_OK);
		for (; n < 6; n++) {
			struct joint_sighting s = server_seen(n % 2 == 0 ? "cert.a" : "cert.b", "203.0.113.9", n);

			s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		for (; seen && n < 9; n++) {
			struct joint_sighting s = server_seen("cert.h", "192.0.2.66", n);

			s.client = true;
			s.ja4 = keep("t13d_own");
		s.agent = keep("agent-own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = settled(joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK_TEXT(word(answer_of(cases, 0), "verdict"), seen ? "source" : "cannot say");
		CHECK_TEXT(word(answer_of(cases, 0), seen ? "value" : "leaning"), seen ? "192.0.2.66" : "relayed");
		/* And never surely: he alone says so. */
		CHECK(!seen || json_real_value(json_object_get(answer_of(cases, 0), "confidence")) <= 0.75);
		if (!seen) {
			json_t *first = json_array_get(json_object_get(json_array_get(cases, 0), "missing"), 0);

			CHECK_TEXT(word(first, "ask"), "cert.h");
		}
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

static json_t *
candidate_of(json_t *cases, const char *value)
{
	json_t *list = json_object_get(json_array_get(cases, 0), "hypotheses"), *one;
	size_t i;

	json_array_foreach(list, i, one) {
		json_t *candidate = json_object_get(one, "candidate");

		if (candidate != NULL && strcmp(word(candidate, "value"), value) == 0)
			return one;
	}
	return NULL;
}

/* Who saw several hosts that one steers, or who steers and whom, is one witness; alone he makes no answer. */
TEST(who_steers_has_each_witness_once)
{
	static const struct {
		const char *who[4]; /* who saw the hosts attack: of the first, then of the second */
		unsigned witnesses;
	} what[] = {{{"cert.h", "cert.h", NULL, NULL}, 1}, {{"cert.a", "cert.b", NULL, NULL}, 3},
	    {{"cert.a", "cert.b", "cert.a", "cert.b"}, 3}, {{"cert.a", "cert.h", "cert.b", "cert.a"}, 3}};

	for (unsigned row = 0; row < sizeof(what) / sizeof(what[0]); row++) {
		struct conf *conf;
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;

		CHECK(joint_home(joint, "cert.h", "203.0.113.0/24") == CC_OK);
		for (unsigned n = 0; n < 13; n++) {
			unsigned host = n % 4 / 2;
			const char *who = n < 9 ? what[row].who[n % 4] : "cert.h";
			struct joint_sighting s;

			if (who == NULL)
				continue;
			s = server_seen(who, n >= 9 ? "192.0.2.66" : host == 0 ? "203.0.113.9" : "203.0.113.8", n);
			s.client = n >= 9;
			s.ja4 = keep("t13d_own");
			s.agent = keep("agent-own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = settled(joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK(candidate_of(cases, "192.0.2.66") != NULL);
		CHECK_UINT(json_integer_value(json_object_get(candidate_of(cases, "192.0.2.66"), "witnesses")),
		    what[row].witnesses);
		CHECK(row > 0 || strcmp(word(answer_of(cases, 0), "verdict"), "cannot say") == 0);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* An address with many names that have nothing else in common holds nothing together. */
TEST(shared_hosting_does_not_link)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	json_t *cases;

	for (unsigned i = 0; i < 30; i++) {
		struct joint_sighting s = server_seen(i % 2 == 0 ? "cert.a" : "cert.b", "192.0.2.7", i);

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
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;
		char *is;
		unsigned seed = round * 2654435761u + 1;

		for (unsigned i = 0; i < 60; i++) {
			static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d"};

			all[i] = server_seen(who[i % 4],
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

/* Clients that go through others' hosts: nearly all have one agent, and are found by a rule of theirs. */
static void
random_client(uint32_t *seed, struct joint_sighting *s)
{
	unsigned which = rolled(seed, 3);

	s->attacker = s->value = s->key = numbered("203.0.113.", rolled(seed, 90));
	s->ja4 = numbered("client.", which);
	s->agent = numbered("client.agent.", rolled(seed, 5) == 0 ? 9 : which);
	s->rule = numbered("1:5000", rolled(seed, 6) == 0 ? 9 : which);
	if (rolled(seed, 12) == 0)
		s->domain = numbered("client.name.", rolled(seed, 4));
}

/* A small world by numbers: campaigns that share tools, a content network, repeats, "not seen", exercises, forged
 * sources. */
static struct joint_sighting
random_sighting(uint32_t *seed, unsigned n, unsigned span)
{
	static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d", "cert.e"};
	unsigned campaign = rolled(seed, span), day = rolled(seed, 20);
	struct joint_sighting s = server_seen(who[rolled(seed, 5)], "192.0.2.1", n);
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
	if (rolled(seed, 4) == 0)
		random_client(seed, &s);
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
		struct joint *joint = fresh_joint(&conf), *whole;
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
TEST(changes_tell_all)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
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

TESTS(T(algebra_by_hand), T(order_in_time_only_beyond_the_bounds), T(marking), T(time_line_has_everybody),
    T(three_witnesses), T(one_organisation_never_decides), T(five_echoes_and_two_witnesses),
    T(forged_sources_name_nobody), T(relay_through_a_victim), T(who_steers_has_each_witness_once),
    T(shared_hosting_does_not_link), T(order_does_not_matter), T(bit_by_bit_as_at_once), T(changes_tell_all))
