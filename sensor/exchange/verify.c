/*
 * What a reader finds out about messages: who signed, whether anything was changed, whose objects they hold, and what
 * is missing, repeated or rewritten in the lane.
 *
 * In: messages in the order in which they came.  Out: a verdict each.  Cheap checks first, since anybody may write to a
 * topic that is not well kept.  Of messages that follow each other in a lane under one key, each naming the digest of
 * the one before, signature and all, the last one's signature vouches for all; where it does not fit, the one before is
 * judged for itself, so that a run gives what its messages would give one by one.
 *
 * Time: a key is valid if the message can have been signed in its time, which lies between ce_time, when what it tells
 * of happened, and when the broker took it, or when we see it.  A revoked key counts for nothing that is seen after,
 * whatever time the message claims: who has stolen a key can write any.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exchange/chain_own.h"

#define BATCH 4096                  /* judged together */
#define CLOCKS (2 * 3600 * NS_PER_S) /* how far clocks of partners may be apart, for keys' times */
#define MEMORY_MAX (72u << 20)

const char *const verdict_word[VERDICT_COUNT] = {
#define VERDICT(symbol, word, help) [VERDICT_##symbol] = word,
#define NOTE(symbol, word, help)
#include "exchange/verify.def"
#undef VERDICT
#undef NOTE
};
const char *const verdict_help[VERDICT_COUNT] = {
#define VERDICT(symbol, word, help) [VERDICT_##symbol] = help,
#define NOTE(symbol, word, help)
#include "exchange/verify.def"
#undef VERDICT
#undef NOTE
};
const char *const verify_note_word[VERIFY_NOTES] = {
#define VERDICT(symbol, word, help)
#define NOTE(symbol, word, help) [VERIFY_##symbol] = word,
#include "exchange/verify.def"
#undef VERDICT
#undef NOTE
};

/* One message of the batch at hand. */
struct item {
	struct jws jws;
	uint8_t digest[32];
	uint64_t lane_hash; /* of source, topic and lane */
	int before;         /* the message that this one vouches for, or -1 */
	bool fits;          /* its signature, or that of one that vouches for it */
};

struct verifier {
	const struct trust *trust;
	uint64_t lanes;
	struct chain *chain;
	struct item *item;
	int *last_of;      /* by lane_hash: the last message of that lane in the batch */
	struct buf memory, key;
	uint64_t verdicts[VERDICT_COUNT], notes[VERIFY_NOTES], signatures;
};

enum cc_status
verifier_new(const struct conf *conf, const struct trust *trust, struct verifier **ret_verifier)
{
	struct verifier *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return CC_NOMEM;
	v->trust = trust;
	v->lanes = conf->exchange_lanes;
	v->chain = chain_new(conf->exchange_verify_lanes_max);
	v->item = calloc(BATCH, sizeof(*v->item));
	v->last_of = calloc(BATCH * 2, sizeof(*v->last_of));
	buf_open(&v->memory, MEMORY_MAX);
	buf_open(&v->key, 1u << 18);
	if (v->chain == NULL || v->item == NULL || v->last_of == NULL) {
		verifier_free(v);
		return CC_NOMEM;
	}
	*ret_verifier = v;
	return CC_OK;
}

void
verifier_free(struct verifier *verifier)
{
	if (verifier == NULL)
		return;
	chain_free(verifier->chain);
	buf_close(&verifier->memory);
	buf_close(&verifier->key);
	free(verifier->item);
	free(verifier->last_of);
	free(verifier);
}

/* ---- before the signature ---- */

static bool
refuse(struct verified *out, enum verdict verdict, const char *text)
{
	out->verdict = verdict;
	snprintf(out->why, sizeof(out->why), "%s", text);
	return false;
}

/* "urn:concert:<organisation>/<sensor>" */
static bool
source_is_of(struct slice source, const char *organisation)
{
	static const char urn[] = "urn:concert:";
	size_t front = sizeof(urn) - 1, size = strlen(organisation);

	return source.size > front + size + 1 && memcmp(source.p, urn, front) == 0 &&
	       memcmp(source.p + front, organisation, size) == 0 && source.p[front + size] == '/';
}

static bool
time_of(struct slice text, uint64_t *ret_time)
{
	char copy[40];

	if (text.size >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.size);
	copy[text.size] = '\0';
	return time_rfc3339_parse(copy, ret_time) == CC_OK;
}

static bool
check_key(const struct trust_key *key, const struct cc_message *msg, uint64_t seen, struct verified *out)
{
	const struct key_entry *e = &key->entry;
	char when[40];
	uint64_t happened;

	if (!time_of(message_header(msg, "ce_time"), &happened))
		return refuse(out, VERDICT_MALFORMED, "ce_time is no time");
	if (e->revoked != 0 && seen >= e->revoked) {
		out->verdict = VERDICT_REVOKED_KEY;
		snprintf(out->why, sizeof(out->why), "its key was revoked at %s", time_rfc3339_text(e->revoked, when));
		return false;
	}
	if (seen + CLOCKS < e->from || (e->until != 0 && happened > e->until)) {
		out->verdict = VERDICT_KEY_NOT_VALID;
		snprintf(out->why, sizeof(out->why), "its key was valid %s %s",
		    seen + CLOCKS < e->from ? "only from" : "until",
		    time_rfc3339_text(seen + CLOCKS < e->from ? e->from : e->until, when));
		return false;
	}
	return true;
}

/* All that needs no arithmetic. */
static bool
check_form(struct verifier *v, const struct cc_message *msg, uint64_t seen, struct item *item, struct verified *out)
{
	struct slice source = message_header(msg, "ce_source"), exercise = message_header(msg, "exercise");

	out->verdict = jws_read(msg, &v->memory, &item->jws, out->why);
	out->sequence = item->jws.sequence;
	/* Who claims to have signed is told with a refusal, too. */
	out->key = item->jws.kid[0] != '\0' ? trust_find(v->trust, slice_str(item->jws.kid)) : NULL;
	if (out->verdict != VERDICT_ACCEPTED)
		return false;
	if (out->key == NULL || out->key->pkey == NULL) {
		out->verdict = VERDICT_UNKNOWN_KEY;
		snprintf(out->why, sizeof(out->why), out->key == NULL ? "key %s is not in exchange.trust" :
		    "of key %s only the fingerprint is known yet", item->jws.kid);
		return false;
	}
	if (!check_key(out->key, msg, msg->appended != 0 ? msg->appended : seen, out))
		return false;
	if (!source_is_of(source, out->key->organisation->id)) {
		out->verdict = VERDICT_FOREIGN_SOURCE;
		snprintf(out->why, sizeof(out->why), "ce_source %.*s is not of %.60s, whose key signed",
		    (int)(source.size < 60 ? source.size : 60), (const char *)source.p, out->key->organisation->id);
		return false;
	}
	if (!slice_is(exercise, "true") && !slice_is(exercise, "false"))
		return refuse(out, VERDICT_MALFORMED, "exercise is neither true nor false");
	return true;
}

/* ---- signatures ---- */

static struct slice
lane_key(struct verifier *v, const struct cc_message *msg, uint32_t lane)
{
	buf_clear(&v->key);
	buf_add_slice(&v->key, message_header(msg, "ce_source"));
	buf_add_u8(&v->key, '\n');
	buf_add_slice(&v->key, msg->topic);
	buf_add(&v->key, (const uint8_t[]){'\n', (uint8_t)(lane >> 8), (uint8_t)lane}, 3);
	return buf_slice(&v->key);
}

/* Does i name the message before it, signature and all, as the one that it follows?  Then it vouches for it. */
static bool
follows(const struct verifier *v, const struct cc_message *msg, const struct verified *out, int i, int before)
{
	const struct item *a = &v->item[before], *b = &v->item[i];

	return b->jws.sequence == a->jws.sequence + 1 && memcmp(b->jws.prev, a->digest, 32) == 0 &&
	    strcmp(a->jws.kid, b->jws.kid) == 0 && out[i].lane == out[before].lane &&
	    slice_eq(msg[i].topic, msg[before].topic) &&
	    slice_eq(message_header(&msg[i], "ce_source"), message_header(&msg[before], "ce_source"));
}

/* The last message of each lane so far, by open addressing: -1 is empty. */
static int *
last_of_lane(struct verifier *v, uint64_t hash)
{
	size_t at = hash % (BATCH * 2);

	while (v->last_of[at] >= 0 && v->item[v->last_of[at]].lane_hash != hash)
		at = (at + 1) % (BATCH * 2);
	return &v->last_of[at];
}

static void
link_runs(struct verifier *v, const struct cc_message *msg, int count, struct verified *out)
{
	for (size_t i = 0; i < BATCH * 2; i++)
		v->last_of[i] = -1;
	for (int i = 0; i < count; i++) {
		struct item *item = &v->item[i];
		int *last;

		if (out[i].verdict != VERDICT_ACCEPTED)
			continue;
		jws_digest(&msg[i], item->digest);
		item->lane_hash = hash64(lane_key(v, &msg[i], out[i].lane), hash_seed());
		last = last_of_lane(v, item->lane_hash);
		if (*last >= 0 && item->jws.chained && follows(v, msg, out, i, *last))
			item->before = *last;
		*last = i;
	}
}

/* From the end: a run's last signature is looked at first, and what it vouches for is not looked at any more. */
static void
check_signatures(struct verifier *v, const struct cc_message *msg, int count, struct verified *out)
{
	for (int i = count - 1; i >= 0; i--) {
		struct item *item = &v->item[i];

		if (out[i].verdict != VERDICT_ACCEPTED)
			continue;
		if (!item->fits) {
			v->signatures++;
			item->fits = jws_fits(&item->jws, msg[i].value, out[i].key->pkey, &v->memory);
		}
		if (!item->fits)
			(void)refuse(&out[i], VERDICT_BAD_SIGNATURE, "the signature does not fit");
		else if (item->before >= 0)
			v->item[item->before].fits = true;
	}
}

/* ---- behind the signature ---- */

static void
check_rest(struct verifier *v, const struct cc_message *msg, struct item *item, struct verified *out)
{
	struct bundle_owner owner = {out->key->organisation->identity, v->trust};
	struct chain_lane *lane;

	out->verdict = bundle_check(msg->value, &owner, out->why);
	/* The signer's doing all the same: the next one names it as the one before, and is not missing it. */
	lane = chain_lane(v->chain, lane_key(v, msg, out->lane), true);
	if (lane == NULL) {
		(void)refuse(out, VERDICT_MALFORMED, "no memory to judge it");
		return;
	}
	if (out->verdict != VERDICT_ACCEPTED) {
		uint64_t missing;
		unsigned notes = 0;

		(void)chain_take(lane, &item->jws, item->digest, &notes, &missing);
		return;
	}
	out->verdict = chain_take(lane, &item->jws, item->digest, &out->notes, &out->missing);
	if (out->verdict == VERDICT_DUPLICATE)
		(void)refuse(out, VERDICT_DUPLICATE, "came before");
	else if (out->verdict == VERDICT_FORK)
		(void)refuse(out, VERDICT_FORK,
		    item->jws.sequence <= lane->last ? "another message came with this number"
						     : "the message before it is another than it says");
}

static void
check_batch(struct verifier *v, const struct cc_message *msg, int count, uint64_t seen, struct verified *out)
{
	for (int i = 0; i < count; i++) {
		out[i] = (struct verified){.lane = (uint32_t)(hash64(msg[i].key, 0) % v->lanes)};
		v->item[i].before = -1;
		v->item[i].fits = false;
		(void)check_form(v, &msg[i], seen, &v->item[i], &out[i]);
	}
	link_runs(v, msg, count, out);
	check_signatures(v, msg, count, out);
	for (int i = 0; i < count; i++) {
		if (out[i].verdict == VERDICT_ACCEPTED)
			check_rest(v, &msg[i], &v->item[i], &out[i]);
		v->verdicts[out[i].verdict]++;
		for (unsigned n = 0; n < VERIFY_NOTES; n++)
			v->notes[n] += out[i].notes >> n & 1;
	}
}

void
verifier_check(
    struct verifier *verifier, const struct cc_message *msg, size_t count, uint64_t seen, struct verified *ret_verified)
{
	while (count > 0) {
		size_t some = count < BATCH ? count : BATCH;

		check_batch(verifier, msg, (int)some, seen, ret_verified);
		msg += some;
		ret_verified += some;
		count -= some;
	}
}

/* ---- figures and keeping ---- */

uint64_t
verifier_count(const struct verifier *verifier, enum verdict verdict)
{
	return verifier->verdicts[verdict];
}

uint64_t
verifier_note_count(const struct verifier *verifier, enum verify_note note)
{
	return verifier->notes[note];
}

uint64_t
verifier_signatures(const struct verifier *verifier)
{
	return verifier->signatures;
}

void
verifier_save(struct verifier *verifier, verifier_lane_fn *fn, void *ctx)
{
	chain_save(verifier->chain, fn, ctx);
}

enum cc_status
verifier_restore(struct verifier *verifier, struct slice key, struct slice state)
{
	return chain_restore(verifier->chain, key, state);
}
