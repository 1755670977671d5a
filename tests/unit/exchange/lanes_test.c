/*
 * Lanes of signed messages with loss, repetition, disorder and forks; runs that give what their messages give one by
 * one; what was refused, kept in bounds.
 */
#include "unit/exchange/signed.h"

/* ---- lanes ---- */

#define LANE 24

static struct made lane[LANE + 1];

static void
make_lane(void)
{
	for (unsigned i = 1; i <= LANE; i++)
		make(&lane[i], i, i > 1 ? &lane[i - 1] : NULL);
}

static struct verified
next(struct verifier *v, unsigned n)
{
	struct verified out;

	verifier_check(v, &lane[n].msg, 1, time_now(), &out);
	return out;
}

static void
save(void *ctx, struct slice k, struct slice state)
{
	CHECK(verifier_restore(ctx, k, state) == CC_OK);
	for (size_t size = 0; size < state.size; size++)
		CHECK(verifier_restore(ctx, k, slice_of(state.p, size)) == CC_BAD);
}

TEST(a_lane_and_what_is_missing)
{
	struct verifier *v = NULL, *w = NULL;
	struct verified out;

	begin();
	make_lane();
	CHECK(verifier_new(conf, trust, &v) == CC_OK && verifier_new(conf, trust, &w) == CC_OK);
	out = next(v, 5);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_FIRST);
	out = next(v, 6);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 0);
	out = next(v, 10);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_GAP && out.missing == 3);
	out = next(v, 8);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_REORDERED);
	out = next(v, 8);
	CHECK(out.verdict == VERDICT_DUPLICATE && out.notes == 1u << VERIFY_REPLAY);
	CHECK(next(v, 6).verdict == VERDICT_DUPLICATE);
	CHECK(next(v, 3).verdict == VERDICT_ACCEPTED && next(v, 3).verdict == VERDICT_DUPLICATE);
	/* Another verifier takes it up from what was saved. */
	verifier_save(v, save, w);
	CHECK(next(w, 10).verdict == VERDICT_DUPLICATE && next(w, 7).verdict == VERDICT_ACCEPTED &&
	      next(w, 11).notes == 0);
	CHECK(next(w, 7).verdict == VERDICT_DUPLICATE);
	verifier_free(v);
	verifier_free(w);
	end();
}

TEST(two_pasts)
{
	static struct made other, after;
	struct verifier *v = NULL;
	struct verified out;
	struct key *second = NULL;
	char *why = NULL;
	uint8_t prev[32];

	begin();
	make_lane();
	CHECK(verifier_new(conf, trust, &v) == CC_OK);
	for (unsigned i = 1; i <= 10; i++)
		CHECK(next(v, i).verdict == VERDICT_ACCEPTED);
	/* Another message with a number that was used. */
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 10, bundle_with(own_objects("org.example", 77)));
	jws_digest(&lane[9].msg, prev);
	sign(&other, key, prev);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	/* One that follows it: what it says came before is not what came. */
	make(&after, 11, &other);
	verifier_check(v, &after.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	/* The first past goes on. */
	CHECK(next(v, 11).verdict == VERDICT_ACCEPTED && next(v, 11).verdict == VERDICT_DUPLICATE);
	/* From the beginning under the same key: a fork; under a new one: a new chain. */
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 1, bundle_with(own_objects("org.example", 78)));
	sign(&other, key, NULL);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	CHECK(keys_rotate(conf, dir, time_now(), &second, &why) == CC_OK);
	CHECK(trust_reload(trust, &why) == CC_OK);
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 1, bundle_with(own_objects("org.example", 78)));
	sign(&other, second, NULL);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_NEW_CHAIN);
	key_close(second);
	verifier_free(v);
	end();
}

/* ---- runs ---- */

static uint32_t seed = 7;

static uint32_t
chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
damage(struct made *m)
{
	struct slice s = chance(2) == 0 ? m->msg.value : m->msg.header[chance(m->msg.header_count)].value;

	if (s.size > 0) {
		uint8_t *p = (uint8_t *)(uintptr_t)s.p + chance((uint32_t)s.size);

		*p = (uint8_t)(*p ^ 1u << chance(8));
	}
}

static struct made sent[LANE * 2];

/* A copy has memory of its own: its slices, too. */
static void
copy_made(struct made *to, const struct made *from)
{
	*to = *from;
	to->msg.topic.p = (const uint8_t *)to->topic;
	to->msg.key.p = (const uint8_t *)to->key;
	to->msg.value.p = (const uint8_t *)to->value;
	for (unsigned i = 0; i + 1 < to->msg.header_count; i++)
		to->msg.header[i].value.p = (const uint8_t *)to->text[i];
	to->msg.header[to->msg.header_count - 1].value.p = (const uint8_t *)to->jws;
}

TEST(runs_give_what_single_messages_give)
{
	struct cc_message msg[LANE * 2];
	struct verified run[LANE * 2], one;
	uint64_t computed = 0, refused = 0;

	begin();
	make_lane();
	for (unsigned round = 0; round < 300; round++) {
		struct verifier *v = NULL, *w = NULL;
		unsigned count = 0, n = 1 + chance(4);

		for (; n <= LANE && count < LANE * 2; n++) {
			if (chance(20) == 0)
				continue; /* lost */
			copy_made(&sent[count], &lane[chance(25) == 0 ? 1 + chance(LANE) : n]);
			if (chance(12) == 0)
				damage(&sent[count]);
			msg[count] = sent[count].msg;
			count++;
		}
		CHECK(verifier_new(conf, trust, &v) == CC_OK && verifier_new(conf, trust, &w) == CC_OK);
		verifier_check(v, msg, count, time_now(), run);
		for (unsigned i = 0; i < count; i++) {
			verifier_check(w, &msg[i], 1, time_now(), &one);
			CHECK_UINT(run[i].verdict, one.verdict);
			CHECK_UINT(run[i].notes, one.notes);
			CHECK_UINT(run[i].missing, one.missing);
			refused += one.verdict > VERDICT_DUPLICATE;
		}
		CHECK(verifier_signatures(v) <= verifier_signatures(w));
		computed += verifier_signatures(v);
		verifier_free(v);
		verifier_free(w);
	}
	CHECK(refused > 300 && computed < 300 * LANE / 3);
	end();
}

/* ---- quarantine ---- */

static void
count_them(void *ctx, const struct quarantined *why, const struct cc_message *msg)
{
	unsigned *count = ctx;

	CHECK(slice_is(why->verdict, "bad_signature") && slice_is(why->why, "because") && slice_is(msg->topic, TOPIC));
	++*count;
}

TEST(quarantine_is_bounded)
{
	struct verified verified = {.verdict = VERDICT_BAD_SIGNATURE, .why = "because"};
	struct quarantine *q = NULL;
	static struct made m;
	unsigned count = 0;
	char *why = NULL;

	begin();
	set("exchange.quarantine_max=64k");
	make(&m, 1, NULL);
	for (int round = 0; round < 2; round++) {
		CHECK(quarantine_open(conf, dir, &q, &why) == CC_OK);
		for (int i = 0; i < 200; i++)
			quarantine_put(q, &m.msg, &verified, time_now());
		CHECK_UINT(quarantine_kept(q), 200);
		CHECK_UINT(quarantine_lost(q), 0);
		quarantine_close(q);
	}
	CHECK(quarantine_visit(dir, count_them, &count, &why) == CC_OK);
	CHECK(count > 10 && count < 65536 / m.msg.value.size);
	end();
}

TESTS(T(a_lane_and_what_is_missing), T(two_pasts), T(runs_give_what_single_messages_give),
    T(quarantine_is_bounded))
