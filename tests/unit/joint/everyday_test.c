/*
 * Hosts that are infected do what all hosts do, too: what everybody fetches is no stage of what a few have.  And many
 * candidates that are one thing under several names are no rivals of each other.
 */
#include "unit/joint/joint_rig.h"

#define HOUR ((uint64_t)3600 * NS_PER_S)

static struct joint_sighting
sight(unsigned n, unsigned who, unsigned host, double hours)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = numbered("cert.", who),
	    .sensor = keep("s1"), .count = 1, .clock_error = 0.1, .completeness = 80, .hops = 255};

	s.first = s.last = DAY0 * NS_PER_S + (uint64_t)(hours * (double)HOUR);
	s.victim = numbered("victim", who * 100 + host);
	return s;
}

static void
name(struct joint_sighting *s, const char *domain, const char *addr, uint16_t port, enum cc_proof proof)
{
	s->kind = CC_KIND_DOMAIN;
	s->value = s->domain = s->key = keep(domain);
	s->attacker = keep(addr);
	s->port = port;
	s->proof = proof;
}

/* Of so many organisations with so many hosts each, three have the tool; all fetch updates, this long before it. */
static json_t *
world_of(unsigned organisations, unsigned hosts, double before)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	unsigned n = 0;
	json_t *cases;

	text_used = 0;
	for (unsigned o = 0; o < organisations; o++) {
		for (unsigned h = 0; h < hosts; h++) {
			double infected = 80 + 3 * o + 0.5 * h;
			struct joint_sighting s = sight(n++, o, h, infected - before - (h < 3 ? 0 : 5 * h));

			name(&s, "updates.example", "192.0.2.80", 80, CC_PROOF_DIALOGUE);
			CHECK(joint_add(joint, &s) == CC_OK);
			if (h >= 3)
				continue;
			s = sight(n++, o, h, infected);
			name(&s, "control.example.net", "198.51.100.9", 443, CC_PROOF_KEYED);
			s.ja4 = keep("t12d_tool");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = settled(joint);
	joint_free(joint);
	conf_free(conf);
	return cases;
}

TEST(what_all_hosts_do_is_no_stage)
{
	json_t *cases = world_of(4, 12, 40);

	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
}

TEST(what_comes_just_before_on_all_is_one)
{
	json_t *cases = world_of(4, 3, 0.3);

	CHECK_UINT(json_array_size(cases), 1);
	json_decref(cases);
}

/* Two addresses that show one tool, each seen by six organisations, of whom so many report a name for both. */
static json_t *
two_addresses(unsigned named, double *ret_confidence)
{
	static const char *const addr[] = {"192.0.2.7", "198.51.100.9"};
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases, *answer;
	unsigned n = 0;

	text_used = 0;
	for (unsigned o = 0; o < 6; o++) {
		for (unsigned a = 0; a < 2; a++) {
			struct joint_sighting s = sight(n++, o, 0, 5 * o + a);

			name(&s, "control.example.net", addr[a], 443, CC_PROOF_KEYED);
			if (o >= named) {
				s.kind = CC_KIND_ADDR;
				s.value = s.key = s.attacker;
				s.domain = slice_of(NULL, 0);
			}
			s.ja4 = keep("t12d_tool");
			s.agent = keep("agent of its own");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(cases), 1);
	answer = json_object_get(json_array_get(cases, 0), "answer");
	*ret_confidence = json_number_value(json_object_get(answer, "confidence"));
	joint_free(joint);
	conf_free(conf);
	return cases;
}

static const char *
verdict(const json_t *cases)
{
	return json_string_value(
	    json_object_get(json_object_get(json_array_get(cases, 0), "answer"), "verdict"));
}

/* Some do not report names: all is one thing. */
TEST(addresses_of_one_name_are_no_rivals)
{
	double confidence;
	json_t *cases = two_addresses(2, &confidence);

	CHECK_TEXT(verdict(cases), "source");
	CHECK(confidence > 0.95);
	json_decref(cases);
}

/* Neither is behind what came from the other, however many saw it. */
TEST(who_takes_turns_is_not_sure)
{
	double confidence;
	json_t *cases = two_addresses(0, &confidence);

	CHECK(strcmp(verdict(cases), "source") != 0 || confidence < 0.8);
	json_decref(cases);
}

/* Four organisations, twelve hosts each: so many are attacked by one address, and so many call a server two days later,
 * or before (early of them). */
static json_t *
world_of_calls(unsigned attacked, unsigned calling, unsigned early)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	unsigned n = 0;

	text_used = 0;
	for (unsigned o = 0; o < 4; o++) {
		for (unsigned h = 0; h < 12; h++) {
			struct joint_sighting s = sight(n++, o, h, 60 + 3 * o + 0.5 * h);

			if (h < attacked) {
				s.kind = CC_KIND_ADDR;
				s.value = s.key = s.attacker = keep("203.0.113.7");
				s.client = true;
				s.proof = CC_PROOF_DIALOGUE;
				s.agent = keep("a tool");
				CHECK(joint_add(joint, &s) == CC_OK);
			}
			if (h >= calling)
				continue;
			s = sight(n++, o, h, (h < early ? 5 : 110) + 3 * o + 0.5 * h);
			name(&s, "control.example.net", "198.51.100.9", 443, CC_PROOF_DIALOGUE);
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	return ended(conf, joint);
}

TEST(who_is_attacked_and_calls_days_later_is_one)
{
	json_t *cases = world_of_calls(4, 3, 0);

	CHECK_UINT(json_array_size(cases), 1);
	json_decref(cases);
}

static void
check_two(json_t *cases)
{
	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
}

TEST(chance_is_no_break_in)
{
	check_two(world_of_calls(3, 12, 0)); /* all call it, few of them were attacked */
	check_two(world_of_calls(12, 2, 0)); /* all are attacked, few call */
	check_two(world_of_calls(4, 4, 1));  /* a quarter did before */
}

/* Two users of one tool, at the same time, with a server and victims each: the tool makes them none. */
TEST(one_tool_is_not_one_source)
{
	static const char *const addr[] = {"192.0.2.7", "198.51.100.9"};
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	text_used = 0;
	for (unsigned n = 0; n < 8; n++) {
		struct joint_sighting s = sight(n, n / 2, n % 2, 0.1 * n);

		s.kind = CC_KIND_ADDR;
		s.value = s.key = s.attacker = keep(addr[n % 2]);
		s.proof = CC_PROOF_KEYED;
		s.port = 443;
		s.ja4 = keep("t12d_tool");
		s.agent = keep("agent of its own");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	check_two(ended(conf, joint));
}

/* It calls a server with a certificate of its own, by this rule and this hello. */
static void
add_call(struct joint *joint, struct joint_sighting s, unsigned server, const char *class)
{
	s.kind = CC_KIND_ADDR;
	s.value = s.key = s.attacker = numbered("192.0.2.", 10 + server);
	s.cert = numbered("certificate", server);
	s.port = 443;
	s.proof = CC_PROOF_KEYED;
	s.rule = keep("1:3000001:1");
	s.rule_class = keep(class);
	s.ja4 = keep("t12d_tool");
	CHECK(joint_add(joint, &s) == CC_OK);
}

static size_t
cases_ended(struct conf *conf, struct joint *joint)
{
	json_t *cases = ended(conf, joint);
	size_t count = json_array_size(cases);

	json_decref(cases);
	return count;
}

/* Four organisations' hosts that call six servers by one rule in two weeks; or each server has hosts of its own. */
static size_t
cases_of_calls(bool same_hosts, const char *class)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	unsigned n = 0;

	for (unsigned o = 0; o < 4; o++) {
		for (unsigned i = 0; i < 6; i++)
			add_call(joint, sight(n++, o, same_hosts ? 0 : i, 50 * i + 9 * o), i, class);
	}
	return cases_ended(conf, joint);
}

TEST(what_one_rule_and_one_hello_find_at_one_host_is_one)
{
	CHECK_UINT(cases_of_calls(true, "trojan-activity"), 1);
	CHECK_UINT(cases_of_calls(false, "trojan-activity"), 6);
	CHECK_UINT(cases_of_calls(true, "misc-activity"), 6);
}

/* Where sixty others have rule and hello, too, and all that a host's calls share with anybody is it and these. */
TEST(what_is_common_elsewhere_links_at_one_host)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	unsigned n = 0;

	for (unsigned i = 0; i < 60; i++) {
		add_call(joint, sight(n++, i % 4, 10 + i, 2 * i), 10 + i, "trojan-activity");
		add_call(joint, sight(n++, (i + 1) % 4, 10 + i, 2 * i), 10 + i, "trojan-activity");
	}
	for (unsigned i = 0; i < 6; i++)
		add_call(joint, sight(n++, 0, 1, 20 * i), i, "trojan-activity");
	CHECK_UINT(cases_ended(conf, joint), 61);
}

TESTS(T(what_all_hosts_do_is_no_stage), T(what_comes_just_before_on_all_is_one), T(addresses_of_one_name_are_no_rivals),
    T(who_takes_turns_is_not_sure), T(who_is_attacked_and_calls_days_later_is_one), T(chance_is_no_break_in),
    T(one_tool_is_not_one_source), T(what_one_rule_and_one_hello_find_at_one_host_is_one),
    T(what_is_common_elsewhere_links_at_one_host))
