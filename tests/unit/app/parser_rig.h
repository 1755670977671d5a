/*
 * A parser on the bench: the cc_ functions that it calls, without the sensor around it, and everything that it says
 * written down as text.  struct cc_ctx is the bench.  A test program includes this file once; the sensor's own cc_
 * functions then stay out of its link.
 *
 *     struct cc_ctx rig;
 *     rig_open(&rig, &dns_parser, true, 53);
 *     rig_feed(&rig, CC_TO_SERVER, bytes);        as often as you like: what isn't consumed is shown again
 *     rig_end(&rig);                              both sides end, the parser closes, its memory is counted
 *     rig_value(&rig, 0, "dns.query", 0)          transaction 0's first value of that buffer or EVE path, as text
 *     rig.said                                    all of it, for comparison
 *
 * What is shown to the parser lies in memory of exactly its size, so that a sanitizer sees a read past the end.
 */
#ifndef PARSER_RIG_H
#define PARSER_RIG_H

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "concert/parser.h"

#include "seed.h"

#ifndef RIG_TXS
#define RIG_TXS 64         /* transactions; there is no memory for more */
#define RIG_SAID (1 << 20) /* bytes of text */
#endif

struct rig_memory {
	struct rig_memory *next;
	max_align_t bytes[];
};

struct rig_tx {
	struct cc_tx pub;
	struct rig_memory *memory;
	bool done, live;
};

struct cc_ctx {
	const struct cc_parser *parser;
	void *state;
	bool udp;
	uint16_t port;
	uint64_t now;
	uint8_t *wait[2];
	size_t wait_size[2];
	bool enough[2];
	enum cc_status status;      /* of the last feed; CC_BAD: the parser is left alone */
	struct rig_tx tx[RIG_TXS];
	unsigned tx_count, done_count, anomaly_count;
	uint64_t anomalies;         /* bits */
	size_t taken, taken_most;
	size_t take_limit;          /* 0: none */
	uint64_t limit;             /* what every cc_limit() is; 0: a million */
	char *said;
	size_t said_size;
	struct cc_addr addr[2];     /* of the sides */
	bool other_known, midstream;
	struct slice expected;      /* the note that this flow was announced with */
};

static inline void
rig_say(struct cc_ctx *rig, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(rig->said + rig->said_size, RIG_SAID - rig->said_size, format, args);
	va_end(args);
	if (size > 0)
		rig->said_size += (size_t)size;
	if (rig->said_size >= RIG_SAID)
		rig->said_size = RIG_SAID - 1;
}

static inline void
rig_open(struct cc_ctx *rig, const struct cc_parser *parser, bool udp, uint16_t port)
{
	memset(rig, 0, sizeof(*rig));
	rig->parser = parser;
	rig->udp = udp;
	rig->port = port;
	rig->now = 1700000000ull * 1000000000ull;
	rig->state = calloc(1, parser->state_size > 0 ? parser->state_size : 1);
	rig->said = calloc(1, RIG_SAID);
	seed_begin(true, udp, false, port);
}

/* Shows bytes to the parser behind what it left. */
static inline enum cc_status
rig_feed(struct cc_ctx *rig, enum cc_dir dir, struct slice bytes)
{
	size_t size = rig->wait_size[dir] + bytes.size;
	uint8_t *shown;
	struct cur in;

	if (rig->status == CC_BAD || rig->enough[dir])
		return rig->status;
	seed_add((int)dir, bytes.p, bytes.size, false);
	shown = malloc(size > 0 ? size : 1);
	if (rig->wait_size[dir] > 0)
		memcpy(shown, rig->wait[dir], rig->wait_size[dir]);
	if (bytes.size > 0)
		memcpy(shown + rig->wait_size[dir], bytes.p, bytes.size);
	in = cur_of(shown, size);
	rig->status = rig->parser->feed(rig, rig->state, dir, &in);
	assert(in.p >= shown && in.p <= shown + size);
	free(rig->wait[dir]);
	rig->wait[dir] = NULL;
	rig->wait_size[dir] = rig->udp ? 0 : (size_t)(shown + size - in.p);
	if (rig->wait_size[dir] > 0) {
		rig->wait[dir] = malloc(rig->wait_size[dir]);
		memcpy(rig->wait[dir], in.p, rig->wait_size[dir]);
	}
	free(shown);
	return rig->status;
}

static inline void
rig_gap(struct cc_ctx *rig, enum cc_dir dir, uint64_t size)
{
	rig->wait_size[dir] = 0;
	if (rig->status == CC_BAD || rig->enough[dir])
		return;
	seed_add((int)dir, NULL, 0, true);
	rig->status = rig->parser->gap != NULL ? rig->parser->gap(rig, rig->state, dir, size) : CC_BAD;
}

/* Ends the flow; what was said stays. */
static inline void
rig_end(struct cc_ctx *rig)
{
	for (int dir = 0; dir < 2; dir++) {
		if (rig->status != CC_BAD && rig->parser->finish != NULL)
			rig->parser->finish(rig, rig->state, (enum cc_dir)dir);
		free(rig->wait[dir]);
		rig->wait[dir] = NULL;
		rig->wait_size[dir] = 0;
	}
	if (rig->parser->close != NULL)
		rig->parser->close(rig, rig->state);
	free(rig->state);
	rig->state = NULL;
	seed_end(rig->parser->name, rig->parser->name);
}

static inline void
rig_free(struct cc_ctx *rig)
{
	for (unsigned i = 0; i < rig->tx_count; i++) {
		struct rig_memory *memory = rig->tx[i].memory;

		free(rig->tx[i].pub.value);
		free(rig->tx[i].pub.own);
		while (memory != NULL) {
			struct rig_memory *next = memory->next;

			free(memory);
			memory = next;
		}
	}
	free(rig->said);
}

static inline const char *
rig_field_name(const struct cc_field *field)
{
	return field->eve != NULL ? field->eve : field->buffer != NULL ? field->buffer : "?";
}

static inline void
rig_say_value(struct cc_ctx *rig, const struct cc_tx *tx, const struct cc_value *value)
{
	const struct cc_field *field = &rig->parser->fields[value->field];

	(void)tx;
	rig_say(rig, "  %s=", rig_field_name(field));
	if (field->type == CC_BYTES)
		for (uint32_t i = 0; i < value->size; i++)
			rig_say(rig, value->bytes[i] >= ' ' && value->bytes[i] < 0x7f ? "%c" : "\\x%02x",
			    value->bytes[i]);
	else if (field->type != CC_ROW)
		rig_say(rig, "%llu", (unsigned long long)value->num);
	rig_say(rig, "\n");
}

/* The nth value of the buffer or EVE path name, as text; NULL: none.  The answer lives until the next two calls. */
static inline const char *
rig_value(const struct cc_ctx *rig, unsigned tx, const char *name, unsigned nth)
{
	static char text[2][4096];
	static unsigned which;

	if (tx >= rig->tx_count)
		return NULL;
	for (unsigned i = 0; i < rig->tx[tx].pub.count; i++) {
		const struct cc_value *value = &rig->tx[tx].pub.value[i];
		const struct cc_field *field = &rig->parser->fields[value->field];

		if ((field->buffer == NULL || strcmp(field->buffer, name) != 0) && (field->eve == NULL ||
		    strcmp(field->eve, name) != 0))
			continue;
		if (nth-- > 0)
			continue;
		which ^= 1;
		if (field->type == CC_BYTES)
			snprintf(text[which], sizeof(text[which]), "%.*s", (int)value->size,
			    (const char *)value->bytes);
		else
			snprintf(text[which], sizeof(text[which]), "%llu", (unsigned long long)value->num);
		return text[which];
	}
	return NULL;
}

static inline bool
rig_has_anomaly(const struct cc_ctx *rig, const char *name)
{
	for (unsigned i = 0; i < rig->parser->anomaly_count; i++)
		if (strcmp(rig->parser->anomalies[i].name, name) == 0)
			return (rig->anomalies >> i & 1) != 0;
	assert(name == NULL); /* no such anomaly */
	return false;
}

/* A parser's table has to be whole: names, types and rows that are there. */
static inline bool
rig_table_right(const struct cc_parser *parser)
{
	bool right = parser->field_count <= CC_FIELDS_MAX && parser->anomaly_count <= 64;

	for (unsigned i = 0; i < parser->field_count; i++) {
		const struct cc_field *field = &parser->fields[i];
		const char *row = field->eve != NULL ? strstr(field->eve, "[].") : NULL;
		bool found = row == NULL;

		right &= field->help != NULL && (field->buffer != NULL || field->eve != NULL);
		right &= (field->flags & (CC_REQUEST | CC_RESPONSE)) != 0;
		for (unsigned j = 0; j < i && !found; j++)
			found = parser->fields[j].type == CC_ROW &&
			    strlen(parser->fields[j].eve) == (size_t)(row - field->eve) + 2 &&
			    strncmp(parser->fields[j].eve, field->eve, (size_t)(row - field->eve) + 2) == 0;
		right &= found;
		for (unsigned j = 0; j < i; j++) {
			const struct cc_field *other = &parser->fields[j];

			right &= field->buffer == NULL || other->buffer == NULL || strcmp(field->buffer,
			    other->buffer) != 0 || (field->flags & other->flags & (CC_REQUEST | CC_RESPONSE)) == 0;
			right &= field->eve == NULL || other->eve == NULL || strcmp(field->eve, other->eve) != 0;
		}
	}
	for (unsigned i = 0; i < parser->anomaly_count; i++)
		right &= parser->anomalies[i].name != NULL && parser->anomalies[i].help != NULL;
	return right;
}

/* What parsers call. */

uint64_t
cc_now(const struct cc_ctx *ctx)
{
	return ctx->now;
}

bool
cc_is_udp(const struct cc_ctx *ctx)
{
	return ctx->udp;
}

uint16_t
cc_server_port(const struct cc_ctx *ctx)
{
	return ctx->port;
}

uint64_t
cc_limit(const struct cc_ctx *ctx, const char *name)
{
	(void)name;
	return ctx->limit > 0 ? ctx->limit : 1 << 20;
}

void *
cc_take(struct cc_ctx *ctx, size_t size)
{
	if (ctx->take_limit > 0 && ctx->taken + size > ctx->take_limit)
		return NULL;
	ctx->taken += size;
	if (ctx->taken > ctx->taken_most)
		ctx->taken_most = ctx->taken;
	return calloc(1, size);
}

void
cc_give(struct cc_ctx *ctx, void *p, size_t size)
{
	if (p == NULL)
		return;
	assert(ctx->taken >= size);
	ctx->taken -= size;
	free(p);
}

struct cc_tx *
cc_tx_new(struct cc_ctx *ctx)
{
	struct rig_tx *tx;

	if (ctx->tx_count == RIG_TXS)
		return NULL;
	tx = &ctx->tx[ctx->tx_count];
	tx->pub.parser = ctx->parser;
	tx->pub.id = ctx->tx_count++;
	tx->pub.time = ctx->now;
	tx->pub.own = calloc(1, ctx->parser->tx_size > 0 ? ctx->parser->tx_size : 1);
	tx->live = true;
	return &tx->pub;
}

static struct cc_value *
rig_value_new(struct cc_tx *tx, unsigned field)
{
	struct cc_value *value;

	if (tx == NULL)
		return NULL;
	assert(field < tx->parser->field_count);
	assert(!((struct rig_tx *)tx)->done);
	if (tx->count == tx->room) {
		tx->room = (uint16_t)(tx->room * 2 + 16);
		tx->value = realloc(tx->value, tx->room * sizeof(*tx->value));
	}
	value = &tx->value[tx->count++];
	memset(value, 0, sizeof(*value));
	value->field = (uint16_t)field;
	tx->present[field / 64] |= 1ull << field % 64;
	return value;
}

void *
cc_tx_alloc(struct cc_ctx *ctx, struct cc_tx *tx, size_t size)
{
	struct rig_memory *memory;

	(void)ctx;
	if (tx == NULL)
		return NULL;
	memory = malloc(sizeof(*memory) + size);
	memory->next = ((struct rig_tx *)tx)->memory;
	((struct rig_tx *)tx)->memory = memory;
	return memory->bytes;
}

void
cc_put_ref(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes)
{
	struct cc_value *value = rig_value_new(tx, field);

	(void)ctx;
	if (value == NULL)
		return;
	assert(tx->parser->fields[field].type == CC_BYTES);
	value->bytes = bytes.p;
	value->size = (uint32_t)bytes.size;
}

void
cc_put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes)
{
	uint8_t *copy = cc_tx_alloc(ctx, tx, bytes.size);

	if (copy == NULL)
		return;
	if (bytes.size > 0)
		memcpy(copy, bytes.p, bytes.size);
	cc_put_ref(ctx, tx, field, slice_of(copy, bytes.size));
}

void
cc_put_text(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const char *text)
{
	cc_put(ctx, tx, field, slice_str(text));
}

void
cc_put_uint(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint64_t num)
{
	struct cc_value *value = rig_value_new(tx, field);

	(void)ctx;
	if (value == NULL)
		return;
	assert(tx->parser->fields[field].type == CC_UINT || tx->parser->fields[field].type == CC_FLAG);
	value->num = num;
}

void
cc_put_row(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field)
{
	(void)ctx;
	assert(tx == NULL || tx->parser->fields[field].type == CC_ROW);
	(void)rig_value_new(tx, field);
}

const struct cc_value *
cc_get(const struct cc_tx *tx, unsigned field)
{
	for (unsigned i = 0; tx != NULL && i < tx->count; i++)
		if (tx->value[i].field == field)
			return &tx->value[i];
	return NULL;
}

void
cc_tx_update(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir)
{
	if (tx != NULL)
		rig_say(ctx, "update %llu %d\n", (unsigned long long)tx->id, (int)dir);
}

void
cc_tx_side_done(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir)
{
	if (tx == NULL)
		return;
	tx->done[dir] = true;
	rig_say(ctx, "side done %llu %d\n", (unsigned long long)tx->id, (int)dir);
}

void
cc_tx_done(struct cc_ctx *ctx, struct cc_tx *tx)
{
	if (tx == NULL)
		return;
	assert(!((struct rig_tx *)tx)->done);
	rig_say(ctx, "done %llu\n", (unsigned long long)tx->id);
	for (unsigned i = 0; i < tx->count; i++) {
		struct cc_value *value = &tx->value[i];

		rig_say_value(ctx, tx, value);
		/* The log reads borrowed bytes before the batch is through; the test does so later. */
		if (tx->parser->fields[value->field].type == CC_BYTES && value->size > 0) {
			uint8_t *copy = cc_tx_alloc(ctx, tx, value->size);

			memcpy(copy, value->bytes, value->size);
			value->bytes = copy;
		}
	}
	((struct rig_tx *)tx)->done = true;
	ctx->done_count++;
}

void
cc_anomaly(struct cc_ctx *ctx, struct cc_tx *tx, unsigned anomaly)
{
	assert(anomaly < ctx->parser->anomaly_count);
	ctx->anomalies |= 1ull << anomaly;
	ctx->anomaly_count++;
	rig_say(ctx, "anomaly %s%s\n", ctx->parser->anomalies[anomaly].name, tx != NULL ? "" : " of the flow");
}

struct cc_file *
cc_file_open(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice name)
{
	(void)ctx;
	(void)tx;
	(void)dir;
	(void)name;
	return NULL;
}

void
cc_file_data(struct cc_ctx *ctx, struct cc_file *file, struct slice bytes)
{
	(void)ctx;
	(void)file;
	(void)bytes;
}

void
cc_file_gap(struct cc_ctx *ctx, struct cc_file *file, uint64_t size)
{
	(void)ctx;
	(void)file;
	(void)size;
}

void
cc_file_close(struct cc_ctx *ctx, struct cc_file *file, bool whole)
{
	(void)ctx;
	(void)file;
	(void)whole;
}

void
cc_switch(struct cc_ctx *ctx)
{
	rig_say(ctx, "switch\n");
}

bool
cc_may_turn(const struct cc_ctx *ctx)
{
	(void)ctx;
	return false;
}

void
cc_switch_to(struct cc_ctx *ctx, const char *name)
{
	(void)name;
	rig_say(ctx, "switch\n");
}

void
cc_enough(struct cc_ctx *ctx, enum cc_dir dir)
{
	ctx->enough[dir] = true;
	rig_say(ctx, "enough %d\n", (int)dir);
}

bool
cc_other_known(const struct cc_ctx *ctx)
{
	return ctx->other_known;
}

bool
cc_is_midstream(const struct cc_ctx *ctx)
{
	return ctx->midstream;
}

bool
cc_is_ended(const struct cc_ctx *ctx, enum cc_dir dir)
{
	(void)ctx;
	(void)dir;
	return true;
}

uint16_t
cc_side_port(const struct cc_ctx *ctx, enum cc_dir side)
{
	return side == CC_TO_CLIENT ? ctx->port : 40000;
}

struct cc_addr
cc_side_addr(const struct cc_ctx *ctx, enum cc_dir side)
{
	return ctx->addr[side];
}

/* Frames have the real core in frames_test.c; here nobody asks for them. */
void
cc_frame(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, unsigned kind, const uint8_t *from, uint64_t size)
{
	assert(kind < ctx->parser->frame_count);
	(void)tx, (void)dir, (void)from, (void)size;
}

void
cc_frame_end(struct cc_ctx *ctx, enum cc_dir dir, unsigned kind, const uint8_t *end)
{
	assert(kind < ctx->parser->frame_count);
	(void)dir, (void)end;
}

bool
cc_frames_wanted(const struct cc_ctx *ctx)
{
	(void)ctx;
	return false;
}

void
cc_expect(struct cc_ctx *ctx, enum cc_dir listener, const struct cc_addr *addr, uint16_t port,
    const struct cc_parser *parser, struct slice note)
{
	rig_say(ctx, "expect %s at %d %u.%u.%u.%u:%u", parser->name, (int)listener, addr->b[12], addr->b[13],
	    addr->b[14], addr->b[15], port);
	for (size_t i = 0; i < note.size; i++)
		rig_say(ctx, note.p[i] > ' ' && note.p[i] < 0x7f ? "%c" : " %u", note.p[i]);
	rig_say(ctx, "\n");
}

void
cc_expect_anyone(struct cc_ctx *ctx, enum cc_dir listener, uint16_t port, const struct cc_parser *parser,
    struct slice note)
{
	(void)note;
	rig_say(ctx, "expect %s at %d of anyone:%u\n", parser->name, (int)listener, port);
}

struct slice
cc_expected(const struct cc_ctx *ctx)
{
	return ctx->expected;
}

#endif
