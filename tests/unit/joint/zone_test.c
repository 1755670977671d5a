/* Names below one registrable domain, each seen once: the zone is the candidate, where it is one thing's alone. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit/joint/joint_rig.h"

/* A host of one of three organisations that its own resolver gave an answer to: no address of anybody is seen. */
static struct joint_sighting
asked(unsigned n, const char *domain)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = numbered("cert.", n % 3),
	    .sensor = keep("s1"), .count = 1, .clock_error = 0.1, .completeness = 80, .hops = 255,
	    .kind = CC_KIND_DOMAIN, .proof = CC_PROOF_DIALOGUE, .rule = keep("1:2034567:1"),
	    .rule_class = keep("trojan-activity")};

	s.first = s.last = (DAY0 + n * 60) * NS_PER_S;
	s.victim = numbered("victim", n % 3);
	s.domain = s.value = s.key = keep(domain);
	return s;
}

struct world {
	const char *below, *class; /* class: NULL: a host's own doing */
	const char *suffixes;      /* NULL: no file of them */
	enum cc_proof proof;
	unsigned same;             /* of twelve sights, that are of one name */
	const char *named;         /* by a notice that comes when the case is there; NULL: none does */
	unsigned others;           /* things that have nothing to do with it, with names there, too */
};

/* Things of their own, each with a server and a key that two organisations saw. */
static void
add_others(struct joint *joint, const struct world *is)
{
	for (unsigned i = 0; i < 2 * is->others; i++) {
		char domain[64];
		struct joint_sighting s;

		snprintf(domain, sizeof(domain), "other%u.%s", i, is->below);
		s = asked(100 + i, domain);
		s.first = s.last = (DAY0 + 200000 + i / 2 * 90000) * NS_PER_S;
		s.rule = numbered("1:77:", i / 2);
		s.victim = numbered("elsewhere", i);
		s.attacker = numbered("198.51.100.", 1 + i / 2);
		s.cert = numbered("c0de", 10 + i / 2);
		s.proof = CC_PROOF_KEYED;
		s.port = 443;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
}

static json_t *
cases_of(const struct world *is)
{
	struct conf *conf = conf_new();
	struct joint *joint;
	json_t *cases;
	char path[] = "/tmp/zone_test.XXXXXX", set[100], *why = NULL;
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	text_used = 0;
	if (is->suffixes != NULL)
		CHECK(write(fd, is->suffixes, strlen(is->suffixes)) == (ssize_t)strlen(is->suffixes));
	snprintf(set, sizeof(set), "partners.suffixes=%s", is->suffixes != NULL ? path : "");
	CHECK(conf_set(conf, set, &why) == CC_OK);
	joint = joint_new(conf);
	for (unsigned n = 0; n < 12; n++) {
		char domain[64];
		struct joint_sighting s;

		snprintf(domain, sizeof(domain), "n%u.%s", n < is->same ? 0 : n, is->below);
		s = asked(n, domain);
		s.proof = is->proof;
		if (is->class != NULL)
			s.rule_class = keep(is->class);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	add_others(joint, is);
	cases = settled(joint);
	if (is->named != NULL) {
		struct joint_word warning = {.organisation = slice_str("cert.e"), .time = 7, .notice = true,
		    .tlp = CC_TLP_CLEAR, .text = {slice_str("n1"), slice_str("t"), slice_str(is->named)}};

		json_decref(cases);
		CHECK(joint_heard(joint, &warning) == CC_OK);
		cases = settled(joint);
	}
	joint_free(joint);
	conf_free(conf);
	close(fd);
	unlink(path);
	return cases;
}

static json_t *
answer_of(json_t *cases)
{
	return json_object_get(json_array_get(cases, 0), "answer");
}

static const char *
word(json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

/* Three organisations, four names each: 1.615 (1 + 0.3 + 0.09 + 0.027) each; 2 ln 1.05, and 1 less for a zone. */
TEST(zone_by_hand)
{
	json_t *cases = cases_of(&(struct world){.below = "tunnel.example", .proof = CC_PROOF_DIALOGUE}), *top;
	double odds = 3 * 1.615 * 1.417 + 2 * log(1.05) - 1;

	CHECK_UINT(json_array_size(cases), 1);
	CHECK_TEXT(word(answer_of(cases), "verdict"), "source");
	CHECK_TEXT(word(answer_of(cases), "kind"), "domain");
	CHECK_TEXT(word(answer_of(cases), "value"), "tunnel.example");
	CHECK(json_is_true(json_object_get(answer_of(cases), "zone")));
	top = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0);
	CHECK(fabs(json_number_value(json_object_get(top, "log_odds")) - odds) < 1e-6);
	CHECK(json_is_true(json_object_get(json_object_get(top, "candidate"), "zone")));
	json_decref(cases);
}

/* A notice that names a zone is told of a case that does, and of no case that names a host of it. */
TEST(notice_of_a_zone)
{
	for (unsigned same = 0; same <= 11; same += 11) {
		json_t *cases = cases_of(&(struct world){.below = "tunnel.example", .proof = CC_PROOF_DIALOGUE,
		    .same = same, .named = "domain:tunnel.example"});

		CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "notices")), same == 0);
		json_decref(cases);
	}
}

/* A name that most of it has is the answer, and no zone; a tenant's names below a platform are his. */
TEST(hosts_and_tenants)
{
	json_t *cases = cases_of(&(struct world){.below = "tunnel.example", .proof = CC_PROOF_DIALOGUE, .same = 11});

	CHECK_TEXT(word(answer_of(cases), "value"), "n0.tunnel.example");
	CHECK(json_object_get(answer_of(cases), "zone") == NULL);
	json_decref(cases);
	cases = cases_of(&(struct world){.below = "mine.workers.dev", .proof = CC_PROOF_DIALOGUE});
	CHECK_TEXT(word(answer_of(cases), "value"), "mine.workers.dev");
	json_decref(cases);
	/* A short name below a country's is no registry's word. */
	for (unsigned i = 0; i < 3; i++) {
		static const char *const below[] = {"abc.de", "mine.co.uk", "mine.go.jp"};

		cases = cases_of(&(struct world){.below = below[i], .proof = CC_PROOF_DIALOGUE});
		CHECK_TEXT(word(answer_of(cases), "value"), below[i]);
		json_decref(cases);
	}
}

/* Three each see another tenant at one address: a platform's own server, or one that a tenant's name leads to. */
TEST(where_a_platform_answers)
{
	static const char *const below[] = {"pages.dev", "duckdns.org"};

	for (unsigned i = 0; i < 2; i++) {
		struct conf *conf;
		struct joint *joint = fresh_joint(&conf);
		json_t *cases;

		for (unsigned n = 0; n < 6; n++) {
			char domain[64];
			struct joint_sighting s;

			snprintf(domain, sizeof(domain), "xkqzvbnm%u.%s", n % 3, below[i]);
			s = asked(n, domain);
			s.attacker = keep("192.0.2.7");
			s.ja4 = keep("t12d_tool");
			CHECK(joint_add(joint, &s) == CC_OK);
		}
		cases = ended(conf, joint);
		CHECK_UINT(json_array_size(cases), 1);
		CHECK_TEXT(word(answer_of(cases), "value"), i == 0 ? "" : "192.0.2.7");
		json_decref(cases);
	}
}

/* What anybody can say, a flood's victim, a registry's names, and what others have names in. */
TEST(no_zone)
{
	static const struct world is[] = {{.below = "tunnel.example", .proof = CC_PROOF_SPOOFABLE},
	    {.below = "bank.example", .class = "attempted-dos", .proof = CC_PROOF_DIALOGUE},
	    {.below = "tenants.example", .suffixes = "// a list\nexample\ntenants.example\n",
		.proof = CC_PROOF_DIALOGUE},
	    {.below = "town.example", .suffixes = "*.example\n", .proof = CC_PROOF_DIALOGUE},
	    {.below = "popular.example", .proof = CC_PROOF_DIALOGUE, .others = 1},
	    {.below = "popular.example", .proof = CC_PROOF_DIALOGUE, .others = 6}};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		json_t *cases = cases_of(&is[i]), *one;
		size_t k;

		json_array_foreach(cases, k, one)
			CHECK(json_object_get(json_object_get(one, "answer"), "zone") == NULL);
		json_decref(cases);
	}
}

/* With the list's exception the same is somebody's. */
TEST(exception_of_the_list)
{
	json_t *cases = cases_of(&(struct world){
	    .below = "town.example", .suffixes = "*.example\n!town.example\n", .proof = CC_PROOF_DIALOGUE});

	CHECK_TEXT(word(answer_of(cases), "value"), "town.example");
	json_decref(cases);
}

/* A list that can't be held: no case is told as if there were none, and it is tried once, not for each zone. */
TEST(endless_list)
{
	struct conf *conf = conf_new();
	struct joint *joint;
	char path[] = "/tmp/zone_test.XXXXXX", set[100], *why = NULL;
	FILE *file = fdopen(mkstemp(path), "w");
	struct buf out;
	struct json json;

	CHECK(file != NULL);
	for (unsigned i = 0; i < 100001; i++)
		fprintf(file, "a%u.example\n", i);
	fclose(file);
	snprintf(set, sizeof(set), "partners.suffixes=%s", path);
	CHECK(conf_set(conf, set, &why) == CC_OK);
	text_used = 0;
	joint = joint_new(conf);
	for (unsigned n = 0; n < 12; n++) {
		char domain[64];
		struct joint_sighting s;

		snprintf(domain, sizeof(domain), "n%u.town.example", n);
		s = asked(n, domain);
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	CHECK(joint_settle(joint) == CC_OK && joint_cases(joint) > 0);
	buf_open(&out, 1u << 20);
	json = json_into(&out);
	for (size_t i = 0; i < joint_cases(joint); i++)
		CHECK(joint_case_json(joint, i, &json, NULL) == CC_NOMEM);
	buf_close(&out);
	joint_free(joint);
	conf_free(conf);
	unlink(path);
}

TESTS(T(notice_of_a_zone), T(zone_by_hand), T(hosts_and_tenants), T(where_a_platform_answers), T(no_zone),
    T(exception_of_the_list), T(endless_list))
