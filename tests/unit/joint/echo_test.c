/*
 * Five echoes of one observation, or fifty, never outweigh two independent ones: relays, copies, answers, repeats and
 * what is sent on as own, in random draws of who, when, by what proof and in what order, in worlds with an activity
 * beside.  README.md, Evidence.
 */
#include <math.h>

#include "unit/joint/joint_rig.h"

#define ONE "192.0.2.7"
#define TWO "198.51.100.9"
#define DRAWS 300
#define SIGHTS 96

/* xorshift: the same draws each time. */
static uint32_t
draw(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 33) % below;
}

/* Somebody's own sight of a host of his in contact with a server. */
static struct joint_sighting
sight(uint64_t *seed, unsigned who, const char *addr, enum cc_proof proof, unsigned n)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = numbered("cert.", who),
	    .sensor = keep("s1"), .kind = CC_KIND_ADDR, .value = keep(addr), .key = keep(addr), .count = 1,
	    .proof = proof, .clock_error = draw(seed, 4) > 0 ? 0.1 * draw(seed, 50) : -1, .completeness = 80,
	    .hops = 255, .port = 443, .attacker = keep(addr), .rule = keep("1:3000001:1"), .ja4 = keep("t12d_one"),
	    .tlp = CC_TLP_AMBER};

	s.first = s.last = (DAY0 + draw(seed, 4 * 3600)) * NS_PER_S;
	s.loss = draw(seed, 3) * 0.1;
	s.victim = numbered("victim", n);
	return s;
}

enum echo { RELAY, COPY, ANSWERED, REPEAT, PARROTED, ECHOES };

/* What others, or the same one, make of that sight. */
static struct joint_sighting
echo_of(uint64_t *seed, struct joint_sighting of, enum echo kind, unsigned who, unsigned n)
{
	struct joint_sighting s = of;

	s.message = numbered("m", n);
	s.first = s.last = of.first + (60 + draw(seed, 40000)) * NS_PER_S;
	if (kind != REPEAT)
		s.organisation = numbered("cert.", who);
	if (kind == RELAY) {
		s.origin = JOINT_RELAY;
		s.origin_of = of.message;
		s.victim = slice_of(NULL, 0);
	} else if (kind == COPY) {
		s.attacker = s.victim = s.rule = s.ja4 = slice_of(NULL, 0);
		s.proof = draw(seed, 2) ? CC_PROOF_SPOOFABLE : of.proof;
	} else if (kind == ANSWERED) {
		s.origin = JOINT_ANSWER;
		s.victim = numbered("victim", n);
	} else if (kind == PARROTED) {
		s.victim = slice_of(NULL, 0);
	}
	return s;
}

struct found {
	double odds, witness; /* of a server, in the case that weighs it most; -INFINITY: in none */
	bool named;
};

static struct found
found_of(json_t *cases, const char *addr)
{
	struct found is = {-INFINITY, 0, false};
	json_t *one, *h;
	size_t i, k;

	json_array_foreach (cases, i, one) {
		const char *named = json_string_value(json_object_get(json_object_get(one, "answer"), "value"));

		is.named = is.named || (named != NULL && strcmp(named, addr) == 0);
		json_array_foreach (json_object_get(one, "hypotheses"), k, h) {
			const char *value =
			    json_string_value(json_object_get(json_object_get(h, "candidate"), "value"));
			double odds = json_number_value(json_object_get(h, "log_odds"));

			if (value != NULL && strcmp(value, addr) == 0 && odds > is.odds) {
				is.odds = odds;
				is.witness = json_number_value(json_object_get(h, "witness"));
			}
		}
	}
	return is;
}

/* In an order of its own. */
static json_t *
world_of(uint64_t *seed, const struct joint_sighting *s, unsigned count)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	unsigned order[SIGHTS];
	json_t *cases;

	for (unsigned i = 0; i < count; i++)
		order[i] = i;
	for (unsigned i = count; i > 1; i--) {
		unsigned k = draw(seed, i), was = order[i - 1];

		order[i - 1] = order[k];
		order[k] = was;
	}
	for (unsigned i = 0; i < count; i++)
		CHECK(joint_add(joint, &s[order[i]]) == CC_OK);
	cases = settled(joint);
	joint_free(joint);
	conf_free(conf);
	return cases;
}

static const enum cc_proof strong[] = {CC_PROOF_HANDSHAKE, CC_PROOF_DIALOGUE, CC_PROOF_KEYED};

/* One server seen once and echoed, another seen by two: same proof, one activity by the tool and perhaps the victim. */
TEST(echoes_never_outweigh_two)
{
	uint64_t seed = 0x2545f4914f6cdd1d;

	for (unsigned n = 0; n < DRAWS; n++) {
		struct joint_sighting s[SIGHTS];
		unsigned count = 0, echoes = n % 2 ? 5 : 50, kind = draw(&seed, ECHOES + 1);
		enum cc_proof proof = strong[draw(&seed, 3)];
		struct found one, two;
		json_t *cases;

		text_used = 0;
		s[count] = sight(&seed, 0, ONE, proof, count);
		count++;
		for (; count < 3; count++)
			s[count] = sight(&seed, count, TWO, proof, count);
		for (unsigned i = 0; i < 3; i++) {
			s[i].loss = 0;
			s[i].clock_error = 0.1;
			s[i].victim = i > 0 && draw(&seed, 2) ? s[0].victim : s[i].victim;
		}
		for (unsigned i = 0; i < echoes; i++, count++)
			s[count] = echo_of(&seed, s[0], (enum echo)(kind < ECHOES ? kind : draw(&seed, ECHOES)),
			    3 + draw(&seed, 60), count);
		cases = world_of(&seed, s, count);
		one = found_of(cases, ONE);
		two = found_of(cases, TWO);
		CHECK(one.witness < two.witness);
		CHECK(!one.named);
		json_decref(cases);
	}
}

/* Relays and copies, however many, leave the odds of what they repeat where they were, or lower; none else is named. */
TEST(an_echo_raises_nothing)
{
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned n = 0; n < DRAWS; n++) {
		struct joint_sighting s[SIGHTS];
		unsigned count = 0, own = 1 + draw(&seed, 8), echoes = n % 2 ? 5 : 50;
		struct found before[2], after[2];
		json_t *cases;

		text_used = 0;
		for (; count < own; count++)
			s[count] = sight(
			    &seed, draw(&seed, 4), draw(&seed, 3) ? TWO : ONE, strong[draw(&seed, 3)], count);
		cases = world_of(&seed, s, count);
		before[0] = found_of(cases, ONE);
		before[1] = found_of(cases, TWO);
		json_decref(cases);
		for (unsigned i = 0; i < echoes; i++, count++)
			s[count] = echo_of(
			    &seed, s[draw(&seed, own)], draw(&seed, 2) ? RELAY : COPY, draw(&seed, 60), count);
		cases = world_of(&seed, s, count);
		after[0] = found_of(cases, ONE);
		after[1] = found_of(cases, TWO);
		json_decref(cases);
		for (unsigned i = 0; i < 2; i++) {
			CHECK(after[i].witness <= before[i].witness + 1e-9 || before[i].odds < -1e9);
			CHECK(after[i].odds <= before[i].odds + 1e-9 || before[i].odds < -1e9);
			CHECK(after[i].named == before[i].named);
		}
	}
}

/* One who saw it by himself, and up to fifty who have it from him, in this way: no more than one word. */
static void
are_one_word(uint64_t seed, enum echo by)
{
	for (unsigned n = 0; n < 50; n++) {
		struct joint_sighting s[SIGHTS];
		unsigned count = 0, echoes = n % 2 ? 5 : 50;
		struct found is;
		json_t *cases;

		text_used = 0;
		s[count] = sight(&seed, 0, ONE, CC_PROOF_KEYED, count);
		for (count = 1; count <= echoes; count++)
			s[count] = echo_of(&seed, s[0], by, 1 + draw(&seed, 60), count);
		cases = world_of(&seed, s, count);
		is = found_of(cases, ONE);
		CHECK(is.witness > 0 && is.witness < 2 * 2.6 * 0.8);
		CHECK(!is.named);
		json_decref(cases);
	}
}

/* Answers are given because one asked: fifty of them weigh less than one who saw it by himself, and are no witness. */
TEST(answers_are_one_word)
{
	are_one_word(0x1234567, ANSWERED);
}

/* Who sends on all that he reads as his own has no victim, and is not the first: his word is the one that he read. */
TEST(what_is_sent_on_is_one_word)
{
	are_one_word(0x7654321, PARROTED);
}

/* One without a victim that was surely first, that says more than the other, or whose marking hides it, saw it by
 * himself. */
TEST(who_says_more_or_first_has_seen)
{
	for (unsigned n = 0; n < 4; n++) {
		uint64_t seed = 0x51f15ead;
		struct joint_sighting s[2];
		struct found is;
		json_t *cases;

		text_used = 0;
		for (unsigned i = 0; i < 2; i++) {
			s[i] = sight(&seed, i, ONE, CC_PROOF_KEYED, i);
			s[i].first = s[i].last = (DAY0 + 3600 + i * 60) * NS_PER_S;
			s[i].clock_error = 1;
			s[i].loss = 0;
		}
		s[1].victim = slice_of(NULL, 0);
		if (n == 1)
			s[1].first = s[1].last = s[0].first - 60 * NS_PER_S;
		if (n == 2)
			s[1].agent = keep("agent of its own");
		if (n == 3)
			s[1].tlp = CC_TLP_CLEAR;
		cases = world_of(&seed, s, 2);
		is = found_of(cases, ONE);
		CHECK(fabs(is.witness - (n == 0 ? 2.6 + 0.3 * 2.6 : 2 * 2.6)) < 1e-6);
		json_decref(cases);
	}
}

/* Whether an activity is aimed at few is one unknown: sixty who did not see it leave three who did with an answer. */
TEST(silence_of_many_is_bounded)
{
	for (unsigned silent = 1; silent <= 61; silent += 20) {
		uint64_t seed = 0xbada55;
		struct joint_sighting s[SIGHTS];
		unsigned count = 0;
		double each = log(1 - (1 - exp(-1)) / 6), all;
		struct found is;
		json_t *cases;

		text_used = 0;
		for (; count < 3 + silent; count++) {
			s[count] = sight(&seed, count, ONE, CC_PROOF_DIALOGUE, count);
			s[count].loss = 0;
			s[count].clock_error = 0.1;
			if (count < 3)
				continue;
			s[count].count = 0;
			s[count].victim = s[count].rule = s[count].ja4 = slice_of(NULL, 0);
			s[count].last = s[count].first + 24 * 3600 * NS_PER_S;
		}
		all = silent * each > -2 ? silent * each : -2;
		cases = world_of(&seed, s, count);
		is = found_of(cases, ONE);
		CHECK(fabs(is.witness - (3 * 1.9 + all)) < 1e-6);
		CHECK(is.named);
		json_decref(cases);
	}
}

TESTS(T(echoes_never_outweigh_two), T(an_echo_raises_nothing), T(answers_are_one_word), T(what_is_sent_on_is_one_word),
    T(who_says_more_or_first_has_seen), T(silence_of_many_is_bounded))
