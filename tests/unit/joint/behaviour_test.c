/* What links by behaviour: periods, stages, networks.  All of it a function of the set.  README.md, Linking. */
#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"
#include "output/output.h"

#include <math.h>

static struct joint_sighting list[4096];
static size_t listed;
static const char *const who[] = {"cert.a", "cert.b", "cert.c"};

static struct joint_sighting *
sight(const char *organisation, const char *addr, uint64_t second)
{
	struct joint_sighting *s = &list[listed];

	*s = (struct joint_sighting){.message = numbered("m", (unsigned)listed), .organisation = keep(organisation),
	    .sensor = keep("s1"), .kind = CC_KIND_ADDR, .value = keep(addr), .key = keep(addr),
	    .first = (DAY0 + second) * NS_PER_S, .last = (DAY0 + second) * NS_PER_S, .count = 1,
	    .proof = CC_PROOF_DIALOGUE, .clock_error = 0.1, .completeness = 80, .hops = 255, .port = 443,
	    .tlp = CC_TLP_GREEN, .attacker = keep(addr)};
	s->victim = numbered(organisation, (unsigned)listed++);
	return s;
}

/* A day of one victim's beacons, each told by itself, or by a sensor that counts. */
static void
beacons(const char *organisation, const char *addr, uint64_t day, double period, bool counts)
{
	struct slice victim = numbered("victim", (unsigned)listed);
	uint64_t start = day * 86400 + 7000;

	for (unsigned n = 0; n < (counts ? 1 : 9); n++) {
		struct joint_sighting *s =
		    sight(organisation, addr, start + (uint64_t)(n * period * (n % 2 ? 1.01 : 1)));

		s->victim = victim;
		s->ja4 = keep("t12d000000_own");
		s->rule = keep("1:3000001:1");
		if (!counts)
			continue;
		s->count = 20;
		s->last = s->first + (uint64_t)(19 * period) * NS_PER_S;
		s->period = period;
		s->jitter = 0.01;
	}
}

static struct joint *
played(const struct conf *conf, unsigned step, bool bit_by_bit)
{
	struct joint *joint = joint_new(conf);

	/* step: prime to the number, so that all come. */
	for (size_t i = 0; i < listed; i++) {
		CHECK(joint_add(joint, &list[i * step % listed]) == CC_OK);
		if (bit_by_bit && i % 3 == 0)
			CHECK(joint_settle_some(joint) == CC_OK);
	}
	return joint;
}

/* In any order, all at once or bit by bit, twice: the same cases. */
static json_t *
same_in_any_order(const struct conf *conf)
{
	static const unsigned step[] = {1, 1009, 1, 2003};
	json_t *cases = NULL;

	for (unsigned i = 0; i < 4; i++) {
		struct joint *joint = played(conf, step[i], i >= 2);
		json_t *again = settled(joint);

		CHECK(cases == NULL || json_equal(cases, again));
		json_decref(cases);
		cases = again;
		joint_free(joint);
	}
	return cases;
}

static size_t
sightings_of(json_t *cases, size_t index)
{
	return json_array_size(json_object_get(json_array_get(cases, index), "sightings"));
}

TEST(period_links_where_addresses_move)
{
	struct conf *conf = conf_new();
	json_t *cases;

	listed = text_used = 0;
	for (unsigned day = 0; day < 6; day++) {
		char addr[32], other[32];

		snprintf(addr, sizeof(addr), "192.0.%u.7", 2 + day);
		snprintf(other, sizeof(other), "203.0.113.%u", 9 + day / 3);
		beacons(who[day % 3], addr, day, 1200, day % 2 == 0);
		beacons(who[(day + 1) % 3], addr, day, 1200, day % 2 == 1);
		/* Another's, with the same tool at another pace. */
		if (day % 3 == 0)
			for (unsigned k = 0; k < 3; k++)
				beacons(who[k], other, day, 3100, k == 0);
	}
	cases = same_in_any_order(conf);
	CHECK(json_array_size(cases) == 2);
	CHECK(sightings_of(cases, 0) + sightings_of(cases, 1) == 98);
	CHECK(sightings_of(cases, 0) == 60 || sightings_of(cases, 1) == 60);
	json_decref(cases);
	conf_free(conf);
}

/* In the float that nodes keep a tenth is a little more than 0.1: it is regular all the same, by all four steps. */
TEST(a_tenth_is_no_more_than_a_tenth)
{
	static const float jitter[] = {0.01F, 0.1F, 0.11F, 0.35F, 0.36F};
	static const unsigned steps[] = {4, 4, 2, 2, 0};

	for (unsigned i = 0; i < 5; i++) {
		struct node node = {.period = 1200, .jitter = jitter[i], .period_count = 20};
		struct feature_draft feature[RHYTHM_FEATURES];
		char room[RHYTHM_FEATURES][16];

		CHECK_UINT(rhythm_features(&node, feature, room), steps[i]);
	}
}

/* Without a period, the same tool at other addresses is not one activity. */
TEST(sights_at_random_have_no_period)
{
	struct conf *conf = conf_new();
	json_t *cases;

	listed = text_used = 0;
	for (unsigned day = 0; day < 4; day++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "192.0.%u.7", 2 + day);
		for (unsigned n = 0; n < 9; n++) {
			struct joint_sighting *s =
			    sight(who[day % 3], addr, day * 86400 + 3000 + n * n * n * 90 + (n * 7919 % 13) * 311);

			s->victim = numbered("victim", day);
			s->ja4 = keep("t12d000000_own");
			s->rule = keep("1:3000001:1");
		}
	}
	cases = same_in_any_order(conf);
	CHECK(json_array_size(cases) == 0);
	json_decref(cases);
	conf_free(conf);
}

/* Page and file share nothing with the control but the victim, and their order with other victims'. */
TEST(stages)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		struct conf *conf = conf_new();
		json_t *cases;

		listed = text_used = 0;
		for (unsigned v = 0; v < 6; v++) {
			static const enum cc_kind kind[] = {CC_KIND_URL, CC_KIND_FILE_SHA256, CC_KIND_DOMAIN};
			static const char *const class[] = {"web-application-attack", "trojan-activity", "beacon"};
			struct slice victim = numbered("victim", v);

			for (unsigned k = 0; k < 3; k++) {
				/* Else each victim's in another order. */
				unsigned at = in_order ? k : (k * (1 + v % 2) + v / 2) % 3;
				char addr[32];
				struct joint_sighting *s;

				snprintf(addr, sizeof(addr), "198.%u.%u.7", k == 2 ? 19 : 18, v);
				s = sight(who[v % 3], addr, v * 7200 + at * 300);
				s->kind = kind[k];
				s->value = s->key = numbered(k == 1 ? "hash" : "x.example/", v * 10 + k);
				if (k == 2)
					s->domain = s->value = keep("control.example");
				s->victim = victim;
				s->rule_class = keep(class[k]);
				s->rule = numbered("1:", 100 + v * 10 + k);
			}
		}
		cases = same_in_any_order(conf);
		CHECK(in_order ? sightings_of(cases, 0) == 18 : sightings_of(cases, 0) < 18);
		json_decref(cases);
		conf_free(conf);
	}
}

/* A network of its own is named; one with many tenants, or one that an address in it is most of, is not. */
TEST(networks)
{
	enum { OWN, TENANTS, ONE, MOSTLY, VARIANTS }; /* MOSTLY: one address, which one organisation saw, and later */

	for (int variant = 0; variant < VARIANTS; variant++) {
		struct conf *conf = conf_new();
		json_t *cases, *answer;
		const char *is;

		listed = text_used = 0;
		for (unsigned n = 0; n < 18; n++) {
			bool later = variant == MOSTLY && n >= 8;
			char addr[32];
			struct joint_sighting *s;

			snprintf(addr, sizeof(addr), "192.0.2.%u", later || (variant == ONE && n % 3) ? 7 : 20 + n);
			s = sight(who[later ? 2 : n % 3], addr, n * 3000);
			s->ja4 = keep("t12d000000_own");
			s->rule = keep("1:3000001:1");
		}
		for (unsigned n = 0; n < 14 && variant == TENANTS; n++) {
			char addr[32];
			struct joint_sighting *s;

			snprintf(addr, sizeof(addr), "192.0.2.%u", 100 + n);
			s = sight(who[n % 3], addr, n * 5000);
			s->domain = numbered("tenant.example.n", n);
		}
		cases = same_in_any_order(conf);
		answer = json_object_get(json_array_get(cases, 0), "answer");
		is = json_string_value(json_object_get(answer, "value"));
		if (variant == OWN)
			CHECK(is != NULL && strcmp(is, "192.0.2.0/24") == 0);
		else if (variant == ONE)
			CHECK(is != NULL && strcmp(is, "192.0.2.7") == 0);
		else
			CHECK(is == NULL);
		json_decref(cases);
		conf_free(conf);
	}
}

/* Of IPv6 it is called by the /64 that all of it is in, else by its /48; and the same without anybody. */
TEST(network_by_its_narrowest_name)
{
	for (unsigned parts = 1; parts <= 2; parts++) {
		struct conf *conf = conf_new();
		json_t *cases, *answer, *value;
		const char *is;

		listed = text_used = 0;
		for (unsigned n = 0; n < 18; n++) {
			char addr[48];
			struct joint_sighting *s;

			snprintf(addr, sizeof(addr), "2001:db8:7:%x::%x", 0x14 + n % parts, 0x100 + n);
			s = sight(who[n % 3], addr, n * 3000);
			s->ja4 = keep("t12d000000_own");
			s->rule = keep("1:3000001:1");
		}
		cases = same_in_any_order(conf);
		answer = json_object_get(json_array_get(cases, 0), "answer");
		is = json_string_value(json_object_get(answer, "value"));
		CHECK_TEXT(json_string_value(json_object_get(answer, "kind")), "prefix");
		CHECK_TEXT(is, parts == 1 ? "2001:db8:7:14::/64" : "2001:db8:7::/48");
		value = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0);
		CHECK_TEXT(json_string_value(json_object_get(json_object_get(value, "candidate"), "value")), is);
		json_decref(cases);
		conf_free(conf);
	}
}

/* An address of a network tries passwords, as do others everywhere, each by itself. */
static void
tries(const char *organisation, const char *addr, unsigned second, struct slice rule, const char *class)
{
	struct joint_sighting *s = sight(organisation, addr, second);

	s->client = true;
	s->port = 22;
	s->rule = rule;
	s->rule_class = keep(class);
	s->stack = keep("64240:64:1:60:M1460,S,T,N,W7");
}

/*
 * Many addresses of a network, which do one thing that others do everywhere, are one activity; not where a few do it,
 * where each does something else, where tenants are there, too, or where the rule only observes.
 */
TEST(networks_that_do_one_thing)
{
	enum { ONE_THING, FLOODED, FEW, MANY_THINGS, TENANTS, OBSERVED, SPREAD, VARIANTS };

	for (int variant = 0; variant < VARIANTS; variant++) {
		const char *class = variant == OBSERVED ? "misc-activity" : "attempted-recon", *is;
		struct conf *conf = conf_new();
		json_t *cases, *answer;
		char addr[32];

		listed = text_used = 0;
		for (unsigned n = 0; n < 48; n++) {
			unsigned at = n % (variant == FEW ? 3 : 16);

			snprintf(addr, sizeof(addr), variant == SPREAD ? "198.51.%u.9" : "192.0.2.%u", 20 + at);
			tries(who[n % 3], addr, n * 7000,
			    variant == MANY_THINGS ? numbered("1:31000", 10 + at) : keep("1:2001219"), class);
		}
		/* Elsewhere; known by what else they do. */
		for (unsigned n = 0; n < 120; n++) {
			snprintf(addr, sizeof(addr), "203.0.%u.7", n / 3);
			tries(who[n % 3], addr, n * 2900, keep("1:2001219"), class);
			list[listed - 1].domain = numbered("elsewhere.example.n", n / 3);
		}
		/* One alone says that all sorts of things come from there. */
		for (unsigned n = 0; n < 60 && variant == FLOODED; n++) {
			snprintf(addr, sizeof(addr), "192.0.2.%u", 100 + n);
			tries(who[2], addr, n * 5000, numbered("1:32000", n / 2), class);
		}
		for (unsigned n = 0; n < 14 && variant == TENANTS; n++) {
			snprintf(addr, sizeof(addr), "192.0.2.%u", 100 + n);
			sight(who[n % 3], addr, n * 5000)->domain = numbered("tenant.example.n", n);
		}
		cases = same_in_any_order(conf);
		answer = NULL;
		for (size_t i = 0; i < json_array_size(cases); i++) {
			if (sightings_of(cases, i) == 48)
				answer = json_object_get(json_array_get(cases, i), "answer");
		}
		is = json_string_value(json_object_get(answer, "value"));
		if (variant == ONE_THING || variant == FLOODED)
			CHECK(is != NULL && strcmp(is, "192.0.2.0/24") == 0);
		else
			CHECK(answer == NULL);
		json_decref(cases);
		conf_free(conf);
	}
}

/* What two saw of two addresses each is no one thing because a third says that others there do it, too. */
TEST(one_alone_makes_no_network)
{
	struct conf *conf = conf_new();
	json_t *cases;

	listed = text_used = 0;
	for (unsigned n = 0; n < 40; n++) {
		unsigned by = n % 4 == 3 ? 2 : n % 4 / 2;
		char addr[32];

		snprintf(addr, sizeof(addr), "192.0.2.%u", by == 2 ? 50 + n : 10 + n % 3);
		tries(who[by], addr, n * 7000 + n * n * 977 % 40000, keep("1:2001219"), "attempted-recon");
	}
	cases = same_in_any_order(conf);
	CHECK(json_array_size(cases) > 1);
	json_decref(cases);
	conf_free(conf);
}

static void
heartbeats(struct joint *joint, const char *organisation, double from_hour, double until_hour, bool backwards)
{
	unsigned count = (unsigned)((until_hour - from_hour) * 2);

	for (unsigned n = 0; n < count; n++) {
		double hour = from_hour + (backwards ? count - 1 - n : n) / 2.0;
		uint64_t from = DAY0 * NS_PER_S + (uint64_t)(hour * 3600) * NS_PER_S;
		struct joint_heartbeat h = {.organisation = keep(organisation), .from = from,
		    .until = from + 1800 * NS_PER_S - 1, .lost = 0.1, .clock_error = 0.5};

		CHECK(joint_watched(joint, &h) == CC_OK);
	}
}

/* The number of an item of this organisation, of the first hypothesis; NAN: it has none. */
static double
item_number(json_t *cases, const char *organisation, const char *list_name, const char *name)
{
	json_t *h = json_array_get(json_object_get(json_array_get(cases, 0), "hypotheses"), 0), *one;
	size_t i;

	json_array_foreach (json_object_get(h, list_name), i, one) {
		if (strcmp(json_string_value(json_object_get(one, "organisation")), organisation) == 0)
			return json_number_value(json_object_get(one, name));
	}
	return -1e9;
}

/* 'Not seen' by who was down is nothing; a sight that does not say its coverage has that of the heartbeats. */
TEST(heartbeats_tell_who_looked)
{
	json_t *before = NULL;

	for (int variant = 0; variant < 4; variant++) {
		struct conf *conf = conf_new();
		struct joint *joint = joint_new(conf);
		json_t *cases;

		listed = text_used = 0;
		if (variant == 3) {
			heartbeats(joint, "cert.d", 0, 10, true);
			heartbeats(joint, "cert.d", 40, 60, true);
			heartbeats(joint, "cert.a", 0, 60, false);
		}
		for (unsigned n = 0; n < 6; n++)
			(void)sight(who[n % 3], "192.0.2.7", 40000 + n * 5000);
		*sight("cert.d", "192.0.2.7", 43200) = (struct joint_sighting){.message = keep("negative"),
		    .organisation = keep("cert.d"), .sensor = keep("s1"), .kind = CC_KIND_ADDR,
		    .value = keep("192.0.2.7"), .key = keep("192.0.2.7"), .first = (DAY0 + 43200) * NS_PER_S,
		    .last = (DAY0 + 129600) * NS_PER_S, .attacker = keep("192.0.2.7"), .origin = JOINT_ANSWER,
		    .clock_error = -1, .hops = 255};
		for (size_t i = 0; i < listed; i++)
			CHECK(joint_add(joint, &list[i]) == CC_OK);
		if (variant == 1 || variant == 2) {
			/* What was settled before they came says otherwise then. */
			if (variant == 2)
				json_decref(settled(joint));
			heartbeats(joint, "cert.a", 0, 60, true);
			heartbeats(joint, "cert.d", 0, 10, false);
			heartbeats(joint, "cert.d", 40, 60, false);
		}
		cases = settled(joint);
		if (variant == 0) {
			CHECK(item_number(cases, "cert.d", "against", "llr") < -0.05);
			CHECK(item_number(cases, "cert.a", "for", "lost") <= 0);
		} else {
			CHECK(item_number(cases, "cert.d", "against", "llr") < -1e8);
			CHECK(fabs(item_number(cases, "cert.a", "for", "lost") - 0.1) < 0.01);
			CHECK(before == NULL || json_equal(before, cases));
			json_decref(before);
			before = json_incref(cases);
		}
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
	json_decref(before);
}

/* A heartbeat of a far day is counted, and no more: its sender's own of today are as good as ever. */
TEST(heartbeats_of_a_time_to_come)
{
	struct conf *conf;
	struct joint *joint = fresh_joint(&conf);
	uint64_t day = 86400 * NS_PER_S, now = DAY0 * NS_PER_S + day;
	struct joint_heartbeat h = {.organisation = slice_str("cert.a"), .clock_error = 0.5, .read = now};
	struct looked_at is;

	for (unsigned i = 0; i < 3; i++) {
		h.from = h.until = i == 0 ? now + 4000 * NS_PER_S : i == 1 ? now + 500 * day : INT64_MAX;
		CHECK(joint_watched(joint, &h) == CC_BAD);
	}
	h.until = UINT64_MAX;
	CHECK(joint_watched(joint, &h) == CC_BAD);
	CHECK_UINT(joint_ahead(joint), 4);
	/* As far as a clock may be wrong. */
	h.from = h.until = now + 3000 * NS_PER_S;
	CHECK(joint_watched(joint, &h) == CC_OK);
	heartbeats(joint, "cert.a", 0, 20, false);
	is = watch_look(joint, name_of(joint, slice_str("cert.a")), DAY0 * NS_PER_S, DAY0 * NS_PER_S + day - 1);
	CHECK(is.known && is.part > 0.8 && is.part < 0.85);
	CHECK_UINT(joint_ahead(joint), 4);
	joint_free(joint);
	conf_free(conf);
}

/* A clock that is said to be worse by a little with each heartbeat: cases that it has a part in change seldom, those
 * that would ask it not at all. */
TEST(a_clock_grows_worse_in_steps)
{
	for (int part = 0; part < 2; part++) {
		struct conf *conf = conf_new();
		struct joint *joint = joint_new(conf);
		const char *by = part ? "cert.a" : "cert.d";
		struct joint_change change;
		uint64_t linked = 0;
		unsigned told = 0;
		json_t *cases, *one;

		listed = text_used = 0;
		CHECK(joint_home(joint, "cert.d", "203.0.113.0/24") == CC_OK);
		for (unsigned n = 0; n < 6; n++) {
			CHECK(joint_add(joint, sight(who[n % 3], "192.0.2.7", 40000 + n * 5000)) == CC_OK);
			list[listed - 1].clock_error = -1;
		}
		for (unsigned n = 0; n < 300; n++) {
			struct joint_heartbeat beat = {.organisation = slice_str(by), .from = DAY0 * NS_PER_S,
			    .until = (DAY0 + 2 * 86400) * NS_PER_S, .clock_error = 0.5 + n * 1e-4};

			CHECK(joint_watched(joint, &beat) == CC_OK);
			CHECK(joint_settle_some(joint) == CC_OK);
			while (joint_next_change(joint, &change))
				told += change.event == NULL;
			linked = n == 0 ? joint_linked(joint) : linked;
		}
		CHECK_UINT(told, part ? 4 : 1);
		CHECK_UINT(joint_linked(joint), linked);
		cases = settled(joint);
		one = json_object_get(json_array_get(cases, 0), "coverage");
		CHECK_UINT(json_array_size(one), part ? 5 : 6); /* heartbeats: one run, its end within a quarter */
		one = json_array_get(one, 0);
		if (part)
			CHECK(fabs(json_number_value(json_object_get(one, "clock_error_s")) - 0.53) < 1e-6);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* Whom to ask, and what was warned of, the newest of each; neither is a witness. */
TEST(contacts_and_notices)
{
	struct conf *conf = conf_new();
	json_t *one, *cases, *before = NULL;

	for (int turned = 0; turned < 2; turned++) {
		struct joint *joint = joint_new(conf);
		struct joint_word word[] = {{.organisation = slice_str("cert.d"), .time = 5, .tlp = CC_TLP_GREEN,
						.text = {slice_str("technical"), slice_str("Duty"), slice_str("old@d.example")}},
		    {.organisation = slice_str("cert.d"), .time = 7, .tlp = CC_TLP_GREEN,
			.text = {slice_str("technical"), slice_str("Duty"), slice_str("duty@d.example")}},
		    {.organisation = slice_str("cert.e"), .time = 7, .notice = true, .tlp = CC_TLP_CLEAR,
			.text = {slice_str("n1"), slice_str("A warning"), slice_str("domain:x.example addr:192.0.2.7")}},
		    {.organisation = slice_str("cert.e"), .time = 7, .notice = true, .tlp = CC_TLP_RED,
			.text = {slice_str("n2"), slice_str("For few"), slice_str("addr:192.0.2.7")}}};

		listed = text_used = 0;
		CHECK(joint_home(joint, "cert.d", "203.0.113.0/24") == CC_OK);
		for (unsigned n = 0; n < 4; n++)
			CHECK(joint_heard(joint, &word[turned ? 3 - n : n]) == CC_OK);
		for (unsigned n = 0; n < 6; n++)
			CHECK(joint_add(joint, sight(who[n % 3], "192.0.2.7", 40000 + n * 5000)) == CC_OK);
		cases = settled(joint);
		one = json_array_get(cases, 0);
		CHECK(json_array_size(json_object_get(one, "notices")) == 1);
		CHECK(json_array_size(json_object_get(one, "organisations")) == 3);
		one = json_object_get(json_array_get(json_object_get(one, "missing"), 0), "contact");
		CHECK(one != NULL && strcmp(json_string_value(json_object_get(one, "email")), "duty@d.example") == 0);
		CHECK(before == NULL || json_equal(before, cases));
		json_decref(before);
		before = cases;
		joint_free(joint);
	}
	json_decref(before);
	conf_free(conf);
}

/* One that floods has its newest ones, in whatever order they come, and shuts nobody out. */
TEST(notices_of_one_are_bounded)
{
	struct conf *conf = conf_new();
	json_t *cases, *listed_;

	for (int turned = 0; turned < 2; turned++) {
		struct joint *joint = joint_new(conf);
		struct joint_word other = {.organisation = slice_str("cert.f"), .time = 1, .notice = true,
		    .tlp = CC_TLP_CLEAR, .text = {slice_str("quiet"), slice_str("t"), slice_str("addr:192.0.2.7")}};

		listed = text_used = 0;
		for (unsigned n = 0; n < 5000; n++) {
			unsigned time = turned ? 5000 - n : 1 + n;
			char id[16];
			struct joint_word word = {.organisation = slice_str("cert.e"), .time = time, .notice = true,
			    .tlp = CC_TLP_CLEAR, .text = {slice_of(id, (size_t)snprintf(id, sizeof(id), "n%u", time)),
							 slice_str("t"), slice_str("addr:192.0.2.99")}};

			if (time == 5000 || time == 4930)
				word.text[HEARD_NAMED] = slice_str("addr:192.0.2.7");
			CHECK(joint_heard(joint, &word) == (turned && n >= 64 ? CC_FULL : CC_OK));
		}
		CHECK(joint_heard(joint, &other) == CC_OK);
		CHECK_UINT(joint_dropped(joint), turned ? 5000 - 64 : 0);
		for (unsigned n = 0; n < 6; n++)
			CHECK(joint_add(joint, sight(who[n % 3], "192.0.2.7", 40000 + n * 5000)) == CC_OK);
		cases = settled(joint);
		listed_ = json_object_get(json_array_get(cases, 0), "notices");
		CHECK_UINT(json_array_size(listed_), 2);
		CHECK_TEXT(json_string_value(json_object_get(json_array_get(listed_, 0), "id")), "n5000");
		CHECK_TEXT(json_string_value(json_object_get(json_array_get(listed_, 1), "id")), "quiet");
		json_decref(cases);
		joint_free(joint);
	}
	conf_free(conf);
}

/* Of more than a case lists those that came when it was seen, in whatever order they come. */
TEST(notices_of_its_time)
{
	struct conf *conf = conf_new();

	for (int turned = 0; turned < 2; turned++) {
		struct joint *joint = joint_new(conf);
		json_t *cases, *told;
		size_t i;
		json_t *one;

		listed = text_used = 0;
		for (unsigned n = 0; n < 100; n++) {
			unsigned day = turned ? 99 - n : n;
			char id[16], by[16];
			struct joint_word word = {.notice = true, .tlp = CC_TLP_CLEAR,
			    .time = (DAY0 - 50 * 86400ull + day * 86400ull) * NS_PER_S};

			word.organisation = slice_of(by, (size_t)snprintf(by, sizeof(by), "cert.%u", day % 7));
			word.text[HEARD_ID] = slice_of(id, (size_t)snprintf(id, sizeof(id), "n%03u", day));
			word.text[HEARD_TITLE] = slice_str("t");
			word.text[HEARD_NAMED] = day % 2 ? slice_str("domain:x.example addr:192.0.2.7 addr:192.0.2.8")
							 : slice_str("addr:192.0.2.7");
			CHECK(joint_heard(joint, &word) == CC_OK);
		}
		for (unsigned n = 0; n < 6; n++)
			CHECK(joint_add(joint, sight(who[n % 3], "192.0.2.7", 40000 + n * 5000)) == CC_OK);
		cases = settled(joint);
		told = json_object_get(json_array_get(cases, 0), "notices");
		CHECK_UINT(json_array_size(told), 32);
		json_array_foreach(told, i, one)
		{
			unsigned day = (unsigned)atoi(json_string_value(json_object_get(one, "id")) + 1);

			CHECK(day >= 35 && day <= 66);
			CHECK_TEXT(json_string_value(json_object_get(one, "names")), "192.0.2.7");
		}
		json_decref(cases);
		joint_free(joint);
	}
	conf_free(conf);
}

/* What comes when cases are there already changes those that it names; said often before that, it costs once. */
TEST(notices_change_cases)
{
	struct conf *conf = conf_new();
	struct joint *joint = joint_new(conf);
	struct joint_word word = {.organisation = slice_str("cert.e"), .time = 7, .notice = true, .tlp = CC_TLP_CLEAR,
	    .text = {slice_str("n1"), slice_str("t"), slice_str("addr:192.0.2.7 addr:192.0.2.9")}};
	struct joint_change change;
	uint64_t linked;
	json_t *cases;
	unsigned changed = 0;

	listed = text_used = 0;
	for (unsigned n = 0; n < 6; n++)
		CHECK(joint_add(joint, sight(who[n % 3], "192.0.2.7", 40000 + n * 5000)) == CC_OK);
	json_decref(settled(joint));
	while (joint_next_change(joint, &change))
		;
	linked = joint_linked(joint);
	for (unsigned n = 0; n < 1000; n++) {
		word.time++;
		CHECK(joint_heard(joint, &word) == CC_OK);
	}
	cases = settled(joint);
	CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "notices")), 1);
	CHECK_UINT(joint_linked(joint), linked); /* told anew, and not linked */
	while (joint_next_change(joint, &change))
		changed++;
	CHECK_UINT(changed, 1);
	json_decref(cases);
	/* Taken back: it names nothing, and the case forgets it. */
	word.time++;
	word.text[HEARD_NAMED] = slice_of(NULL, 0);
	CHECK(joint_heard(joint, &word) == CC_OK);
	cases = settled(joint);
	CHECK_UINT(json_array_size(json_object_get(json_array_get(cases, 0), "notices")), 0);
	json_decref(cases);
	joint_free(joint);
	conf_free(conf);
}

/* A notice of a title without end, in letters of two bytes: a case has a name's length of it, in whole letters. */
TEST(words_have_a_length)
{
	static char title[40000], value[90000];
	struct cc_message msg = {.header_count = 3};
	struct joint_word word;
	struct buf scratch;

	for (size_t i = 0; i < sizeof(title) - 1; i += 2)
		memcpy(title + i, "\xc3\xa9", 2);
	title[sizeof(title) - 2] = '\0';
	msg.header[0] = (struct cc_header){"ce_type", slice_str("org.concert.notice.v1")};
	msg.header[1] = (struct cc_header){"ce_time", slice_str("2026-03-02T00:00:00Z")};
	msg.header[2] = (struct cc_header){"tlp", slice_str("clear")};
	buf_open(&scratch, 1u << 20);
	for (int ids = 0; ids < 2; ids++) {
		int size = snprintf(value, sizeof(value),
		    "{\"objects\":[{\"extensions\":{\"x\":{\"notice\":{\"id\":\"%s\",\"title\":\"%s\","
		    "\"text\":\"192.0.2.7\"}}}}]}",
		    ids ? title : "n1", title);

		msg.value = slice_of(value, (size_t)size);
		CHECK(joint_read_word(&msg, slice_str("cert.a"), &scratch, &word) == (ids ? CC_BAD : CC_OK));
		if (ids)
			continue;
		CHECK_UINT(word.text[HEARD_TITLE].size, 254);
		CHECK(utf8_valid(word.text[HEARD_TITLE]) && slice_is(word.text[HEARD_NAMED], "addr:192.0.2.7"));
	}
	buf_close(&scratch);
}

static json_t *
warned(const char *organisation, const char *id, const char *named, struct joint *joint)
{
	struct joint_word word = {.organisation = slice_str(organisation), .time = 7, .notice = true,
	    .tlp = CC_TLP_CLEAR, .text = {slice_str(id), slice_str("t"), slice_str(named)}};

	CHECK(joint_heard(joint, &word) == CC_OK);
	return settled(joint);
}

/* A network that a notice names is that of a case which names it: by the /64 where it does so, and not what is
 * beside. */
TEST(notices_of_networks)
{
	static const struct {
		const char *net, *named;
		bool told;
	} row[] = {{"2001:db8:7:14::", "net:2001:db8:7:14::/64", true},
	    {"2001:db8:7:14::", "net:2001:db8:7::/48", true},
	    {"2001:db8:7:14::", "net:2001:db8:7:15::/64", false}, {"2001:db8:7:14::", "net:2001:db8:8::/48", false},
	    {"192.0.2.", "net:192.0.2.0/24", true}, {"192.0.2.", "net:198.51.100.0/24", false},
	    {"192.0.2.", "addr:192.0.2.0", false}};

	for (size_t i = 0; i < 2 * sizeof(row) / sizeof(row[0]); i++) {
		struct conf *conf = conf_new();
		struct joint *joint = joint_new(conf);
		bool later = i % 2 != 0;
		json_t *cases, *told;

		listed = text_used = 0;
		for (unsigned n = 0; n < 18; n++) {
			char addr[48];
			struct joint_sighting *s;

			snprintf(addr, sizeof(addr), "%s%u", row[i / 2].net, 100 + n);
			s = sight(who[n % 3], addr, n * 3000);
			s->ja4 = keep("t12d000000_own");
			s->rule = keep("1:3000001:1");
			CHECK(joint_add(joint, s) == CC_OK);
		}
		if (later)
			json_decref(settled(joint));
		cases = warned("cert.e", "n1", row[i / 2].named, joint);
		told = json_object_get(json_array_get(cases, 0), "notices");
		CHECK_TEXT(json_string_value(
			       json_object_get(json_object_get(json_array_get(cases, 0), "answer"), "kind")), "prefix");
		CHECK_UINT(json_array_size(told), row[i / 2].told);
		if (row[i / 2].told)
			CHECK_TEXT(json_string_value(json_object_get(json_array_get(told, 0), "names")),
			    row[i / 2].named + 4);
		json_decref(cases);
		joint_free(joint);
		conf_free(conf);
	}
}

/* What a text names: networks by the lengths that cases know, defanged or not. */
TEST(words_that_name_networks)
{
	static const char *const row[][2] = {{"all of 2001:db8:7:14::/64, now", "net:2001:db8:7:14::/64"},
	    {"2001:DB8:7::/48", "net:2001:db8:7::/48"}, {"203[.]0[.]113[.]0/24.", "net:203.0.113.0/24"},
	    {"203.0.113.7/24", "addr:203.0.113.7"}, {"http://203.0.113.7/24", "addr:203.0.113.7"},
	    {"203.0.113.0/240", "addr:203.0.113.0"}, {"203.0.113.0/24a", "addr:203.0.113.0"},
	    {"203.0.113.7/32", "addr:203.0.113.7"}, {"2001:db8::: 2001:db8::", "addr:2001:db8:: addr:2001:db8::"},
	    {"x.example: y", "domain:x.example"}, {"203.0.113.0/", "addr:203.0.113.0"},
	    {"2001:db8:7:14::/640000000000000000000000000000000000064", "addr:2001:db8:7:14::"}};
	struct cc_message msg = {.header_count = 3};
	struct joint_word word;
	struct buf scratch;

	msg.header[0] = (struct cc_header){"ce_type", slice_str("org.concert.notice.v1")};
	msg.header[1] = (struct cc_header){"ce_time", slice_str("2026-03-02T00:00:00Z")};
	msg.header[2] = (struct cc_header){"tlp", slice_str("clear")};
	buf_open(&scratch, 1u << 20);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char value[400];
		int size = snprintf(value, sizeof(value),
		    "{\"objects\":[{\"extensions\":{\"x\":{\"notice\":{\"id\":\"n1\",\"title\":\"t\","
		    "\"text\":\"%s\"}}}}]}", row[i][0]);

		msg.value = slice_of(value, (size_t)size);
		CHECK(joint_read_word(&msg, slice_str("cert.a"), &scratch, &word) == CC_OK);
		CHECK(slice_is(word.text[HEARD_NAMED], row[i][1]));
	}
	buf_close(&scratch);
}

TESTS(T(a_clock_grows_worse_in_steps), T(notices_of_networks), T(words_that_name_networks),
    T(heartbeats_tell_who_looked), T(heartbeats_of_a_time_to_come), T(notices_of_its_time),
    T(notices_change_cases), T(contacts_and_notices),
    T(notices_of_one_are_bounded), T(period_links_where_addresses_move),
    T(a_tenth_is_no_more_than_a_tenth), T(sights_at_random_have_no_period), T(stages),
    T(networks), T(network_by_its_narrowest_name), T(networks_that_do_one_thing),
    T(one_alone_makes_no_network), T(words_have_a_length))
