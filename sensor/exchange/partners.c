/*
 * Partners' messages to a watch list, and back: what was verified is judged by policy and allow-lists, lives until it
 * expires or is withdrawn, and goes to the workers as a whole when it has changed, at most four times a second.  A hit
 * goes back by way of its record; what was looked for in vain, as a negative sighting.
 *
 * A hostile partner costs what he may cost: so many messages a second, so many entries, so many lines in the list of
 * what was refused; all else of his is counted.  The thread of partners.h.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "exchange/partners_own.h"

#define MESSAGES_AT_ONCE 4096 /* in a step, */
#define BYTES_AT_ONCE (4u << 20) /* and none after so many bytes of them */
#define PUBLISH_NS (250 * NS_PER_MS)
#define CATCH_UP_MS 100             /* of waiting at a time, until all that lies on a broker is read */
#define CATCH_UP_NS (10 * NS_PER_S) /* what lies on a broker comes in before partners.rate holds */
#define HITS_MAX 65536

struct from {
	char *name;
	struct inbox *inbox;
	uint64_t tried; /* monotonic */
	bool told;      /* that it can't be read */
};

struct partners {
	struct partners_setup setup;
	char *outdir;
	const struct conf *conf;
	struct trust *trust;
	struct quarantine *quarantine;
	struct allow *allow;
	struct entries *entries;
	struct from from[EXCHANGE_SOURCES];
	size_t froms;
	partners_fn *fn;
	void *fn_ctx;
	bool dirty;              /* the list has changed since it was published */
	bool reload;             /* any thread */
	uint64_t began, second, published; /* monotonic */
	uint64_t allowance;      /* negative sightings that may still go this minute */
	uint64_t minute;
	struct buf list, value, normal;
	struct store_seen seen;  /* large */
	struct refused *refused; /* the list of what was refused */
	pthread_mutex_t lock;    /* of what follows */
	struct map *hits;        /* by answer_to */
	bool hits_lost;
	uint64_t counts[EXCHANGE_COUNT]; /* written here, read by any */
};

static void
add(struct partners *p, enum exchange_count which, uint64_t n)
{
	__atomic_fetch_add(&p->counts[which], n, __ATOMIC_RELAXED);
}

static void
put(struct partners *p, enum exchange_count which, uint64_t n)
{
	__atomic_store_n(&p->counts[which], n, __ATOMIC_RELAXED);
}

void
partners_counts(const struct partners *p, uint64_t *counts)
{
	for (unsigned i = 0; i < EXCHANGE_COUNT; i++)
		counts[i] += __atomic_load_n(&p->counts[i], __ATOMIC_RELAXED);
}

static void
refuse(struct partners *p, enum exchange_count reason, const char *source, const struct cc_message *msg,
    const struct told *told)
{
	add(p, reason, 1);
	refused_note(p->refused, reason, source, msg, told);
}

/* ---- one message ---- */

struct telling_of {
	struct source *source;
	const struct cc_message *msg;
	uint64_t now, told;
	bool exercise;
};

static void
remove_entry(struct partners *p, struct entry *entry, enum exchange_count why)
{
	entries_remove(p->entries, entry);
	add(p, why, 1);
	p->dirty = true;
}

/* EXCHANGE_COUNT: welcome. */
static enum exchange_count
judge(struct partners *p, const struct telling_of *t, const struct told *told, const struct cc_prefix *prefix)
{
	const struct source *source = t->source;
	enum cc_proof least = source->has_proof ? source->proof
	    : told->kind == CC_KIND_ADDR        ? (enum cc_proof)p->conf->partners_proof
						: CC_PROOF_SPOOFABLE;

	if (t->exercise != p->conf->exchange_exercise)
		return EXCHANGE_WATCH_EXERCISE;
	if (!source->use || (source->kinds & 1u << told->kind) == 0)
		return EXCHANGE_WATCH_POLICY;
	if (told->origin != TOLD_OWN && !source->answers)
		return EXCHANGE_WATCH_ECHO;
	if (told->proof < least)
		return EXCHANGE_WATCH_PROOF;
	if ((told->until != 0 && told->until <= t->now) || t->told + p->conf->partners_expire <= t->now)
		return EXCHANGE_WATCH_OLD;
	return allow_judge(p->allow, told->kind, buf_slice(&p->normal), prefix);
}

static void
take(struct partners *p, const struct telling_of *t, const struct told *told)
{
	struct slice value = buf_slice(&p->normal), id = message_header(t->msg, "ce_id");
	struct entry *entry = entries_find(p->entries, t->source, told->kind, value);
	uint64_t until = t->told + p->conf->partners_expire;

	if (entry == NULL) {
		if (entries_add(p->entries, t->source, told->kind, value, &entry) != CC_OK) {
			refuse(p, EXCHANGE_WATCH_FULL, t->source->id, t->msg, told);
			return;
		}
		entry->looked = t->now;
		add(p, EXCHANGE_WATCH_ADDED, 1);
		p->dirty = true;
		snprintf(entry->message, sizeof(entry->message), "%.*s", (int)id.size, (const char *)id.p);
	} else {
		if (t->told <= entry->told)
			return; /* an older one that came late */
		if (entry->negative) { /* told anew: looked for anew */
			entry->negative = false;
			entry->looked = t->now;
			snprintf(entry->message, sizeof(entry->message), "%.*s", (int)id.size, (const char *)id.p);
			p->dirty = true;
		}
		add(p, EXCHANGE_WATCH_RENEWED, 1);
	}
	snprintf(entry->indicator, sizeof(entry->indicator), "%s", told->indicator);
	entry->told = t->told;
	entry->until = told->until != 0 && told->until < until ? told->until : until;
	entries_keep(p->entries, entry);
}

static void
take_told(struct partners *p, const struct telling_of *t, const struct told *told)
{
	struct cc_prefix prefix = {.bits = 0};
	struct entry *entry;
	enum exchange_count reason;

	if (!told->known || watch_value(told->kind, slice_of(told->value, told->size), &p->normal, &prefix) != CC_OK) {
		refuse(p, EXCHANGE_WATCH_MALFORMED, t->source->id, t->msg, told);
		return;
	}
	if (told->revoked) {
		entry = entries_find(p->entries, t->source, told->kind, buf_slice(&p->normal));
		if (entry != NULL && entry->told <= t->told)
			remove_entry(p, entry, EXCHANGE_WATCH_WITHDRAWN);
		return;
	}
	reason = told->negative ? EXCHANGE_WATCH_NEGATIVE : judge(p, t, told, &prefix);
	if (reason == EXCHANGE_COUNT)
		take(p, t, told);
	else
		refuse(p, reason, t->source->id, t->msg, told);
}

/* A bucket for each partner, so that one can't keep us from hearing the others. */
static bool
may_speak(struct partners *p, struct source *source)
{
	uint64_t now = time_monotonic(), rate = p->conf->partners_rate, more;

	if (now - p->began < CATCH_UP_NS)
		return true;
	more = (now - source->refilled) / (NS_PER_S / 1000) * rate / 1000;
	if (more > 0) {
		source->tokens = source->tokens + more < 10 * rate ? source->tokens + more : 10 * rate;
		source->refilled = now;
	}
	if (source->tokens == 0)
		return false;
	source->tokens--;
	return true;
}

static void
take_indicators(struct partners *p, const struct cc_message *msg, const struct verified *verified)
{
	struct telling_of t = {
	    .msg = msg, .now = time_now(), .exercise = slice_is(message_header(msg, "exercise"), "true")};
	struct telling telling = {.count = 0};
	struct slice when = message_header(msg, "ce_time");
	char text[64];

	if (verified->key == NULL || verified->key->organisation->own)
		return;
	t.source = entries_source(p->entries, verified->key->organisation->id);
	if (t.source == NULL)
		return;
	if (!may_speak(p, t.source)) {
		add(p, EXCHANGE_PARTNERS_RATE, 1);
		return;
	}
	snprintf(text, sizeof(text), "%.*s", (int)(when.size < sizeof(text) ? when.size : 0), (const char *)when.p);
	if (time_rfc3339_parse(text, &t.told) != CC_OK || t.told > t.now)
		t.told = t.now;
	if (msg->value.size > p->conf->exchange_message_max || telling_read(msg->value, &telling) != CC_OK) {
		refuse(p, EXCHANGE_WATCH_MALFORMED, t.source->id, msg, NULL);
		return;
	}
	for (size_t i = 0; i < telling.count; i++)
		take_told(p, &t, &telling.told[i]);
	add(p, EXCHANGE_WATCH_FULL, telling.more);
	telling_free(&telling);
}

static void
take_message(struct partners *p, const struct cc_message *msg, const struct verified *verified)
{
	size_t prefix = strlen(p->conf->exchange_prefix) + 1;
	struct slice topic =
	    msg->topic.size > prefix ? slice_of(msg->topic.p + prefix, msg->topic.size - prefix) : msg->topic;

	add(p, EXCHANGE_PARTNERS_MESSAGES, 1);
	add(p, EXCHANGE_PARTNERS_FALLBACK, msg->fallback);
	if (slice_is(topic, "contacts") &&
	    (verified->verdict == VERDICT_ACCEPTED || verified->verdict == VERDICT_UNKNOWN_KEY))
		(void)trust_learn_entry(
		    p->trust, msg->value, verified->verdict == VERDICT_ACCEPTED ? verified->key->organisation : NULL);
	if (verified->verdict == VERDICT_DUPLICATE)
		add(p, EXCHANGE_PARTNERS_DUPLICATES, 1);
	else if (verified->verdict != VERDICT_ACCEPTED)
		add(p, EXCHANGE_PARTNERS_REFUSED, 1);
	else if (slice_is(topic, "indicators"))
		take_indicators(p, msg, verified);
	else if (p->fn != NULL)
		p->fn(p->fn_ctx, msg, verified);
}

/* ---- reading ---- */

static bool
from_ready(struct partners *p, struct from *from)
{
	static const char *const topics[] = {"indicators", "contacts", "requests", "notices"};
	uint64_t now = time_monotonic();
	char *why = NULL;
	enum cc_status st;

	if (from->inbox != NULL)
		return true;
	if (from->tried != 0 && now - from->tried < NS_PER_S)
		return false;
	from->tried = now;
	(void)trust_learn_from(p->conf, from->name, p->trust);
	st = inbox_open(p->conf, from->name, topics, sizeof(topics) / sizeof(topics[0]), true, p->trust, p->quarantine,
	    &from->inbox, &why);
	if (st == CC_OK) {
		if (from->told)
			log_notice("exchange.from: %s: is read", from->name);
		entries_restore_lanes(p->entries, from->name, inbox_verifier(from->inbox));
	} else if (!from->told && (st != CC_IO || p->setup.live || p->conf->exchange_from.count > 0)) {
		/* Of what is looked at once exchange.to, our own, may be made by what is found in it. */
		log_warning("exchange.from: %s; tried again each second", why != NULL ? why : cc_status_text(st));
		from->told = true;
	}
	free(why);
	return st == CC_OK;
}

/* CC_END: nothing is left for now; CC_MORE: nothing came in time, and nobody said that this was all. */
static enum cc_status
read_from(struct partners *p, struct from *from, int ms)
{
	struct cc_message msg;
	struct verified verified;
	const char *why;
	size_t bytes = 0;

	/* Who floods us with large ones keeps neither what others told from the list, nor us from an end. */
	for (unsigned n = 0; n < MESSAGES_AT_ONCE && bytes < BYTES_AT_ONCE; n++, ms = 0) {
		enum cc_status st = inbox_next(from->inbox, ms, &msg, &verified, &why);

		if (st == CC_OK) {
			bytes += msg.value.size;
			take_message(p, &msg, &verified);
		} else if (st == CC_BAD) {
			add(p, EXCHANGE_PARTNERS_REFUSED, 1);
		} else {
			return st == CC_MORE ? CC_MORE : CC_END;
		}
	}
	return CC_OK;
}

/* Over files: what lies there is read to its end, or until a broker has been silent for partners.first. */
static enum cc_status
catch_up(struct partners *p, struct from *from)
{
	uint64_t heard = time_monotonic();
	enum cc_status st;

	while ((st = read_from(p, from, CATCH_UP_MS)) == CC_MORE &&
	       time_monotonic() - heard < p->setup.conf->partners_first)
		;
	return st;
}

/* ---- hits ---- */

void
partners_hit(struct partners *p, struct slice answer_to, uint64_t time)
{
	add(p, EXCHANGE_WATCH_HITS, 1);
	(void)time;
	pthread_mutex_lock(&p->lock);
	if (map_count(p->hits) >= HITS_MAX || map_put(p->hits, answer_to, p, NULL) != CC_OK)
		p->hits_lost = true;
	pthread_mutex_unlock(&p->lock);
}

static void
mark(struct map *values, enum cc_kind kind, struct slice value)
{
	uint8_t key[VALUE_MAX + 1];

	if (value.size > VALUE_MAX)
		return;
	key[0] = (uint8_t)kind;
	memcpy(key + 1, value.p, value.size);
	(void)map_put(values, slice_of(key, value.size + 1), values, NULL);
}

/* The value that was hit, and all that have it below them: those were hit as well, and the lookup ends at the first. */
static void
mark_with_above(struct partners *p, struct map *values, const struct entry *entry)
{
	struct slice value = slice_str(entry->value);
	char text[CC_ADDR_TEXT + 8];
	struct cc_prefix prefix;
	const uint8_t *dot;

	mark(values, entry->kind, value);
	while (entry->kind == CC_KIND_DOMAIN && (dot = memchr(value.p, '.', value.size)) != NULL) {
		value = slice_of(dot + 1, value.size - (size_t)(dot + 1 - value.p));
		mark(values, entry->kind, value);
	}
	if (entry->kind != CC_KIND_ADDR || watch_value(entry->kind, value, &p->normal, &prefix) != CC_OK)
		return;
	for (unsigned bits = prefix.bits, six = cc_addr_is4(&prefix.addr) ? 96 : 0; bits-- > six + 8;) {
		struct cc_prefix above;
		char addr[CC_ADDR_TEXT];

		snprintf(text, sizeof(text), "%s/%u", cc_addr_text(&prefix.addr, addr), bits - six);
		if (watch_value(CC_KIND_ADDR, slice_str(text), &p->normal, &above) == CC_OK)
			mark(values, CC_KIND_ADDR, buf_slice(&p->normal));
	}
}

static void
take_hits(struct partners *p, uint64_t now)
{
	struct map *fresh = map_new(0), *values = map_new(0), *hits;
	char answer[ANSWER_MAX];
	uint8_t key[VALUE_MAX + 1];
	struct entry *entry;
	size_t at = 0;
	bool lost;

	if (fresh == NULL || values == NULL) {
		map_free(fresh, NULL);
		map_free(values, NULL);
		return;
	}
	pthread_mutex_lock(&p->lock);
	hits = p->hits;
	p->hits = fresh;
	lost = p->hits_lost;
	p->hits_lost = false;
	pthread_mutex_unlock(&p->lock);
	while (map_count(hits) > 0 && entries_next(p->entries, &at, &entry)) {
		int size = snprintf(answer, sizeof(answer), "%s %s", entry->source->id, entry->message);

		if (map_get(hits, slice_of(answer, (size_t)size)) != NULL)
			mark_with_above(p, values, entry);
	}
	for (at = 0; (lost || map_count(values) > 0) && entries_next(p->entries, &at, &entry);) {
		size_t size = strlen(entry->value);

		key[0] = (uint8_t)entry->kind;
		memcpy(key + 1, entry->value, size);
		if (lost || map_get(values, slice_of(key, size + 1)) != NULL) {
			entry->hit = now;
			entries_keep(p->entries, entry);
		}
	}
	map_free(values, NULL);
	map_free(hits, NULL);
}

/* ---- negative sightings ---- */

static bool
send_negative(struct partners *p, struct entry *entry, const struct negative *what)
{
	char key[VALUE_MAX + 40];
	struct exchange_message msg = {.topic = "indicators",
	    .type = "org.concert.sighting.v1",
	    .time = what->until,
	    .tlp = CC_TLP_AMBER,
	    .class = CC_CLASS_EVENT};

	buf_clear(&p->value);
	if (stix_negative(p->conf, p->setup.live, what, &p->value) != CC_OK)
		return false;
	snprintf(key, sizeof(key), "%s:%s", record_kind_text(entry->kind), entry->value);
	msg.key = slice_str(key);
	msg.value = buf_slice(&p->value);
	if (p->setup.send(p->setup.ctx, &msg) != CC_OK)
		return false;
	add(p, EXCHANGE_NEGATIVES, 1);
	entry->negative = true;
	entries_keep(p->entries, entry);
	return true;
}

static void
tell_quiet(struct partners *p, struct entry *entry, uint64_t now)
{
	struct negative what = {.kind = entry->kind,
	    .value = slice_str(entry->value),
	    .to = entry->source->id,
	    .of = entry->message,
	    .from = entry->looked,
	    .until = now};
	struct store_seen *seen = &p->seen;

	if (p->conf->exchange_ceiling < CC_TLP_AMBER)
		return;
	memset(seen, 0, sizeof(*seen));
	if (p->setup.store == NULL || store_looked(p->setup.store, what.from, what.until, seen) != CC_OK ||
	    seen->looked == 0) {
		entry->looked = now; /* nobody looked, so nothing can be said of that time */
		return;
	}
	what.looked = seen->looked;
	what.packets = seen->packets;
	what.lost = seen->lost;
	if (p->allowance > 0 && send_negative(p, entry, &what))
		p->allowance--;
	else
		add(p, EXCHANGE_NEGATIVES_WAIT, 1);
}

static bool
wants_negative(const struct entry *entry)
{
	return entry->source->negative && !entry->negative && entry->hit < entry->looked;
}

void
partners_capture(struct partners *p, uint64_t first, uint64_t last, uint64_t packets, uint64_t lost)
{
	struct entry *entry;
	size_t at = 0;

	take_hits(p, time_now());
	if (last < first || last - first < p->conf->partners_quiet || p->conf->exchange_ceiling < CC_TLP_AMBER)
		return;
	while (entries_next(p->entries, &at, &entry)) {
		struct negative what = {.kind = entry->kind, .value = slice_str(entry->value), .to = entry->source->id,
		    .of = entry->message,
		    .from = first, .until = last, .looked = last - first, .packets = packets, .lost = lost};

		if (wants_negative(entry) && !send_negative(p, entry, &what))
			add(p, EXCHANGE_NEGATIVES_WAIT, 1);
	}
}

/* ---- each second ---- */

/* Its time is over, its partner is trusted no more, or the operator has changed his mind. */
static void
sweep(struct partners *p, uint64_t now, bool anew)
{
	struct entry *entry, *gone[1024];
	size_t at = 0, count;

	do {
		count = at = 0;
		while (count < sizeof(gone) / sizeof(gone[0]) && entries_next(p->entries, &at, &entry)) {
			struct cc_prefix prefix;
			bool unwanted = !entry->source->use || (entry->source->kinds & 1u << entry->kind) == 0;

			if (anew && !unwanted &&
			    watch_value(entry->kind, slice_str(entry->value), &p->normal, &prefix) == CC_OK)
				unwanted = allow_judge(p->allow, entry->kind, buf_slice(&p->normal), &prefix) !=
					   EXCHANGE_COUNT;
			if (entry->until <= now || unwanted)
				gone[count++] = entry;
			else if (p->setup.live && wants_negative(entry) &&
				 now - entry->looked >= p->conf->partners_quiet && now > entry->looked)
				tell_quiet(p, entry, now);
			else if (p->setup.live && entry->hit >= entry->looked &&
				 now > entry->looked + p->conf->partners_quiet)
				entry->looked = now; /* a window with a hit is over; the next begins */
		}
		for (size_t i = 0; i < count; i++)
			remove_entry(
			    p, gone[i], gone[i]->until <= now ? EXCHANGE_WATCH_EXPIRED : EXCHANGE_WATCH_WITHDRAWN);
	} while (count == sizeof(gone) / sizeof(gone[0]));
}

static void
reload(struct partners *p)
{
	struct allow *allow = NULL;
	char *why = NULL;

	if (trust_reload(p->trust, &why) != CC_OK)
		log_error("%s; whom we trust stays as it was", why != NULL ? why : "exchange.trust");
	free(why);
	why = NULL;
	if (allow_open(p->conf, p->setup.outdir, &allow, &why) == CC_OK) {
		allow_close(p->allow);
		p->allow = allow;
	} else {
		log_error("%s; the allow-list stays as it was", why != NULL ? why : "partners.allow");
	}
	free(why);
	entries_policy(p->entries, p->trust);
	sweep(p, time_now(), true);
}

static void
each_second(struct partners *p)
{
	uint64_t mono = time_monotonic(), now = time_now();

	if (mono - p->second < NS_PER_S)
		return;
	p->second = mono;
	refused_second(p->refused);
	if (mono - p->minute >= 60 * NS_PER_S) {
		p->minute = mono;
		p->allowance = p->conf->partners_negative_rate;
	}
	take_hits(p, now);
	sweep(p, now, false);
	for (size_t i = 0; i < p->froms; i++) {
		if (p->from[i].inbox != NULL)
			entries_save_lanes(p->entries, p->from[i].name, inbox_verifier(p->from[i].inbox));
	}
	entries_commit(p->entries);
	put(p, EXCHANGE_WATCH_ENTRIES, entries_count(p->entries));
	put(p, EXCHANGE_PARTNERS_DISK, entries_errors(p->entries));
}

/* ---- the list ---- */

static void
publish(struct partners *p)
{
	struct entry *entry;
	size_t at = 0;
	uint64_t lost = 0;

	buf_clear(&p->list);
	while (entries_next(p->entries, &at, &entry))
		lost += !list_put(&p->list, entry);
	p->setup.publish(p->setup.ctx, buf_slice(&p->list));
	put(p, EXCHANGE_WATCH_NO_ROOM, lost);
	add(p, EXCHANGE_WATCH_PUBLISHED, 1);
	put(p, EXCHANGE_WATCH_ENTRIES, entries_count(p->entries));
	p->published = time_monotonic();
	p->dirty = false;
}

enum cc_status
partners_step(struct partners *p, int ms)
{
	enum cc_status st = CC_END;

	if (__atomic_exchange_n(&p->reload, false, __ATOMIC_RELAXED))
		reload(p);
	for (size_t i = 0; i < p->froms; i++) {
		struct from *from = &p->from[i];

		if (from_ready(p, from) &&
		    (ms >= 0 ? read_from(p, from, ms / (int)p->froms) : catch_up(p, from)) == CC_OK)
			st = CC_OK;
	}
	each_second(p);
	if (p->dirty && (time_monotonic() - p->published >= PUBLISH_NS || (st == CC_END && !p->setup.live)))
		publish(p);
	return st;
}

/* ---- life ---- */

static enum cc_status
take_names(struct partners *p)
{
	struct exchange_sources sources;

	if (exchange_sources(p->conf, p->setup.outdir, &sources) != CC_OK)
		return CC_NOMEM;
	for (size_t i = 0; i < sources.count; i++)
		p->from[p->froms++].name = sources.name[i];
	return p->froms > 0 && p->conf->exchange_trust[0] != '\0' ? CC_OK : CC_ABSENT;
}

enum cc_status
partners_open(const struct partners_setup *setup, struct partners **ret_partners, char **ret_why)
{
	struct partners *p = calloc(1, sizeof(*p));
	enum cc_status st;

	*ret_why = NULL;
	if (p == NULL)
		return CC_NOMEM;
	p->setup = *setup;
	p->outdir = strdup(setup->outdir);
	p->setup.outdir = p->outdir;
	p->conf = setup->conf;
	p->began = time_monotonic();
	pthread_mutex_init(&p->lock, NULL);
	buf_open(&p->list, p->conf->partners_list);
	buf_open(&p->value, 65536);
	buf_open(&p->normal, VALUE_MAX + 64);
	p->hits = map_new(0);
	p->refused = refused_new(p->conf, setup->outdir);
	st = p->outdir != NULL && p->hits != NULL && p->refused != NULL ? take_names(p) : CC_NOMEM;
	if (st == CC_OK && (st = trust_open(p->conf, setup->outdir, &p->trust, ret_why)) == CC_OK &&
	    (st = quarantine_open(p->conf, setup->outdir, &p->quarantine, ret_why)) == CC_OK &&
	    (st = allow_open(p->conf, setup->outdir, &p->allow, ret_why)) == CC_OK)
		st = entries_open(p->conf, setup->outdir, &p->entries, ret_why);
	if (st != CC_OK) {
		partners_close(p);
		return st;
	}
	entries_policy(p->entries, p->trust);
	sweep(p, time_now(), true);
	p->dirty = true;
	*ret_partners = p;
	return CC_OK;
}

void
partners_close(struct partners *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->froms; i++) {
		if (p->from[i].inbox != NULL && p->entries != NULL)
			entries_save_lanes(p->entries, p->from[i].name, inbox_verifier(p->from[i].inbox));
		inbox_close(p->from[i].inbox);
		free(p->from[i].name);
	}
	entries_close(p->entries);
	allow_close(p->allow);
	quarantine_close(p->quarantine);
	trust_close(p->trust);
	map_free(p->hits, NULL);
	refused_free(p->refused);
	free(p->outdir);
	buf_close(&p->list);
	buf_close(&p->value);
	buf_close(&p->normal);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void
partners_handle(struct partners *p, partners_fn *fn, void *ctx)
{
	p->fn = fn;
	p->fn_ctx = ctx;
}

struct trust *
partners_trust(struct partners *p)
{
	return p->trust;
}

void
partners_reload(struct partners *p)
{
	__atomic_store_n(&p->reload, true, __ATOMIC_RELAXED);
}
