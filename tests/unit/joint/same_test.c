/*
 * What is told of cases, put together, is what one look at everything finds, word by word: the same messages in any
 * order, settled in between at any point, every document as it was written last.  A document that should have been
 * written anew, and was not, shows here and nowhere else: one that is asked for is made anew.
 */
#include "unit/joint/joint_rig.h"

#include "joint/joint_own.h"

/* xorshift: the same draws each time. */
static uint32_t
draw(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 33) % below;
}

/* ---- a world ---- */

/* One thing that comes to a correlator. */
struct said {
	enum { SIGHT, BEAT, WORD } what;
	struct joint_sighting s;
	struct joint_heartbeat beat;
	struct joint_word word;
};

struct world {
	uint64_t seed;
	unsigned campaigns, organisations;
};

static struct slice
one_of(struct world *w, const char *word, unsigned from, unsigned count)
{
	return numbered(word, from + draw(&w->seed, count));
}

static const char *const class[] = {"trojan-activity", "misc-activity", "web-application-attack"};

/* Addresses of a campaign, of a content network that everybody is behind, of hosts of cert.2. */
static struct slice
address(struct world *w, unsigned campaign)
{
	switch (draw(&w->seed, 8)) {
	case 0:
		return one_of(w, "198.51.100.", 0, 3);
	case 1:
		return one_of(w, "203.0.113.", 0, 4);
	default:
		return one_of(w, "192.0.2.", campaign * 3, 3);
	}
}

static void
names(struct world *w, unsigned campaign, struct joint_sighting *s)
{
	unsigned own = campaign * 4, rest = draw(&w->seed, 10);

	if (rest < 3)
		s->domain = one_of(w, "name.", own, 3);
	else if (rest == 3)
		s->domain = one_of(w, "guest.", 0, 300);
	else if (rest == 4)
		s->domain = one_of(w, "kqzvxwjhgf", 1000 + own, 4);
	if (draw(&w->seed, 5) == 0)
		s->cert = draw(&w->seed, 3) == 0 ? keep("cert.common") : one_of(w, "cert.", own, 2);
	if (draw(&w->seed, 9) == 0)
		s->key_sha256 = one_of(w, "key.", own, 2);
	if (draw(&w->seed, 9) == 0)
		s->file = draw(&w->seed, 4) == 0 ? keep("file.common") : one_of(w, "file.", own, 2);
	if (draw(&w->seed, 12) == 0)
		s->url = one_of(w, "http://a.example/", own, 2);
}

static void
tools(struct world *w, unsigned campaign, struct joint_sighting *s)
{
	s->rule = draw(&w->seed, 3) == 0 ? numbered("1:", campaign) : one_of(w, "1:", 1000, 4);
	s->rule_class = keep(class[draw(&w->seed, 3)]);
	s->ja4 = draw(&w->seed, 3) == 0 ? numbered("ja4.", campaign) : one_of(w, "ja4.", 900, 3);
	if (draw(&w->seed, 4) == 0)
		s->agent = one_of(w, "agent.", 0, w->campaigns / 2 + 1);
	if (draw(&w->seed, 6) == 0) {
		s->period = 60 + 40 * (double)(campaign % 5);
		s->jitter = draw(&w->seed, 3) * 0.08;
	}
}

static struct joint_sighting
sight(struct world *w, unsigned n)
{
	unsigned campaign = draw(&w->seed, w->campaigns), day = campaign % 5 * 3 + draw(&w->seed, 4);
	struct joint_sighting s = {.message = numbered("m", n), .sensor = keep("s1"), .kind = CC_KIND_ADDR,
	    .count = 1 + draw(&w->seed, 3), .hops = 255, .port = draw(&w->seed, 4) ? 443 : 80};

	s.organisation = one_of(w, "cert.", 0, w->organisations);
	s.first = (DAY0 + day * 86400ull + draw(&w->seed, 80000)) * NS_PER_S;
	s.last = s.first + draw(&w->seed, 3600) * NS_PER_S;
	s.attacker = s.value = s.key = address(w, campaign);
	if (draw(&w->seed, 3) > 0)
		s.victim = draw(&w->seed, 3) ? numbered("victim.", n) : one_of(w, "victim.c", campaign, 2);
	names(w, campaign, &s);
	tools(w, campaign, &s);
	s.proof = (enum cc_proof)draw(&w->seed, 5);
	s.client = draw(&w->seed, 4) == 0;
	s.exercise = draw(&w->seed, 25) == 0;
	s.loss = draw(&w->seed, 10) / 20.0;
	s.clock_error = draw(&w->seed, 5) == 0 ? -1 : 0.5;
	s.completeness = 40 + draw(&w->seed, 60);
	s.tlp = (enum cc_tlp)draw(&w->seed, 4);
	return s;
}

/* Looked for and not seen, or seen again, or sent on: as a relay, or as one's own. */
static struct joint_sighting
after(struct world *w, const struct joint_sighting *of, unsigned n)
{
	struct joint_sighting s = *of;
	unsigned what = draw(&w->seed, 6);

	s.message = numbered("m", n);
	if (what == 0 || s.count == 0 || s.revoked) {
		s.revoked = false;
		s.count = 0;
		s.last = s.first;
		s.victim = s.attacker = slice_of(NULL, 0);
		s.origin = JOINT_ANSWER;
		s.organisation = one_of(w, "cert.", 0, w->organisations);
		return s;
	}
	s.first += draw(&w->seed, 7200) * NS_PER_S;
	s.last = s.first + draw(&w->seed, 600) * NS_PER_S;
	if (what == 1) {
		/* By another edition of the rule. */
		s.rule_class = draw(&w->seed, 4) ? keep(class[draw(&w->seed, 3)]) : slice_of(NULL, 0);
		s.rule_name = one_of(w, "rule ", 0, 3);
		return s;
	}
	s.organisation = one_of(w, "cert.", 0, w->organisations);
	s.victim = slice_of(NULL, 0);
	if (what == 2) {
		s.origin = JOINT_RELAY;
		s.origin_of = of->message;
	} else if (what == 3) {
		s.origin = JOINT_ANSWER;
	} else if (what == 4) {
		s.revoked = draw(&w->seed, 4) == 0;
		s.organisation = of->organisation;
		/* All that it said: what is half taken back is folded already, or is not. */
		s.last = s.revoked ? (DAY0 + 200 * 86400ull) * NS_PER_S : s.last;
	}
	return s;
}

static struct joint_heartbeat
beat(struct world *w)
{
	struct joint_heartbeat h = {.organisation = one_of(w, "cert.", 0, w->organisations),
	    .lost = draw(&w->seed, 5) * 0.1, .clock_error = draw(&w->seed, 4) ? 0.2 : -1};

	h.from = (DAY0 + draw(&w->seed, 18 * 24) * 3600ull) * NS_PER_S;
	h.until = h.from + draw(&w->seed, 4) * 3600 * NS_PER_S;
	return h;
}

static struct joint_word
notice(struct world *w, unsigned n)
{
	struct joint_word word = {.organisation = one_of(w, "cert.", 0, w->organisations), .notice = true,
	    .tlp = CC_TLP_CLEAR, .time = (DAY0 + draw(&w->seed, 18) * 86400ull) * NS_PER_S};
	char named[80];

	word.text[HEARD_ID] = numbered("notice", n % 20);
	word.text[HEARD_TITLE] = numbered("of ", n);
	snprintf(named, sizeof(named), "addr:192.0.2.%u domain:name.%u", draw(&w->seed, 3 * w->campaigns),
	    draw(&w->seed, 4 * w->campaigns));
	word.text[HEARD_NAMED] = keep(named);
	return word;
}

static struct joint_word
contact(struct world *w, unsigned n)
{
	struct joint_word word = {.organisation = one_of(w, "cert.", 0, w->organisations), .tlp = CC_TLP_CLEAR,
	    .time = (DAY0 + draw(&w->seed, 18) * 86400ull) * NS_PER_S};

	word.text[HEARD_NAME] = numbered("desk ", n);
	return word;
}

static struct said *
world_of(struct world *w, unsigned count)
{
	struct said *all = calloc(count, sizeof(*all));

	for (unsigned i = 0; i < count; i++) {
		unsigned from = i > 0 ? draw(&w->seed, i) : 0;
		uint32_t what = draw(&w->seed, 40);

		if (what == 2 && draw(&w->seed, 3) == 0)
			all[i] = (struct said){.what = WORD, .word = contact(w, i)};
		else if (what == 0)
			all[i] = (struct said){.what = BEAT, .beat = beat(w)};
		else if (what == 1 && draw(&w->seed, 3) == 0)
			all[i] = (struct said){.what = WORD, .word = notice(w, i)};
		else if (what < 12 && i > 0 && all[from].what == SIGHT)
			all[i] = (struct said){.what = SIGHT, .s = after(w, &all[from].s, i)};
		else
			all[i] = (struct said){.what = SIGHT, .s = sight(w, i)};
	}
	return all;
}

/* ---- what is told ---- */

static void
hear(struct joint *joint, const struct said *one)
{
	if (one->what == SIGHT)
		CHECK(joint_add(joint, &one->s) == CC_OK);
	else if (one->what == BEAT)
		CHECK(joint_watched(joint, &one->beat) == CC_OK);
	else
		CHECK(joint_heard(joint, &one->word) == CC_OK);
}

/* What changed, as the database would have it. */
static void
write_down(struct joint *joint, json_t *there)
{
	struct joint_change change;

	while (joint_next_change(joint, &change)) {
		struct buf out;
		struct json json;

		if (change.event != NULL) {
			if (strcmp(change.event, "merged") == 0 || strcmp(change.event, "gone") == 0)
				json_object_del(there, change.id);
			continue;
		}
		buf_open(&out, 64u << 20);
		json = json_into(&out);
		case_json(joint, change.activity, &json, NULL);
		json_object_set_new(there, change.id,
		    json_loadb((const char *)out.p, out.size, JSON_REJECT_DUPLICATES, NULL));
		buf_close(&out);
	}
}

/* The members in which two documents of one case differ, by path. */
static void
differ(json_t *is, json_t *should, const char *path)
{
	const char *key;
	json_t *one;
	size_t i;
	char below[400];

	if (json_equal(is, should))
		return;
	if (json_is_object(is) && json_is_object(should)) {
		json_object_foreach (should, key, one) {
			snprintf(below, sizeof(below), "%s.%s", path, key);
			differ(json_object_get(is, key), one, below);
		}
	} else if (json_is_array(is) && json_is_array(should) && json_array_size(is) == json_array_size(should)) {
		json_array_foreach (should, i, one) {
			snprintf(below, sizeof(below), "%s[%zu]", path, i);
			differ(json_array_get(is, i), one, below);
		}
	} else {
		char *a = json_dumps(is, JSON_ENCODE_ANY), *b = json_dumps(should, JSON_ENCODE_ANY);

		fprintf(stderr, "%s is %.200s, should be %.200s\n", path, a != NULL ? a : "-", b != NULL ? b : "-");
		free(a);
		free(b);
	}
}

static void
same(json_t *is, json_t *should)
{
	json_t *one;
	const char *id;
	bool equal = json_equal(is, should) == 1;

	json_object_foreach (should, id, one) {
		if (!equal)
			differ(json_object_get(is, id), one, id);
	}
	json_object_foreach (is, id, one) {
		if (json_object_get(should, id) == NULL)
			fprintf(stderr, "%s should not be there\n", id);
	}
	CHECK(equal);
}

static struct joint *
reader(const struct conf *conf)
{
	struct joint *joint = joint_new(conf);

	CHECK(joint_home(joint, "cert.2", "203.0.113.0/24") == CC_OK);
	CHECK(joint_home(joint, "cert.40", "198.18.0.0/15") == CC_OK);
	return joint;
}

static void
shuffle(uint64_t *seed, struct said *all, unsigned count)
{
	for (unsigned i = count - 1; i > 0; i--) {
		unsigned k = draw(seed, i + 1);
		struct said one = all[i];

		all[i] = all[k];
		all[k] = one;
	}
}

/* every: settled once in so many, at the mean; 0: at the end. */
static json_t *
told_of(const struct said *all, unsigned count, unsigned every, uint64_t *seed)
{
	struct conf *conf = conf_new();
	struct joint *joint = reader(conf);
	json_t *there = json_pack("{}");

	for (unsigned i = 0; i < count; i++) {
		hear(joint, &all[i]);
		if (every == 0 || draw(seed, every) > 0)
			continue;
		CHECK((draw(seed, 5) == 0 ? joint_settle(joint) : joint_settle_some(joint)) == CC_OK);
		write_down(joint, there);
	}
	CHECK(joint_settle(joint) == CC_OK);
	write_down(joint, there);
	CHECK_UINT(json_object_size(there), joint_cases(joint));
	joint_free(joint);
	conf_free(conf);
	return there;
}

TEST(every_document_as_at_once)
{
	static const unsigned every[] = {9, 2, 60, 0};

	for (unsigned round = 0; round < 6; round++) {
		unsigned count = 200 + round * 110;
		struct world w = {.seed = round * 77 + 5, .campaigns = 3 + round * 2, .organisations = 3 + round};
		struct said *all;
		json_t *once;

		text_used = 0;
		all = world_of(&w, count);
		once = told_of(all, count, 0, &w.seed);
		for (unsigned i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
			json_t *bits;

			shuffle(&w.seed, all, count);
			bits = told_of(all, count, every[i], &w.seed);
			same(bits, once);
			json_decref(bits);
		}
		json_decref(once);
		free(all);
	}
}

/* How many cases are told since the last time. */
static unsigned
told_anew(struct joint *joint)
{
	json_t *there = json_pack("{}");
	unsigned count;

	CHECK(joint_settle_some(joint) == CC_OK);
	write_down(joint, there);
	count = (unsigned)json_object_size(there);
	json_decref(there);
	return count;
}

/* Who is to be asked elsewhere: only cases with a question for it are told again, and nothing is linked. */
TEST(another_contact)
{
	struct conf *conf = conf_new();
	struct joint *joint = reader(conf);
	struct joint_word word = {.organisation = slice_str("cert.2"), .tlp = CC_TLP_CLEAR, .time = DAY0 * NS_PER_S};
	uint64_t linked;

	text_used = 0;
	/* Two cases; in the second one cert.2 and cert.40, whom alone one can ask, have their part. */
	for (unsigned i = 0; i < 8; i++) {
		static const char *const by[] = {"cert.0", "cert.1", "cert.2", "cert.40"};
		struct joint_sighting s = {.message = numbered("m", i),
		    .organisation = slice_str(by[i / 4 * 2 + i % 2]),
		    .sensor = keep("s1"), .kind = CC_KIND_ADDR, .value = numbered("192.0.2.", 1 + i / 4), .count = 1,
		    .proof = CC_PROOF_KEYED, .clock_error = 0.1, .hops = 255, .port = 443, .completeness = 80,
		    .victim = numbered("v", i), .client = false, .rule = numbered("1:", 7 + i / 4)};

		s.attacker = s.key = s.value;
		s.first = s.last = (DAY0 + i * 300 + i / 4 * 86400 * 9) * NS_PER_S;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	CHECK_UINT(told_anew(joint), 2);
	linked = joint_linked(joint);
	word.text[HEARD_NAME] = keep("the desk");
	CHECK(joint_heard(joint, &word) == CC_OK);
	CHECK_UINT(told_anew(joint), 1);
	word.time += NS_PER_S; /* the same again */
	CHECK(joint_heard(joint, &word) == CC_OK);
	CHECK_UINT(told_anew(joint), 0);
	word.time += NS_PER_S;
	word.text[HEARD_NAME] = keep("another desk");
	CHECK(joint_heard(joint, &word) == CC_OK);
	CHECK_UINT(told_anew(joint), 1);
	word.organisation = keep("cert.0"); /* whom nobody asks */
	CHECK(joint_heard(joint, &word) == CC_OK);
	CHECK_UINT(told_anew(joint), 0);
	CHECK_UINT(joint_linked(joint), linked);
	joint_free(joint);
	conf_free(conf);
}

/* What it would be without each is kept until the case is told, and bounded: not all lines for each organisation. */
TEST(little_is_kept_of_what_it_rests_on)
{
	struct conf *conf = conf_new();
	struct joint *joint = reader(conf);
	struct activity *a = NULL;
	size_t items = 0;

	for (unsigned i = 0; i < 900; i++) {
		static const char *const by[] = {"cert.0", "cert.1"};
		struct joint_sighting s;

		text_used = 0;
		s = (struct joint_sighting){.message = numbered("m", i), .organisation = slice_str(by[i % 2]),
		    .sensor = keep("s1"), .kind = CC_KIND_ADDR, .value = keep("192.0.2.1"), .count = 1,
		    .proof = CC_PROOF_DIALOGUE, .clock_error = 0.1, .hops = 255, .port = 443, .completeness = 80,
		    .victim = numbered("v", i), .rule = keep("1:7")};
		s.attacker = s.key = s.value;
		s.first = s.last = (DAY0 + i * 300) * NS_PER_S;
		CHECK(joint_add(joint, &s) == CC_OK);
	}
	CHECK(joint_settle(joint) == CC_OK);
	CHECK_UINT(joint_cases(joint), 1);
	for (size_t i = 0; i < joint->activity_count; i++)
		a = joint->activity[i].node != NULL && joint->activity[i].count > 1 ? &joint->activity[i] : a;
	CHECK(a != NULL && joint_weigh(joint, a) == CC_OK && a->source);
	CHECK_UINT(a->restings, 2);
	for (unsigned r = 0; r < a->restings; r++) {
		for (size_t i = 0; i < a->resting[r].is.hypothesis_count; i++) {
			const struct hypothesis *h = &a->resting[r].is.hypothesis[i];

			CHECK(h->rival >= 0 || h->items >= 100);
			items += h->item_count;
		}
	}
	CHECK_UINT(items, 0); /* the case lists them */
	hypotheses_free(a);
	joint_free(joint);
	conf_free(conf);
}

/* What a member has folded, as it goes to who links; then the member may forget it. */
static void
pass_on(struct joint *first, struct joint *joint, size_t keep)
{
	struct buf out;
	struct cur c;
	size_t at = 0;
	uint64_t hash;
	uint32_t node;

	buf_open(&out, 64u << 20);
	for (size_t i = 0; i < first->unsaved.count; i++) {
		struct node *n = &first->node[first->unsaved.at[i]];

		if (n->used && n->unsaved)
			node_encode(first, n, &out);
		n->unsaved = false;
	}
	first->unsaved.count = first->fresh.count = 0;
	while (revocation_next(first, &at, &out) || said_next(first, &out, &hash))
		;
	for (c = cur_of(out.p, out.size); cur_left(&c) > 0;)
		CHECK(node_decode(joint, &c, &node) == CC_OK);
	buf_close(&out);
	joint_trim(first, keep);
}

/* Two members read, and forget what they have folded now and then; the second links. */
static json_t *
told_by_members(const struct said *all, unsigned count, uint64_t *seed)
{
	struct conf *conf = conf_new();
	struct joint *joint = reader(conf), *first[2] = {reader(conf), reader(conf)};
	json_t *there = json_pack("{}");

	first[0]->keeps = first[1]->keeps = true;
	for (unsigned i = 0; i < count; i++) {
		unsigned who = draw(seed, 2);

		hear(first[who], &all[i]);
		if (draw(seed, 10) > 0)
			continue;
		pass_on(first[who], joint, draw(seed, 40));
		CHECK(joint_settle_some(joint) == CC_OK);
		write_down(joint, there);
	}
	for (unsigned who = 0; who < 2; who++) {
		pass_on(first[who], joint, 0);
		CHECK_UINT(joint_nodes(first[who]), 0);
		joint_free(first[who]);
	}
	CHECK(joint_settle(joint) == CC_OK);
	write_down(joint, there);
	joint_free(joint);
	conf_free(conf);
	return there;
}

TEST(members_that_forget_what_they_sent)
{
	for (unsigned round = 0; round < 6; round++) {
		unsigned count = 200 + round * 110;
		struct world w = {.seed = round * 91 + 3, .campaigns = 3 + round * 2, .organisations = 3 + round};
		struct said *all;
		json_t *once, *bits;

		text_used = 0;
		all = world_of(&w, count);
		once = told_of(all, count, 0, &w.seed);
		bits = told_by_members(all, count, &w.seed);
		same(bits, once);
		json_decref(bits);
		json_decref(once);
		free(all);
	}
}

TESTS(T(little_is_kept_of_what_it_rests_on), T(another_contact), T(every_document_as_at_once),
    T(members_that_forget_what_they_sent))
