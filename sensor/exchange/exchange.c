/*
 * The courier's work in one place: records are aggregated, marked, made messages, spooled; the spool is offered to the
 * output, and what the output has for good moves the spool's cursor.
 *
 * A message that the output gives back is offered again once everything in flight is settled, so that nothing is sent
 * twice but after a crash.  Trouble with the disk or the output is logged once when it begins and once when it is over.
 * One thread; nothing here waits longer than it was told to.
 */
#include "exchange/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "exchange/channels_own.h"
#include "exchange/repeats_own.h"
#include "exchange/signing_own.h"

#define COVERAGE_MAX 8192
#define NUMBER_AT 5      /* where ce_sequence stands among the headers */
#define SEND_AT_ONCE 512 /* messages offered in one go */
#define SIGNING_MS 1     /* messages that are being signed are looked for after this long */
#define OUTPUT_FULL_MS 5 /* a full output is asked again after this long */
#define PATIENCE (2 * NS_PER_S) /* with an output that takes nothing, while the spool is full */

const char *const exchange_count_name[EXCHANGE_COUNT] = {
#define COUNT(symbol, name, help) [EXCHANGE_##symbol] = name,
#include "exchange/counters.def"
#undef COUNT
};

struct exchange {
	const struct conf *conf;
	struct exchange_source source;
	char coverage[COVERAGE_MAX];
	char *source_name; /* "urn:concert:<organisation>/<sensor>" */
	struct aggregate *aggregate;
	struct repeats *repeats; /* NULL: they are not kept */
	struct held *stays; /* the list of what did not leave */
	enum cc_tlp ceiling; /* of the topic of indicators */
	struct spool *spool; /* NULL: exchange.to is none */
	struct key *signer;
	struct signing *signing;
	uint64_t large_told; /* of signing's count */
	struct channels *channels;
	uint64_t channel_told; /* when the way changed that partners were told of last */
	struct buf value, topic, key;
	struct cc_message held; /* read from the spool, refused by a full output */
	uint64_t held_position;
	bool holds;
	bool lost; /* the output gave some back: rewind when all is settled */
	bool disk_trouble, shedding;
	uint64_t looked; /* at the list of networks, monotonic */
	uint64_t in_vain; /* deliveries so far, and one, when the output was last waited for in vain */
	enum cc_status status; /* of the record at hand */
	uint64_t counts[EXCHANGE_COUNT];
	char state[512];
};

/* ---- records to messages ---- */

/* Same at all partners: keyed by nothing. */
static uint32_t
lane_of(const struct exchange *exchange, struct slice key)
{
	return (uint32_t)(hash64(key, 0) % exchange->conf->exchange_lanes);
}

/* From content and source, so that the same message sent again is known as such. */
static void
message_id(const struct exchange *exchange, struct slice value, char ret_id[37])
{
	uint8_t digest[32];
	char hex[65];
	struct digest d;

	digest_open(&d, DIGEST_SHA256);
	digest_add(&d, slice_str(exchange->source_name));
	digest_add(&d, slice_of("", 1));
	digest_add(&d, value);
	digest_close(&d, NULL, NULL, digest);
	hex_text(slice_of(digest, 16), hex);
	snprintf(ret_id, 37, "%.8s-%.4s-8%.3s-b%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
}

static void
add_header(struct cc_message *msg, const char *name, const char *value)
{
	msg->header[msg->header_count++] = (struct cc_header){name, slice_str(value)};
}

/* Says it when trouble with the disk begins and when it is over. */
static void
note_disk(struct exchange *exchange, enum cc_status st)
{
	bool trouble = st == CC_IO || st == CC_NOMEM, shedding = st == CC_FULL;

	if (trouble && !exchange->disk_trouble)
		log_error("spool: %s: messages are lost until this is mended", spool_error(exchange->spool));
	else if (!trouble && exchange->disk_trouble)
		log_notice("spool: can be written again");
	if (shedding && !exchange->shedding)
		log_warning("spool: spool.max (%" PRIu64 " bytes) is used up: the least important messages are shed",
		    exchange->conf->spool_max);
	exchange->disk_trouble = trouble;
	exchange->shedding = shedding || (exchange->shedding && trouble);
}

/* Over files there is time: nothing is shed while the output takes any.  One that took nothing is not waited for again.
 */
static bool
wait_for_room(struct exchange *exchange)
{
	const uint64_t *taken = &exchange->counts[EXCHANGE_DELIVERED], before = *taken;
	uint64_t until = time_monotonic() + PATIENCE;

	if (exchange->source.live || exchange->in_vain == before + 1)
		return false;
	while (*taken == before && time_monotonic() < until)
		(void)exchange_pump(exchange, 10);
	if (*taken == before)
		exchange->in_vain = before + 1;
	return *taken > before;
}

/* Messages that are signed. */
static enum cc_status
spool_messages(void *ctx, const struct spool_item *item, size_t count, size_t *ret_count)
{
	struct exchange *exchange = ctx;
	static const unsigned shed[CC_CLASS_COUNT] = {
	    [CC_CLASS_ALERT] = EXCHANGE_SHED_ALERT,
	    [CC_CLASS_SIGHTING] = EXCHANGE_SHED_SIGHTING,
	    [CC_CLASS_EVENT] = EXCHANGE_SHED_EVENT,
	};
	size_t done = 0;
	enum cc_status st;

	do {
		st = spool_append_all(exchange->spool, item + *ret_count, count - *ret_count, &done);
		*ret_count += done;
		exchange->counts[EXCHANGE_MESSAGES] += done;
	} while (st == CC_FULL && wait_for_room(exchange));
	note_disk(exchange, st);
	if (st == CC_FULL)
		exchange->counts[shed[item[*ret_count].msg->class]]++;
	else if (st != CC_OK)
		exchange->counts[EXCHANGE_DISK_ERRORS]++;
	return st;
}

/* As json_string() writes it, so that the key is what partners read in the bundle: a byte that is no UTF-8 is the
 * character of its value. */
static void
add_utf8(struct buf *out, struct slice text)
{
	const uint8_t *p = text.p, *end = text.p + text.size;

	while (p < end) {
		size_t size = utf8_char_size(p, end);
		uint8_t two[2] = {(uint8_t)(0xc0 | *p >> 6), (uint8_t)(0x80 | (*p & 0x3f))};

		buf_add(out, size > 0 ? p : two, size > 0 ? size : 2);
		p += size > 0 ? size : 1;
	}
}

enum cc_status
exchange_send(struct exchange *exchange, const struct exchange_message *what)
{
	struct cc_message msg = {.class = what->class};
	char id[37], time[40];

	if (exchange->spool == NULL)
		return CC_ABSENT;
	buf_clear(&exchange->topic);
	buf_clear(&exchange->key);
	buf_printf(&exchange->topic, "%s.%s", exchange->conf->exchange_prefix, what->topic);
	add_utf8(&exchange->key, what->key);
	msg.topic = buf_slice(&exchange->topic);
	msg.key = buf_slice(&exchange->key);
	msg.value = what->value;
	msg.lane = lane_of(exchange, msg.key);
	message_id(exchange, msg.value, id);
	add_header(&msg, "ce_specversion", "1.0");
	add_header(&msg, "ce_id", id);
	add_header(&msg, "ce_source", exchange->source_name);
	add_header(&msg, "ce_type", what->type);
	add_header(&msg, "ce_time", time_rfc3339_text(what->time, time));
	add_header(&msg, "content-type", "application/stix+json;version=2.1");
	add_header(&msg, "tlp", record_tlp_text(what->tlp));
	add_header(&msg, "exercise", exchange->conf->exchange_exercise || what->exercise ? "true" : "false");
	return signing_add(exchange->signing, &msg, NUMBER_AT);
}

static enum cc_status
send_record(struct exchange *exchange, const struct cc_record *rec, bool update)
{
	char key[65600];
	int kind = snprintf(key, 32, "%s:", record_kind_text(rec->kind));
	size_t size = rec->value.size < sizeof(key) - 32 ? rec->value.size : sizeof(key) - 32;
	enum cc_status st;

	buf_clear(&exchange->value);
	st = stix_sighting(&exchange->source, rec, update, &exchange->value);
	if (st == CC_FULL) {
		exchange->counts[EXCHANGE_TOO_LARGE]++;
		held_note(exchange->stays, rec, "indicators", "larger than exchange.message_max");
		return CC_OK;
	}
	if (st == CC_DENIED) {
		exchange->counts[EXCHANGE_OURS_HELD]++;
		held_note(exchange->stays, rec, "indicators", "names an address of our own networks");
		return CC_OK;
	}
	memcpy(key + kind, rec->value.p, size);
	return exchange_send(exchange, &(struct exchange_message){.topic = "indicators",
					   .type = "org.concert.sighting.v1",
					   .key = slice_of(key, (size_t)kind + size),
					   .value = buf_slice(&exchange->value),
					   .time = rec->last,
					   .tlp = rec->tlp,
					   .class = rec->class});
}

/* What the aggregate lets pass. */
static void
pass(void *ctx, const struct cc_record *rec, bool update)
{
	struct exchange *exchange = ctx;
	enum cc_status st;

	exchange->counts[update ? EXCHANGE_UPDATES : EXCHANGE_FIRST]++;
	if (rec->tlp > exchange->ceiling) {
		exchange->counts[EXCHANGE_HELD_BACK]++;
		held_note(exchange->stays, rec, "indicators", "marked above the topic's ceiling");
		return;
	}
	if (exchange->spool == NULL)
		return;
	st = send_record(exchange, rec, update);
	if (st != CC_OK)
		exchange->status = st;
}

enum cc_status
exchange_record(struct exchange *exchange, const struct cc_record *rec)
{
	exchange->status = CC_OK;
	exchange->counts[EXCHANGE_RECORDS]++;
	aggregate_add(exchange->aggregate, rec);
	return exchange->status;
}

bool
exchange_resume(struct exchange *exchange, uint64_t run, uint64_t *ret_position, unsigned count)
{
	return exchange->repeats != NULL &&
	       repeats_resume(exchange->repeats, run, exchange->source.live, ret_position, count);
}

void
exchange_mark(struct exchange *exchange, const uint64_t *position, unsigned count)
{
	if (exchange->repeats != NULL)
		repeats_mark(exchange->repeats, position, count);
}

void
exchange_keep(struct exchange *exchange)
{
	if (exchange->repeats != NULL)
		repeats_write(exchange->repeats);
}

void
exchange_coverage(struct exchange *exchange, struct slice json)
{
	if (json.size > sizeof(exchange->coverage))
		return;
	memcpy(exchange->coverage, json.p, json.size);
	exchange->source.coverage = slice_of(exchange->coverage, json.size);
}

static void
note_signing(struct exchange *exchange)
{
	if (signing_errors(exchange->signing) > 0 && exchange->counts[EXCHANGE_SIGN_ERRORS] == 0)
		log_error("exchange.key: a message can't be signed and is not sent");
	exchange->counts[EXCHANGE_SIGN_ERRORS] = signing_errors(exchange->signing);
	exchange->counts[EXCHANGE_TOO_LARGE] += signing_too_large(exchange->signing) - exchange->large_told;
	exchange->large_told = signing_too_large(exchange->signing);
}

enum cc_status
exchange_flush(struct exchange *exchange)
{
	enum cc_status st;

	if (exchange->signing == NULL)
		return CC_OK;
	st = signing_flush(exchange->signing);
	note_signing(exchange);
	return st;
}

uint64_t
exchange_given(const struct exchange *exchange)
{
	return exchange->signing != NULL ? signing_added(exchange->signing) : 0;
}

uint64_t
exchange_settled(const struct exchange *exchange)
{
	return exchange->signing != NULL ? signing_retired(exchange->signing) : 0;
}

void
exchange_tick(struct exchange *exchange, uint64_t now)
{
	aggregate_tick(exchange->aggregate, now);
}

enum cc_status
exchange_beat(struct exchange *exchange, uint64_t now, bool ending)
{
	const uint64_t *counts = exchange->counts;
	struct exchange_health health = {.time = now, .ending = ending,
	    .shed = counts[EXCHANGE_SHED_ALERT] + counts[EXCHANGE_SHED_SIGHTING] + counts[EXCHANGE_SHED_EVENT],
	    .held_back = counts[EXCHANGE_HELD_BACK], .disk_errors = counts[EXCHANGE_DISK_ERRORS]};
	struct exchange_message what = {.topic = "health",
	    .type = "org.concert.health.v1",
	    .time = now,
	    .tlp = CC_TLP_GREEN,
	    .class = CC_CLASS_EVENT};
	struct channels_figures figures;
	char key[512];

	if (exchange->spool == NULL || exchange->conf->exchange_heartbeat == 0)
		return CC_OK;
	health.waiting = spool_waiting(exchange->spool);
	channels_figures(exchange->channels, &figures);
	health.two_ways = figures.two;
	health.fallback = figures.fallback;
	health.since = figures.since;
	health.by_fallback = figures.by_fallback;
	snprintf(key, sizeof(key), "%s/%s", exchange->conf->sensor_organisation, exchange->conf->sensor_name);
	buf_clear(&exchange->value);
	if (stix_health(&exchange->source, &health, &exchange->value) != CC_OK)
		return CC_FULL;
	what.key = slice_str(key);
	what.value = buf_slice(&exchange->value);
	exchange->counts[EXCHANGE_BEATS]++;
	return exchange_send(exchange, &what);
}

/* ---- spool to output ---- */

static void
delivered(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct exchange *exchange = ctx;

	switch (status) {
	case CC_OK:
		exchange->counts[EXCHANGE_DELIVERED]++;
		spool_delivered(exchange->spool, ticket);
		break;
	case CC_BAD:
		if (exchange->counts[EXCHANGE_REFUSED]++ == 0)
			log_error("exchange: a message can never be delivered and is given up: %s",
			    exchange->channels != NULL ? channels_state(exchange->channels) : "");
		spool_delivered(exchange->spool, ticket);
		break;
	default:
		exchange->counts[EXCHANGE_RETRIED]++;
		exchange->lost = true;
		break;
	}
}

/* Offers what waits.  The number taken; *ret_full: the output wants no more for now. */
static unsigned
offer(struct exchange *exchange, bool *ret_full)
{
	unsigned count = 0;

	while (count < SEND_AT_ONCE && !exchange->lost) {
		if (!exchange->holds) {
			enum cc_status st = spool_next(exchange->spool, &exchange->held, &exchange->held_position);

			if (st != CC_OK) {
				if (st != CC_END)
					note_disk(exchange, st);
				break;
			}
			exchange->holds = true;
		}
		spool_fault(exchange->spool, "send");
		if (channels_send(exchange->channels, &exchange->held, exchange->held_position) != CC_OK) {
			*ret_full = true;
			break;
		}
		spool_fault(exchange->spool, "sent");
		exchange->holds = false;
		count++;
	}
	return count;
}

/* Partners are told of another way at once; the main one, back again, gets what it has missed. */
static void
note_channel(struct exchange *exchange)
{
	struct channels_figures figures;
	uint64_t repeat = channels_repeat(exchange->channels);

	if (repeat != 0 && exchange->conf->exchange_fallback_repeat) {
		spool_replay(exchange->spool, repeat);
		exchange->holds = false;
	}
	channels_figures(exchange->channels, &figures);
	if (figures.since == exchange->channel_told)
		return;
	exchange->channel_told = figures.since;
	if (exchange->source.live)
		(void)exchange_beat(exchange, time_now(), false);
}

enum cc_status
exchange_pump(struct exchange *exchange, int ms)
{
	bool full = false;
	unsigned sent;
	enum cc_status st, flushed;

	if (exchange->spool == NULL)
		return CC_OK;
	flushed = signing_turn(exchange->signing);
	note_signing(exchange);
	if (exchange->lost && channels_pending(exchange->channels) == 0) {
		spool_rewind(exchange->spool);
		exchange->lost = exchange->holds = false;
	}
	sent = offer(exchange, &full);
	if (sent > 0)
		ms = 0;
	else if (exchange_settled(exchange) != exchange_given(exchange) && ms > SIGNING_MS)
		ms = SIGNING_MS;
	else if (full && ms > OUTPUT_FULL_MS)
		ms = OUTPUT_FULL_MS;
	channels_poll(exchange->channels, ms);
	note_channel(exchange);
	if (time_monotonic() - exchange->looked >= NS_PER_S) {
		exchange->looked = time_monotonic();
		victims_refresh(exchange->source.victims);
	}
	st = spool_tick(exchange->spool, time_monotonic());
	if (st != CC_OK)
		note_disk(exchange, st);
	return st != CC_OK ? st : flushed;
}

enum cc_status
exchange_drain(struct exchange *exchange, uint64_t until)
{
	aggregate_flush(exchange->aggregate);
	if (exchange->spool == NULL)
		return CC_OK;
	if (exchange_flush(exchange) == CC_OK && exchange->repeats != NULL)
		repeats_end(exchange->repeats);
	do {
		(void)exchange_flush(exchange);
		(void)exchange_pump(exchange, 0);
		if (spool_waiting(exchange->spool) == 0)
			return CC_OK;
		(void)exchange_pump(exchange, 10);
	} while (spool_waiting(exchange->spool) > 0 && time_monotonic() < until);
	return spool_waiting(exchange->spool) == 0 ? CC_OK : CC_MORE;
}

/* ---- opening ---- */

static enum cc_status
open_spool(struct exchange *exchange, const char *outdir, char **ret_why)
{
	const struct conf *conf = exchange->conf;
	char *dir = dirs_under(outdir, conf->spool_dir[0] != '\0' ? conf->spool_dir : "spool");
	enum cc_status st = dir != NULL ? spool_open(conf, dir, &exchange->spool, ret_why) : CC_NOMEM;

	if (st == CC_OK && (exchange->repeats = repeats_new(exchange->aggregate, dir)) == NULL)
		st = CC_NOMEM;
	free(dir);
	return st;
}

/* Words of the maps are held against TLP's; the topic of indicators has its ceiling. */
static enum cc_status
read_marking(struct exchange *exchange, char **ret_why)
{
	const struct conf *conf = exchange->conf;
	const char *own = conf_map_get(&conf->exchange_ceilings, "indicators");
	enum cc_tlp tlp;

	exchange->ceiling = (enum cc_tlp)conf->exchange_ceiling;
	for (size_t i = 0; i < conf->exchange_ceilings.count; i++) {
		const struct conf_pair *pair = &conf->exchange_ceilings.pair[i];

		/* RED has no place in the ceiling's words: it never leaves. */
		if (record_tlp_parse(slice_str(pair->value), &tlp) != CC_OK || tlp == CC_TLP_RED) {
			if (asprintf(ret_why,
				"exchange.ceilings: %s: '%s' is none of clear, green, amber, amber+strict", pair->key,
				pair->value) < 0)
				*ret_why = NULL;
			return CC_BAD;
		}
		if (own == pair->value)
			exchange->ceiling = tlp;
	}
	for (size_t i = 0; i < conf->exchange_withhold.count; i++) {
		if (record_tlp_parse(slice_str(conf->exchange_withhold.pair[i].key), &tlp) == CC_OK)
			continue;
		if (asprintf(ret_why, "exchange.withhold: '%s' is no TLP 2.0 marking",
			conf->exchange_withhold.pair[i].key) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	return CC_OK;
}

enum cc_status
exchange_open(const struct conf *conf, const char *outdir, bool live, struct exchange **ret_exchange, char **ret_why)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	enum cc_status st = CC_NOMEM;

	*ret_why = NULL;
	if (exchange == NULL)
		return CC_NOMEM;
	exchange->conf = conf;
	exchange->source = (struct exchange_source){.conf = conf, .live = live};
	buf_open(&exchange->value, conf->exchange_message_max);
	buf_open(&exchange->topic, 4096);
	buf_open(&exchange->key, 65535);
	if (asprintf(&exchange->source_name, "urn:concert:%s/%s", conf->sensor_organisation, conf->sensor_name) < 0) {
		exchange->source_name = NULL;
		goto fail;
	}
	exchange->aggregate = aggregate_new(conf, pass, exchange);
	exchange->stays = held_new(conf, outdir);
	if (exchange->aggregate == NULL || exchange->stays == NULL)
		goto fail;
	if ((st = read_marking(exchange, ret_why)) != CC_OK)
		goto fail;
	if (strcmp(conf->exchange_to, "none") != 0) {
		if ((st = victims_open(conf, outdir, &exchange->source.victims, ret_why)) != CC_OK ||
		    (st = open_spool(exchange, outdir, ret_why)) != CC_OK ||
		    (st = key_open(conf, outdir, true, &exchange->signer, ret_why)) != CC_OK ||
		    (st = signing_new(conf, exchange->spool, exchange->signer, spool_messages, exchange,
			 &exchange->signing)) != CC_OK ||
		    (st = channels_open(conf, outdir, delivered, exchange, &exchange->channels, ret_why)) != CC_OK)
			goto fail;
	}
	*ret_exchange = exchange;
	return CC_OK;
fail:
	exchange_close(exchange);
	return st;
}

void
exchange_close(struct exchange *exchange)
{
	if (exchange == NULL)
		return;
	(void)exchange_flush(exchange);
	signing_free(exchange->signing);
	exchange->signing = NULL;
	/* The output first: its last reports still move the spool's cursor. */
	channels_close(exchange->channels);
	exchange->channels = NULL;
	spool_close(exchange->spool);
	victims_close(exchange->source.victims);
	held_free(exchange->stays);
	repeats_free(exchange->repeats);
	aggregate_free(exchange->aggregate);
	buf_close(&exchange->value);
	buf_close(&exchange->topic);
	buf_close(&exchange->key);
	key_close(exchange->signer);
	free(exchange->source_name);
	free(exchange);
}

/* ---- figures ---- */

const uint64_t *
exchange_counts(const struct exchange *exchange)
{
	struct exchange *self = (struct exchange *)exchange; /* figures of others are fetched when asked for */

	self->counts[EXCHANGE_PSEUDONYMS] = exchange->source.pseudonyms;
	self->counts[EXCHANGE_TEXTS_WITHHELD] = exchange->source.texts_withheld;
	self->counts[EXCHANGE_REPEATS] = aggregate_repeats(exchange->aggregate);
	self->counts[EXCHANGE_EARLY] = aggregate_early(exchange->aggregate);
	if (exchange->channels != NULL) {
		struct channels_figures figures;

		channels_figures(exchange->channels, &figures);
		self->counts[EXCHANGE_FALLBACK] = figures.fallback;
		self->counts[EXCHANGE_FALLBACK_CHANGES] = figures.changes;
		self->counts[EXCHANGE_BY_FALLBACK] = figures.by_fallback;
	}
	if (exchange->spool != NULL) {
		self->counts[EXCHANGE_WAITING] = spool_waiting(exchange->spool);
		self->counts[EXCHANGE_SPOOL_BYTES] = spool_bytes(exchange->spool);
	}
	return exchange->counts;
}

const char *
exchange_state(const struct exchange *exchange)
{
	struct exchange *self = (struct exchange *)exchange;

	if (exchange->spool == NULL)
		return "exchange.to is none: nothing leaves";
	if (spool_error(exchange->spool)[0] != '\0')
		snprintf(self->state, sizeof(self->state), "spool: %s", spool_error(exchange->spool));
	else
		snprintf(self->state, sizeof(self->state), "%s", channels_state(exchange->channels));
	return exchange->state;
}

uint64_t
exchange_waiting(const struct exchange *exchange)
{
	return exchange->spool != NULL ? spool_waiting(exchange->spool) : 0;
}
