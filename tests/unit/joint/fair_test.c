/* What worlds of others taught: what observes and what accuses, who takes turns, whose name it is.  README.md. */
#include "unit/joint/joint_rig.h"

#include <math.h>

static const char *const who[] = {"cert.a", "cert.b", "cert.c", "cert.d", "cert.e"};
static unsigned sights;

static struct joint_sighting
sight(unsigned organisation, const char *addr, uint64_t second)
{
	struct joint_sighting s = {.message = numbered("m", sights), .organisation = keep(who[organisation]),
	    .sensor = keep("s1"), .kind = CC_KIND_ADDR, .value = keep(addr), .key = keep(addr),
	    .first = (DAY0 + second) * NS_PER_S, .last = (DAY0 + second) * NS_PER_S, .count = 1,
	    .proof = CC_PROOF_DIALOGUE, .clock_error = 0.1, .completeness = 80, .hops = 255, .port = 443,
	    .tlp = CC_TLP_GREEN, .attacker = keep(addr)};

	s.victim = numbered(who[organisation], sights++);
	return s;
}

static void
called(struct joint_sighting *s, const char *domain, const char *class)
{
	s->domain = keep(domain);
	s->rule_class = keep(class);
}

static const char *
verdict(json_t *cases, size_t i, const char *word)
{
	const char *text = json_string_value(
	    json_object_get(json_object_get(json_array_get(cases, i), "answer"), word));

	return text != NULL ? text : "";
}

/* Five organisations' miners: all call one pool that a rule observes, and got their file from one server. */
static json_t *
mined(const char *class)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 5; i++) {
		struct joint_sighting s = sight(i, "192.0.2.7", i * 4000), pool;

		s.file = keep("f1");
		s.rule_class = keep("trojan-activity");
		CHECK(joint_add(joint, &s) == CC_OK);
		for (unsigned k = 0; k < 2; k++) {
			char addr[] = {'1', '9', '8', '.', '5', '1', '.', '1', '0', '0', '.', (char)('1' + k), '\0'};

			pool = sight(i, addr, i * 4000 + 60 + k);
			pool.victim = s.victim;
			pool.file = keep("f1");
			called(&pool, "pool.example", class);
			CHECK(joint_add(joint, &pool) == CC_OK);
		}
	}
	cases = ended(conf, joint);
	return cases;
}

TEST(what_a_rule_observes_is_not_accused)
{
	json_t *cases = mined("policy-violation");

	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
	cases = mined("trojan-activity");
	CHECK_TEXT(verdict(cases, 0, "value"), "pool.example");
	json_decref(cases);
}

/* Two got their file from one server; two more only saw that the pool was called, which says nothing of the server. */
TEST(who_only_observes_has_no_part)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases, *agreement;

	for (unsigned i = 0; i < 12; i++) {
		struct joint_sighting s = sight(i % 4, i < 2 ? "192.0.2.7" : "198.51.100.9", i * 600);

		s.file = keep("f1");
		if (i >= 2)
			called(&s, "pool.example", "policy-violation");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	agreement = json_object_get(
	    json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0), "agreement");
	CHECK_UINT(json_array_size(agreement), 2);
	json_decref(cases);
}

/* Two saw a server's key used, each once; by rules that observe, or that accuse. */
static double
confidence_of(const char *first, const char *second)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;
	double is = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct joint_sighting s = sight(i, "192.0.2.7", i * 4000);

		s.cert = keep("c1");
		s.proof = CC_PROOF_KEYED;
		s.rule_class = keep(i == 0 ? first : second);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	if (strcmp(verdict(cases, 0, "verdict"), "source") == 0)
		is = json_number_value(json_object_get(
		    json_object_get(json_array_get(cases, 0), "answer"), "confidence"));
	json_decref(cases);
	return is;
}

TEST(who_observes_is_a_witness_of_what_another_accuses)
{
	double both = confidence_of("trojan-activity", "trojan-activity"), one;

	one = confidence_of("trojan-activity", "misc-activity");
	CHECK(one >= 0.5 && one < both);
	CHECK(confidence_of("misc-activity", "misc-activity") <= 0);
}

/* Who of five leaves files at a service; three clean hosts of each of bystanders organisations, from the first on, or
 * of others that accuse nobody, call it, too. */
static json_t *
stored(unsigned accusers, unsigned first, unsigned bystanders, const char *rule)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	for (unsigned i = 0; i < accusers; i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct joint_sighting s = sight(i, "192.0.2.7", i * 4000 + k);

			s.file = keep("f1");
			s.rule = keep("2000001");
			called(&s, "files.example", "trojan-activity");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	for (unsigned i = first; i < first + bystanders; i++) {
		for (unsigned k = 0; k < 3; k++) {
			struct joint_sighting s = sight(i, "192.0.2.7", 50000 + i * 7000 + k * 900);

			s.rule = keep(rule);
			called(&s, "files.example", "misc-activity");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	return ended(conf, joint);
}

TEST(what_bystanders_use_is_nobodys)
{
	json_t *cases = stored(4, 0, 0, "2000002");

	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
	cases = stored(4, 0, 4, "2000002");
	CHECK_TEXT(verdict(cases, 0, "verdict"), "cannot say");
	json_decref(cases);
	/* It is the class that says so. */
	cases = stored(4, 0, 4, "");
	CHECK_TEXT(verdict(cases, 0, "verdict"), "cannot say");
	json_decref(cases);
	/* Who accuses nobody of it may have no rule for it. */
	cases = stored(3, 3, 2, "2000002");
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
	/* One organisation's hosts make it nobody's. */
	cases = stored(4, 0, 1, "2000002");
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
}

/* Bystanders' hosts are accused of something else later: settled each time, or once. */
static json_t *
doubted(bool each)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	sights = 0;
	for (unsigned i = 0; i < 32; i++) {
		struct joint_sighting s = sight(i % 4, i < 24 ? "192.0.2.7" : "198.51.100.1", i * 900);
		char host[] = {'h', (char)('a' + (i < 24 ? i : i - 16)), '\0'};

		s.victim = keep(host);
		s.rule = keep(i < 8 ? "2000001" : i < 24 ? "2000002" : i < 28 ? "2000003" : "2000004");
		s.rule_class = keep(i < 8 || i >= 28 ? "trojan-activity" : "misc-activity");
		s.file = i < 8 ? keep("f1") : s.file;
		CHECK(joint_add(joint, &s) == CC_OK);
		if (each)
			json_decref(settled(joint));
	}
	return ended(conf, joint);
}

TEST(a_bystander_accused_later_is_none)
{
	json_t *each = doubted(true), *once = doubted(false);

	CHECK(json_equal(each, once));
	CHECK(json_array_size(once) > 0);
	json_decref(each);
	json_decref(once);
}

/* Five organisations' hosts with one program call an address: all see it, by a rule that observes or accuses. */
static json_t *
met(const char *class)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	for (unsigned i = 0; i < 20; i++) {
		struct joint_sighting s = sight(i % 5, "192.0.2.7", i * 4000);

		s.file = keep("f1");
		s.proof = CC_PROOF_KEYED;
		s.rule_class = keep(class);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	return ended(conf, joint);
}

TEST(what_nobody_accuses_is_no_source)
{
	json_t *cases = met("trojan-activity");

	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
	cases = met("misc-activity");
	CHECK_TEXT(verdict(cases, 0, "verdict"), "cannot say");
	json_decref(cases);
}

/* One of six that take turns: seen by all, and no more the source than the others. */
TEST(one_of_many_that_take_turns)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases, *top;
	bool told = false;

	for (unsigned i = 0; i < 5; i++) {
		for (unsigned k = 0; k < 6; k++) {
			char addr[] = {'1', '9', '2', '.', '0', '.', (char)('2' + k), '.', '7', '\0'};
			struct joint_sighting s = sight(i, addr, i * 4000 + k * 100);

			if (k > 0 && (i + k) % 2 == 0)
				continue;
			s.file = keep("f1");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "verdict"), "cannot say");
	top = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0);
	for (size_t i = 0; i < json_array_size(json_object_get(json_array_get(cases, 0), "hypotheses")); i++) {
		json_t *part, *h = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), i);
		size_t n;

		json_array_foreach(json_object_get(h, "parts"), n, part)
			told = told || strcmp(json_string_value(json_object_get(part, "why")),
					   "others take turns with it") == 0;
	}
	CHECK(told && top != NULL);
	json_decref(cases);
}

/* A hacked site of a partner: its name is as much a victim as its address. */
TEST(a_name_in_a_partners_network)
{
	static const struct {
		bool home;
		unsigned at_home, elsewhere;
	} row[] = {{false, 3, 0}, {true, 3, 0}, {true, 3, 1}, {true, 2, 2}};

	for (unsigned r = 0; r < sizeof(row) / sizeof(row[0]); r++) {
		bool home = row[r].home && row[r].elsewhere < 2; /* one's word that it is elsewhere, too, is none */
		struct conf *conf = conf_new();
		struct joint *joint = joint_new(conf);
		json_t *cases;

		if (row[r].home)
			CHECK(joint_home(joint, "cert.e", "192.0.2.0/24") == CC_OK);
		for (unsigned i = 0; i < row[r].at_home + row[r].elsewhere; i++) {
			struct joint_sighting s =
			    sight(i, i < row[r].at_home ? "192.0.2.7" : "198.51.100.9", i * 4000);

			called(&s, "www.paper.example", "trojan-activity");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = settled(joint);
		CHECK_TEXT(verdict(cases, 0, "verdict"), home ? "cannot say" : "source");
		if (home)
			CHECK_TEXT(verdict(cases, 0, "leaning"), "relayed");
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

static size_t
cases_of(const char *const *domain, unsigned count, const char *agent)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;
	size_t found;

	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < 2; k++) {
			char addr[] = {'1', '9', '2', '.', '0', '.', (char)('1' + i), '.', '7', '\0'};
			struct joint_sighting s = sight((i + k) % 5, addr, i * 300 + k * 60);

			called(&s, domain[i], "trojan-activity");
			s.agent = keep(agent);
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = ended(conf, joint);
	found = json_array_size(cases);
	json_decref(cases);
	return found;
}

TEST(tenants_of_a_platform)
{
	static const char *const tenants[] = {"loader.workers.dev", "shop.workers.dev"};
	static const char *const hosts[] = {"loader.one.example", "shop.one.example"};

	CHECK_UINT(cases_of(tenants, 2, "agent/1"), 2);
	CHECK_UINT(cases_of(hosts, 2, "agent/1"), 1);
}

/* Two that scan the same organisations: that a host of each was called from outside ties nothing. */
TEST(called_from_outside_is_no_tie)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 10; i++) {
		struct joint_sighting s = sight(i / 2, i % 2 ? "192.0.2.7" : "198.51.100.9", i * 60);

		s.client = true;
		s.rule = keep("1:2001219:1");
		s.stack = keep("64240:64:1:60");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
}

/* A server for a week, then others, all with one key: the key stays, though more saw the first address. */
TEST(of_two_names_the_one_that_stays)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 5; k++) {
			struct joint_sighting s =
			    sight(i, k < 3 ? "192.0.2.7" : "198.51.100.9", i * 4000 + k * 90000);

			if (k > 0) {
				s.cert = keep("c1");
				s.proof = CC_PROOF_KEYED;
			}
			CHECK(joint_add(joint, &s) == CC_OK);
		}
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "kind"), "cert-sha256");
	json_decref(cases);
}

/* A name that points elsewhere each time, looked up with nothing else to see, is one activity's, and its source. */
TEST(where_a_name_points_tells_nobody_apart)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 40; i++) {
		char addr[16];
		struct joint_sighting s;

		snprintf(addr, sizeof(addr), "192.%u.2.%u", i / 2, i / 2 + 1);
		s = sight(i % 4, addr, i * 4000);
		s.domain = keep("flux.example");
		if (i % 4 == 0)
			s.agent = keep("agent/1");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "value"), "flux.example");
	json_decref(cases);
}

/* A certificate that another's server shows without using its key is a copy, though it is what the sight is about. */
TEST(a_copied_certificate_is_not_meant)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 8; i++) {
		struct joint_sighting s = sight(i % 4, i < 4 ? "192.0.2.7" : "198.51.100.9", i * 4000);

		s.cert = keep("c1");
		s.proof = i < 4 ? CC_PROOF_DIALOGUE : CC_PROOF_KEYED;
		if (i < 4) {
			s.kind = CC_KIND_CERT_SHA256;
			s.value = s.key = s.cert;
		}
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 2);
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	json_decref(cases);
}

/* Another's hello and agent, and its certificate beside: who copies one copies all. */
TEST(who_copies_a_certificate_copies_a_tool)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 8; i++) {
		struct joint_sighting s = sight(i % 4, i < 4 ? "192.0.2.7" : "198.51.100.9", i / 4 * 9000 + i * 60);

		s.ja4 = keep("t12d000000_own");
		s.agent = keep("agent/1");
		s.cert = keep("c1");
		s.proof = i < 4 ? CC_PROOF_KEYED : CC_PROOF_DIALOGUE;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
}

/* Hello, agent and rule of another's tool, on the same day: copied, and no more. */
TEST(who_copies_a_tool_is_not_its_owner)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 8; i++) {
		struct joint_sighting s = sight(i % 4, i < 4 ? "192.0.2.7" : "198.51.100.9", i / 4 * 9000 + i * 60);

		s.ja4 = keep("t12d000000_own");
		s.agent = keep("agent/1");
		s.rule = keep("1:3000001:1");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 2);
	json_decref(cases);
}

/* Of two names of one thing one stays, however many looked in vain for either. */
TEST(silence_makes_no_rivals_of_names)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 5; i++) {
		struct joint_sighting s = sight(i, "192.0.2.7", i * 4000);

		called(&s, "control.example", "trojan-activity");
		s.proof = CC_PROOF_KEYED;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	for (unsigned i = 0; i < 60; i++) {
		struct joint_sighting s = {.message = numbered("n", i), .organisation = numbered("cert.silent.", i / 2),
		    .sensor = keep("s1"), .kind = i % 2 ? CC_KIND_DOMAIN : CC_KIND_ADDR,
		    .value = keep(i % 2 ? "control.example" : "192.0.2.7"), .first = DAY0 * NS_PER_S,
		    .last = (DAY0 + 3600) * NS_PER_S, .origin = JOINT_ANSWER, .clock_error = 0.1, .completeness = 80};

		s.key = s.value;
		if (i % 2)
			s.domain = s.value;
		else
			s.attacker = s.value;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "verdict"), "source");
	json_decref(cases);
}

/* Who is surely the first repeats nobody, though only his heartbeats say what his clock is worth. */
TEST(heartbeats_say_who_was_first)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	struct joint_heartbeat beat = {.from = DAY0 * NS_PER_S, .until = (DAY0 + 86400) * NS_PER_S, .clock_error = 0.1};
	json_t *cases;

	for (unsigned i = 0; i < 2; i++) {
		struct joint_sighting s = sight(i, "192.0.2.7", i * 4000);

		s.proof = CC_PROOF_KEYED;
		s.ja4 = keep("j1");
		s.clock_error = -1;
		if (i == 0)
			s.victim = slice_of(NULL, 0);
		CHECK(joint_add(joint, &s) == CC_OK);
		beat.organisation = slice_str(who[i]);
		CHECK(joint_watched(joint, &beat) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_UINT(json_integer_value(json_object_get(
		       json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0), "witnesses")),
	    2);
	json_decref(cases);
}

/* Devices by the dozen show their vendor's certificate, key and all; one server that does attacks. */
TEST(a_vendors_certificate_is_no_source)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned n = 0; n < 30; n++) {
		char addr[32];
		struct joint_sighting s;

		snprintf(addr, sizeof(addr), "198.51.%u.7", n);
		s = sight(n % 5, n < 20 ? addr : "192.0.2.7", n * 2000);
		s.proof = CC_PROOF_KEYED;
		s.cert = keep("vendor");
		s.ja3s = keep("its server");
		s.rule = keep(n < 20 ? "1:2045100:1" : "1:3000001:1");
		s.rule_class = keep(n < 20 ? "misc-activity" : "trojan-activity");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "sightings")), 10);
	json_decref(cases);
}

/* Three organisations; each finds the talk of one host of its own, or of three, with one address by three rules. */
static const char *
found_by_rules(bool one_host, json_t **ret_cases)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	for (unsigned i = 0; i < 9; i++) {
		struct joint_sighting s = sight(i % 3, "192.0.2.7", i * 4000);

		s.rule = i < 3 ? keep("1:3000001:1") : numbered("1:310000", i);
		s.victim = numbered("host", one_host ? i % 3 : i);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	*ret_cases = ended(conf, joint);
	return verdict(*ret_cases, 0, "verdict");
}

/* What one host has with an address is one matter, by however many rules; what three have may be three. */
TEST(rules_on_one_host_are_one_matter)
{
	json_t *cases;

	CHECK_TEXT(found_by_rules(true, &cases), "source");
	json_decref(cases);
	CHECK(strcmp(found_by_rules(false, &cases), "source") != 0);
	json_decref(cases);
}

/* One name at one address, by three organisations; one of them sees others there, or not. */
TEST(a_place_of_several_gives_way_to_its_name)
{
	for (unsigned doubt = 0; doubt < 2; doubt++) {
		struct conf *conf = conf_new();
		struct joint *joint = joint_new(conf);
		json_t *cases;

		for (unsigned i = 0; i < 12 + 2 * doubt; i++) {
			struct joint_sighting s = sight(i < 12 ? i % 3 : 0, "192.0.2.7", i * 4000);

			called(&s, i < 12 ? "bad.example" : i == 12 ? "shop.test" : "blog.test", "trojan-activity");
			s.rule = i < 12 ? keep("1:3000001:1") : numbered("1:200000", i);
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = ended(conf, joint);
		CHECK_TEXT(verdict(cases, 0, "value"), doubt ? "bad.example" : "192.0.2.7");
		json_decref(cases);
	}
}

/* Victims of a flood talk with one server: what the forged addresses say is nothing against it. */
TEST(a_flood_says_nothing_against_who_is_talked_with)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases, *top;

	for (unsigned i = 0; i < 30; i++) {
		bool flood = i >= 6;
		struct joint_sighting s = sight(i % 3, flood ? "" : "192.0.2.7", i * 60);

		s.victim = numbered("victim", i % 3);
		if (flood) {
			s.attacker = s.value = s.key = numbered("198.51.100.", i % 2);
			s.proof = CC_PROOF_SPOOFABLE;
			s.client = true;
			s.rule = keep("1:3200001:1");
		}
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "value"), "192.0.2.7");
	top = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0);
	top = json_array_get(json_object_get(top, "agreement"), 0);
	CHECK_UINT((unsigned)json_number_value(json_object_get(top, "of")),
	    (unsigned)json_number_value(json_object_get(top, "with")));
	json_decref(cases);
}

/* A host of cert.e's attacks three others; cert.e sees that, and a host of its own, this or another, call a server. */
static json_t *
attacks_and_calls(bool this_one)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);

	CHECK(joint_home(joint, "cert.e", "203.0.113.0/24") == CC_OK);
	for (unsigned i = 0; i < 12; i++) {
		struct joint_sighting s = sight(i < 6 ? i % 3 : 4, i < 6 ? "203.0.113.9" : "192.0.2.66", i * 900);

		s.client = i < 9;
		s.agent = i < 9 ? keep("agent-1") : slice_of(NULL, 0);
		s.rule = i < 9 ? keep("1:3000001:1") : numbered("1:310000", i);
		s.rule_class = keep("trojan-activity");
		if (i >= 6 && i < 9) {
			s.kind = CC_KIND_USER_AGENT;
			s.value = s.key = s.agent;
			s.attacker = s.victim = slice_of(NULL, 0);
			s.attacker_pseudonym = keep("host-1");
		} else if (i >= 9) {
			s.victim = keep(this_one ? "host-1" : "host-2");
			s.cert = keep("c1");
			s.proof = CC_PROOF_KEYED;
		}
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	return ended(conf, joint);
}

/* Whom a host talks with while it attacks others is behind that; whom another host talks with is not. */
TEST(who_talks_with_a_host_that_attacks)
{
	json_t *cases = attacks_and_calls(true);

	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(verdict(cases, 0, "value"), "c1");
	json_decref(cases);
	cases = attacks_and_calls(false);
	CHECK_UINT(json_array_size(cases), 2);
	for (unsigned i = 0; i < 2; i++)
		CHECK_TEXT(verdict(cases, i, "verdict"), "cannot say");
	json_decref(cases);
}

/* A name at a content network, that everybody visits with a hello and an agent of his own, and a tool of three. */
TEST(who_visits_a_popular_name_is_not_one)
{
	static const char *const front[] = {"192.0.2.7", "198.51.100.9", "203.0.113.5"};
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 26; i++) {
		struct joint_sighting s = sight(i % 5, front[i % 3], i * 3600);

		called(&s, "popular.example", i < 20 ? "misc-activity" : "trojan-activity");
		s.kind = CC_KIND_DOMAIN;
		s.value = s.key = s.domain;
		s.cert = keep("c1");
		s.proof = CC_PROOF_KEYED;
		s.ja4 = i < 20 ? numbered("t13d", i) : keep("t12d");
		s.agent = i < 20 ? numbered("browser", i) : slice_of(NULL, 0);
		s.rule = i < 20 ? numbered("1:200000", i) : keep("1:3000001:1");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		CHECK_TEXT(verdict(cases, i, "verdict"), "cannot say");
		CHECK(json_array_size(json_object_get(json_array_get(cases, i), "sightings")) <= 6);
	}
	json_decref(cases);
}

/* By one rule, a hello and an agent at an address of a client's. */
static struct joint_sighting
client_seen(unsigned i, const char *addr, const char *agent)
{
	struct joint_sighting s = sight(i % 4, addr, i * 30000);

	s.ja4 = keep("t12d000000_own");
	s.agent = keep(agent);
	s.rule = keep("1:3000001:1");
	s.client = true;
	return s;
}

static const char *
new_address(unsigned i)
{
	static char addr[20];

	snprintf(addr, sizeof(addr), "%u.%u.2.%u", 20 + i, i, i + 1);
	return addr;
}

/* How many cases there are of twelve sights of a hello at an address each; of one agent, or with one more each. */
static size_t
clients(unsigned agents, bool stays)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;
	size_t count;

	for (unsigned i = 0; i < 12; i++) {
		struct joint_sighting s = client_seen(i, new_address(i), i % agents ? "agent/2" : "agent/1");

		CHECK(joint_add(joint, &s) == CC_OK);
	}
	CHECK(joint_settle(joint) == CC_OK);
	/* Now others are seen there, too: the places are somebody's. */
	for (unsigned i = 0; i < 48 && stays; i++) {
		struct joint_sighting s = sight(i / 12, new_address(i % 12), 400000 + i * 100000);

		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	count = json_array_size(json_object_get(json_array_get(cases, 0), "sightings"));
	json_decref(cases);
	return count;
}

/* What ties it is the client: nobody else shows its hello, which comes with one agent, and its places come and go. */
TEST(one_client_behind_ever_new_addresses)
{
	CHECK_UINT(clients(1, false), 12);
	CHECK(clients(2, false) < 12);
	CHECK(clients(1, true) < 12);
}

/* One rule finds whoever tries what everybody tries, by one tool or another. */
TEST(what_everybody_tries_is_nobodys)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	json_t *cases;

	for (unsigned i = 0; i < 24; i++) {
		struct joint_sighting s = client_seen(i, new_address(i), i % 2 ? "agent/2" : "agent/1");

		s.ja4 = keep(i % 2 ? "t12d000000_other" : "t12d000000_own");
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 0);
	json_decref(cases);
}

/* One tool of three who have a server each, and of a few who have none. */
TEST(a_tool_of_several_is_nobodys)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	static const char *const server[] = {"192.0.2.7", "198.51.100.9", "203.0.113.5"};
	json_t *cases;

	for (unsigned i = 0; i < 30; i++) {
		struct joint_sighting s = client_seen(i, i < 12 ? new_address(i) : server[i % 3], "agent/1");

		s.cert = i < 12 ? slice_of(NULL, 0) : numbered("c", i % 3);
		s.proof = CC_PROOF_KEYED;
		s.client = false;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	cases = ended(conf, joint);
	CHECK_UINT(json_array_size(cases), 3);
	json_decref(cases);
}

TESTS(T(of_two_names_the_one_that_stays), T(who_copies_a_tool_is_not_its_owner),
    T(what_a_rule_observes_is_not_accused), T(who_only_observes_has_no_part),
    T(who_observes_is_a_witness_of_what_another_accuses),
    T(what_bystanders_use_is_nobodys), T(what_nobody_accuses_is_no_source),
    T(a_bystander_accused_later_is_none),
    T(one_of_many_that_take_turns), T(a_name_in_a_partners_network), T(tenants_of_a_platform),
    T(called_from_outside_is_no_tie), T(silence_makes_no_rivals_of_names), T(heartbeats_say_who_was_first),
    T(where_a_name_points_tells_nobody_apart), T(a_copied_certificate_is_not_meant),
    T(who_copies_a_certificate_copies_a_tool), T(a_vendors_certificate_is_no_source),
    T(rules_on_one_host_are_one_matter), T(a_place_of_several_gives_way_to_its_name),
    T(a_flood_says_nothing_against_who_is_talked_with), T(who_talks_with_a_host_that_attacks),
    T(who_visits_a_popular_name_is_not_one),
    T(one_client_behind_ever_new_addresses), T(what_everybody_tries_is_nobodys),
    T(a_tool_of_several_is_nobodys))
