/* One organisation that floods, bridges or repeats: what it may change, and what not.  README.md, One that lies. */
#include "unit/joint/joint_rig.h"

/* A victim of who in contact with a server, by name where domain is one. */
static struct joint_sighting
contact(const char *who, const char *addr, const char *domain, unsigned n)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = keep(who), .sensor = keep("s1"),
	    .kind = CC_KIND_ADDR, .value = keep(addr), .key = keep(addr), .first = (DAY0 + n * 60) * NS_PER_S,
	    .last = (DAY0 + n * 60) * NS_PER_S, .count = 1, .proof = CC_PROOF_KEYED, .clock_error = 0.1,
	    .completeness = 80, .hops = 255, .port = 443, .attacker = keep(addr), .rule = keep("1:3000001:1")};

	s.victim = numbered(who, n);
	s.domain = domain != NULL ? keep(domain) : slice_of(NULL, 0);
	return s;
}

struct world {
	struct conf *conf;
	struct joint *joint;
};

static struct world
fresh(void)
{
	struct conf *conf = conf_new();

	text_used = 0;
	return (struct world){conf, joint_new(conf)};
}

static void
done(struct world *w, json_t *cases)
{
	json_decref(cases);
	joint_free(w->joint);
	conf_free(w->conf);
}

/* What the case that has this message names; "": nothing. */
static const char *
named(json_t *cases, const char *message)
{
	size_t i, k;
	json_t *one, *id;

	json_array_foreach (cases, i, one) {
		json_array_foreach (json_object_get(one, "sightings"), k, id) {
			const char *value =
			    json_string_value(json_object_get(json_object_get(one, "answer"), "value"));

			if (strcmp(json_string_value(id), message) == 0)
				return value != NULL ? value : "";
		}
	}
	return "";
}

/* Does a case have both messages? */
static bool
are_one(json_t *cases, const char *a, const char *b)
{
	size_t i, k;
	json_t *one, *id;

	json_array_foreach (cases, i, one) {
		bool first = false, second = false;

		json_array_foreach (json_object_get(one, "sightings"), k, id) {
			first = first || strcmp(json_string_value(id), a) == 0;
			second = second || strcmp(json_string_value(id), b) == 0;
		}
		if (first && second)
			return true;
	}
	return false;
}

static void
add(struct world *w, struct joint_sighting s)
{
	CHECK(joint_add(w->joint, &s) == CC_OK);
}

static const char *const honest[] = {"cert.a", "cert.b", "cert.c"};

/* Three see one server; a fourth says of hundreds of unrelated names that they are there. */
static void
add_washed(struct world *w, unsigned from, unsigned until)
{
	for (unsigned n = from; n < until; n++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "tenant%u.example", n);
		add(w, n < 6 ? contact(honest[n % 3], "192.0.2.7", NULL, n)
			     : contact("cert.l", "192.0.2.7", domain, n));
	}
}

TEST(one_alone_makes_nothing_common)
{
	struct world w = fresh();
	json_t *cases;

	add_washed(&w, 0, 400);
	cases = settled(w.joint);
	for (unsigned n = 0; n < 6; n++) {
		char message[8];

		snprintf(message, sizeof(message), "m%u", n);
		CHECK(strcmp(named(cases, message), "192.0.2.7") == 0);
	}
	done(&w, cases);
}

/* Others say so, too: then it is. */
TEST(several_make_it_common)
{
	struct world w = fresh();
	json_t *cases;

	for (unsigned n = 0; n < 40; n++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "tenant%u.example", n);
		add(&w, contact(honest[n % 3], "192.0.2.7", domain, n));
	}
	cases = settled(w.joint);
	CHECK(strcmp(named(cases, "m0"), "192.0.2.7") != 0);
	done(&w, cases);
}

/* Who says, alone and first, that other names are at a server draws not to himself that others did not see it. */
TEST(not_seen_goes_where_most_saw_it)
{
	struct world w = fresh();
	json_t *cases, *one, *id;
	size_t i, k, found = 0;

	for (unsigned n = 0; n < 106; n++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "tenant%u.example", n);
		add(&w, n < 100 ? contact("cert.l", "192.0.2.7", domain, n)
				: contact(honest[n % 3], "192.0.2.7", NULL, n));
	}
	add(&w, (struct joint_sighting){.message = keep("not"), .organisation = keep("cert.d"), .sensor = keep("s1"),
		    .kind = CC_KIND_ADDR, .value = keep("192.0.2.7"), .key = keep("192.0.2.7"),
		    .first = DAY0 * NS_PER_S, .last = (DAY0 + 86400) * NS_PER_S, .attacker = keep("192.0.2.7"),
		    .origin = JOINT_ANSWER, .clock_error = -1, .hops = 255});
	cases = settled(w.joint);
	json_array_foreach (cases, i, one) {
		bool honest_saw = false, missed = false;

		json_array_foreach (json_object_get(one, "sightings"), k, id) {
			honest_saw = honest_saw || strcmp(json_string_value(id), "m100") == 0;
			missed = missed || strcmp(json_string_value(id), "not") == 0;
		}
		found += honest_saw && missed;
	}
	CHECK_UINT(found, 1);
	done(&w, cases);
}

/* What is sampled of a value with many nodes follows from the set. */
TEST(a_flood_in_any_order)
{
	struct world w = fresh();
	json_t *cases, *again;

	add_washed(&w, 0, 300);
	cases = settled(w.joint);
	joint_free(w.joint);
	conf_free(w.conf);
	w = fresh();
	for (unsigned from = 300; from > 0; from -= 50) {
		add_washed(&w, from - 50, from);
		CHECK(joint_settle(w.joint) == CC_OK);
	}
	again = settled(w.joint);
	CHECK(json_equal(cases, again));
	json_decref(cases);
	done(&w, again);
}

/* Two activities that each name a source; one organisation says that they are one. */
TEST(two_that_stand_are_not_joined_by_one)
{
	struct world w = fresh();
	json_t *cases;

	for (unsigned n = 0; n < 6; n++)
		add(&w, contact(honest[n % 3], "192.0.2.7", "one.example", n));
	for (unsigned n = 6; n < 12; n++)
		add(&w, contact(honest[n % 3], "198.51.100.9", "two.example", n));
	for (unsigned n = 12; n < 60; n++)
		add(&w, contact("cert.l", n % 2 ? "192.0.2.7" : "198.51.100.9", n % 3 ? "one.example" : "two.example",
			    n));
	cases = settled(w.joint);
	CHECK(strcmp(named(cases, "m0"), named(cases, "m6")) != 0);
	CHECK(strcmp(named(cases, "m0"), "192.0.2.7") == 0 || strcmp(named(cases, "m0"), "one.example") == 0);
	CHECK(strcmp(named(cases, "m6"), "198.51.100.9") == 0 || strcmp(named(cases, "m6"), "two.example") == 0);
	done(&w, cases);
}

/* Two say so: they are joined. */
TEST(two_that_stand_are_joined_by_two)
{
	struct world w = fresh();
	json_t *cases;

	for (unsigned n = 0; n < 6; n++)
		add(&w, contact(honest[n % 3], "192.0.2.7", "one.example", n));
	for (unsigned n = 6; n < 12; n++)
		add(&w, contact(honest[n % 3], "198.51.100.9", "two.example", n));
	add(&w, contact("cert.d", "192.0.2.7", "two.example", 12));
	add(&w, contact("cert.e", "192.0.2.7", "two.example", 13));
	cases = settled(w.joint);
	CHECK(json_array_size(cases) == 1);
	done(&w, cases);
}

/* One of two sides, with a certificate that is shown without its key, and a tool's answer: 6.2 with the hour, of which
 * all is had by who copies the tool. */
static struct joint_sighting
shown(const char *who, const char *addr, const char *domain, unsigned n)
{
	struct joint_sighting s = contact(who, addr, domain, n);

	s.proof = CC_PROOF_DIALOGUE;
	s.cert = keep("aa11");
	s.ja3s = keep("tool");
	s.rule = slice_of(NULL, 0);
	s.port = 0;
	return s;
}

/* In how many cases the two sides are, by cert.l's word that they are one; period: that both come with. */
static size_t
sides_left(const char *second, double period)
{
	struct world w = fresh();
	json_t *cases;
	size_t count;

	for (unsigned n = 0; n < 8; n++) {
		struct joint_sighting s = n < 2	  ? shown(honest[n], "192.0.2.7", "one.example", n)
					  : n < 4 ? shown(n == 2 ? "cert.c" : second, "198.51.100.9", "two.example", n)
						  : shown("cert.l", n % 2 ? "192.0.2.7" : "198.51.100.9",
							n % 3 ? "one.example" : "two.example", n);

		/* In place of the tool's answer. */
		if (period > 0) {
			s.ja3s = slice_of(NULL, 0);
			s.count = 20;
			s.period = period;
		}
		add(&w, s);
	}
	cases = settled(w.joint);
	count = json_array_size(cases);
	done(&w, cases);
	return count;
}

/* What lacks little to be one is one by somebody's word where one organisation alone sees a side of it; two that
 * several see are not. */
TEST(a_word_joins_what_one_alone_sees)
{
	CHECK_UINT(sides_left("cert.c", 300), 1);
	CHECK_UINT(sides_left("cert.d", 300), 2);
}

/* Two who have one tool, within the hour, are not one by a word: it counts with what can be copied. */
TEST(a_word_and_a_tool_join_nothing)
{
	CHECK_UINT(sides_left("cert.c", 0), 2);
}

/* One says that a name that three see leads to a partner's host; two say so. */
TEST(one_alone_moves_no_name_to_a_host)
{
	for (unsigned several = 0; several < 2; several++) {
		struct world w = fresh();
		json_t *cases;

		CHECK(joint_home(w.joint, "cert.h", "203.0.113.0/24") == CC_OK);
		for (unsigned n = 0; n < 12; n++) {
			bool lies = n >= 9 || (several && n >= 6);
			struct joint_sighting s =
			    contact(n < 9 ? honest[n % 3] : "cert.l", "203.0.113.9", "one.example", n);

			s.kind = CC_KIND_DOMAIN;
			s.value = s.key = s.domain;
			if (!lies)
				s.attacker = slice_of(NULL, 0);
			add(&w, s);
		}
		cases = settled(w.joint);
		CHECK((strcmp(named(cases, "m0"), "one.example") == 0) == !several);
		done(&w, cases);
	}
}

/* A second witness of a name counts where it led to the same network. */
TEST(a_name_in_two_places)
{
	static const struct {
		const char *second;
		bool named;
	} row[] = {{"192.0.2.7", true}, {"192.0.2.99", true}, {"203.0.113.5", false}};

	for (unsigned i = 0; i < 3; i++) {
		struct world w = fresh();
		json_t *cases;

		add(&w, contact("cert.a", "192.0.2.7", "one.example", 0));
		add(&w, contact("cert.l", row[i].second, "one.example", 1));
		cases = settled(w.joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK((named(cases, "m0")[0] != '\0') == row[i].named);
		done(&w, cases);
	}
}

/* A partner's host that attacks others (attacked: two), and calls a server: the partner sees both, the attack by a
 * pseudonym. */
static void
add_steered_of(struct world *w, const char *const attacked[2])
{
	CHECK(joint_home(w->joint, "cert.h", "203.0.113.0/24") == CC_OK);
	for (unsigned n = 0; n < 12; n++) {
		struct joint_sighting s = n < 6	  ? contact(attacked[n % 2], "203.0.113.9", NULL, n)
					  : n < 9 ? contact("cert.h", "192.0.2.66", NULL, n)
						  : contact("cert.h", "203.0.113.9", NULL, n);

		s.ja4 = keep("t13d_own");
		if (n >= 6)
			s.victim = keep("his host");
		if (n < 6 || n >= 9)
			s.agent = keep("agent-own");
		if (n >= 6 && n < 9)
			s.cert = keep("aa11");
		if (n >= 9) {
			s.kind = CC_KIND_USER_AGENT;
			s.value = s.key = s.agent;
			s.attacker_pseudonym = s.victim;
			s.attacker = s.victim = slice_of(NULL, 0);
		}
		add(w, s);
	}
}

static void
add_steered(struct world *w)
{
	add_steered_of(w, honest);
}

/* One server, of one witness; somebody says that it is all over the network. */
TEST(one_alone_spreads_no_network)
{
	struct world w = fresh();
	json_t *cases;

	for (unsigned n = 0; n < 40; n++) {
		struct joint_sighting s;
		char addr[32];

		snprintf(addr, sizeof(addr), "192.0.2.%u", n % 5 == 0 ? 7 : n);
		s = contact(n % 5 == 0 ? "cert.a" : "cert.l", addr, NULL, n);
		s.client = true;
		add(&w, s);
	}
	cases = settled(w.joint);
	CHECK(named(cases, "m0")[0] == '\0');
	done(&w, cases);
}

/* That the host attacks one alone says: then nobody is known to steer it. */
TEST(one_alone_makes_no_host_attack)
{
	static const char *const liar[] = {"cert.l", "cert.l"};
	struct world w = fresh();
	json_t *cases;

	add_steered_of(&w, liar);
	cases = settled(w.joint);
	CHECK(named(cases, "m6")[0] == '\0');
	done(&w, cases);
}

/* One other sees the server, too, by another rule. */
TEST(one_alone_pulls_nobody_from_his_host)
{
	for (unsigned other = 0; other < 2; other++) {
		struct world w = fresh();
		json_t *cases;

		add_steered(&w);
		for (unsigned n = 12; n < 12 + 3 * other; n++) {
			struct joint_sighting s = contact("cert.c", "192.0.2.66", NULL, n);

			s.ja4 = keep("t13d_own");
			s.cert = keep("aa11");
			s.rule = keep("1:77:1");
			add(&w, s);
		}
		cases = settled(w.joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK(strcmp(named(cases, "m0"), "192.0.2.66") == 0 || strcmp(named(cases, "m0"), "aa11") == 0);
		done(&w, cases);
	}
}

/* Somebody says that the server's certificate is where one other saw something else: it is his word that goes. */
TEST(a_bridge_from_a_host_that_is_steered)
{
	struct world w = fresh();
	json_t *cases;

	add_steered(&w);
	for (unsigned n = 12; n < 18; n++) {
		struct joint_sighting s = contact(n < 14 ? "cert.c" : "cert.l", "198.51.100.77", "two.example", n);

		s.rule = keep("1:77:1");
		if (n >= 14) {
			s.cert = keep("aa11");
			s.ja4 = keep("t13d_own");
		}
		add(&w, s);
	}
	cases = settled(w.joint);
	CHECK(strcmp(named(cases, "m0"), "192.0.2.66") == 0 || strcmp(named(cases, "m0"), "aa11") == 0);
	CHECK(!are_one(cases, "m0", "m12"));
	done(&w, cases);
}

/* Whoever's server his host's owner blames: that another saw it do something else does not make his word two. */
TEST(who_steers_is_one_word_whoever_saw_the_other)
{
	struct world w = fresh();
	json_t *cases, *answer;

	CHECK(joint_home(w.joint, "cert.h", "203.0.113.0/24") == CC_OK);
	for (unsigned n = 0; n < 12; n++) {
		struct joint_sighting s = n < 6	  ? contact(honest[n % 2], "203.0.113.9", NULL, n)
					  : n < 9 ? contact("cert.h", "192.0.2.66", NULL, n)
						  : contact("cert.c", "192.0.2.66", NULL, n);

		s.client = n >= 6;
		if (n < 9)
			s.agent = keep("agent-own");
		if (n >= 6)
			s.ja4 = keep("t13d_other");
		if (n >= 9)
			s.rule = keep("1:77:1");
		add(&w, s);
	}
	cases = settled(w.joint);
	CHECK_UINT(json_array_size(cases), 1);
	answer = json_object_get(json_array_get(cases, 0), "answer");
	CHECK(strcmp(named(cases, "m0"), "192.0.2.66") == 0);
	CHECK(json_real_value(json_object_get(answer, "confidence")) <= 0.75);
	done(&w, cases);
}

/* Three addresses of one name, which most tell without it; somebody says that the name is at many others, too. */
TEST(a_flood_of_a_name_leaves_it_the_name)
{
	static const char *const addr[] = {"192.0.2.7", "198.51.100.9", "203.0.113.5"},
				 *const teller[] = {"cert.d", "cert.e", "cert.f"};

	for (unsigned flood = 0; flood < 2; flood++) {
		struct world w = fresh();
		json_t *cases;

		for (unsigned n = 0; n < 9; n++)
			add(&w, contact(honest[n % 3], addr[n / 3], "one.example", n));
		for (unsigned n = 9; n < 69; n++)
			add(&w, contact(teller[n % 3], addr[n % 4 == 0], NULL, n));
		for (unsigned n = 70; n < 110 && flood; n++) {
			char other[32];

			snprintf(other, sizeof(other), "100.64.%u.7", n);
			add(&w, contact("cert.l", other, "one.example", n));
		}
		cases = settled(w.joint);
		CHECK(strcmp(named(cases, "m0"), "one.example") == 0);
		done(&w, cases);
	}
}

/* A made name at an address, by one agent and hello: 5.4 of the tool and 1.2 of how the name is made link two, as
 * neighbours; as groups they lack 0.4. */
static struct joint_sighting
made(const char *who, const char *addr, const char *domain, unsigned n)
{
	struct joint_sighting s = contact(who, addr, domain, n);

	s.agent = keep("tool/1");
	s.ja4 = keep("t12d_one");
	s.rule = slice_of(NULL, 0);
	s.port = 0;
	return s;
}

/* Between two such sights many of two other servers', by somebody else: they are neighbours all the same. */
TEST(a_flood_between_neighbours)
{
	for (unsigned flood = 0; flood < 2; flood++) {
		struct world w = fresh();
		json_t *cases;

		add(&w, made("cert.a", "192.0.2.7", "xkqzvbnmtr.net", 0));
		add(&w, made("cert.b", "198.51.100.9", "qwrtzpsdfg.net", 2880));
		for (unsigned n = 1; n < 40 && flood; n++)
			add(&w, made("cert.l", n % 2 ? "203.0.113.7" : "100.64.0.7", NULL, n));
		cases = settled(w.joint);
		CHECK(are_one(cases, "m0", "m2880"));
		done(&w, cases);
	}
}

/* ---- whose word it rests on ---- */

/* So many organisations with one sight each of one server. */
static json_t *
seen_by(struct world *w, unsigned organisations)
{
	static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d"};

	for (unsigned n = 0; n < organisations; n++)
		add(w, contact(who[n], "192.0.2.7", NULL, n));
	return settled(w->joint);
}

static const char *
verdict(const json_t *of)
{
	const char *is = json_string_value(json_object_get(json_object_get(of, "answer"), "verdict"));

	return is != NULL ? is : "";
}

/* Of two each is needed, and a case says so; of three nobody is. */
TEST(two_rest_on_each)
{
	for (unsigned witnesses = 2; witnesses <= 4; witnesses++) {
		struct world w = fresh();
		json_t *cases = seen_by(&w, witnesses), *one = json_array_get(cases, 0),
		       *rests = json_object_get(one, "rests_on");

		CHECK(strcmp(verdict(one), "source") == 0);
		CHECK_UINT(json_array_size(rests), witnesses == 2 ? 2 : 0);
		for (size_t i = 0; i < json_array_size(rests); i++) {
			json_t *r = json_array_get(rests, i);

			CHECK(strcmp(json_string_value(json_object_get(r, "organisation")), honest[i]) == 0);
			CHECK(strcmp(verdict(r), "cannot say") == 0);
			CHECK(json_object_get(json_array_get(json_object_get(r, "hypotheses"), 0), "for") == NULL);
		}
		done(&w, cases);
	}
}

/* Who does not want to take one organisation's word is told that nobody can say, and of whom it is. */
TEST(an_answer_that_has_to_stand)
{
	static const struct {
		const char *set;
		unsigned witnesses;
		const char *verdict;
		size_t rests;
	} row[] = {{"joint.stands_without=1", 2, "cannot say", 2}, {"joint.stands_without=1", 3, "source", 0},
	    {"joint.witnesses_min=3", 2, "cannot say", 0}, {"joint.witnesses_min=3", 3, "source", 3},
	    {"joint.witnesses_min=3", 4, "source", 0}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct world w = fresh();
		char *why = NULL;
		json_t *cases, *one;

		CHECK(conf_set(w.conf, row[i].set, &why) == CC_OK);
		cases = seen_by(&w, row[i].witnesses);
		one = json_array_get(cases, 0);
		CHECK(strcmp(verdict(one), row[i].verdict) == 0);
		CHECK_UINT(json_array_size(json_object_get(one, "rests_on")), row[i].rests);
		done(&w, cases);
	}
}

TESTS(T(one_alone_makes_nothing_common), T(several_make_it_common), T(not_seen_goes_where_most_saw_it),
    T(a_flood_in_any_order),
    T(two_that_stand_are_not_joined_by_one), T(two_that_stand_are_joined_by_two), T(a_word_joins_what_one_alone_sees),
    T(a_word_and_a_tool_join_nothing), T(one_alone_moves_no_name_to_a_host), T(one_alone_makes_no_host_attack),
    T(one_alone_spreads_no_network),
    T(a_name_in_two_places),
    T(one_alone_pulls_nobody_from_his_host), T(a_bridge_from_a_host_that_is_steered),
    T(who_steers_is_one_word_whoever_saw_the_other),
    T(a_flood_of_a_name_leaves_it_the_name),
    T(a_flood_between_neighbours), T(two_rest_on_each),
    T(an_answer_that_has_to_stand))
