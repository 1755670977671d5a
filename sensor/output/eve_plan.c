/*
 * A parser's field table, once, into a tree of JSON members, and a transaction's values through it.
 *
 * Paths: "a.b" is member b of object a; "a[]" with CC_ROW opens an element of array a, "a[].b" is a member of the
 * element opened last; a CC_MULTI field is an array of its values.  Values stand in the transaction in the order in
 * which the parser put them; the tree says the order in which they are written.  What does not fit into a line is cut,
 * value by value, so that the line and what else stands in it survives.  One thread; nothing here allocates after
 * opening.
 */
#include "output/eve_own.h"

#include <stdio.h>
#include <stdlib.h>

#include "indicate/indicate.h"

#define DOMAIN_SIZE 253
#define UNICODE_MAX 8     /* names that are told in U-labels, too */
#define UNICODE_TRIES 32  /* of a line: a name that leads nowhere takes ten microseconds */
#define UNICODE_ROOM 1024
#define NO_FIELD CC_FIELDS_MAX /* an array whose opening field the parser's table lacks: never written */

static bool
has_any(const uint64_t *a, const uint64_t *b)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < CC_FIELDS_MAX / 64; i++)
		any |= a[i] & b[i];
	return any != 0;
}

static void
set_bit(uint64_t *set, unsigned bit)
{
	set[bit / 64] |= 1ull << bit % 64;
}

static bool
has_bit(const uint64_t *set, unsigned bit)
{
	return bit < CC_FIELDS_MAX && (set[bit / 64] >> bit % 64 & 1) != 0;
}

/* The child of parent with this name, made at the end of its list if need be; 0: the table is full. */
static uint16_t
child_of(struct eve_plan *plan, uint16_t parent, const char *name, size_t size, enum node_kind kind)
{
	char key[EVE_KEY_ROOM];
	uint16_t *link = &plan->node[parent].child;
	int key_size = snprintf(key, sizeof(key), "\"%.*s\":", (int)size, name);

	if (key_size >= (int)sizeof(key))
		return 0;
	for (; *link != 0; link = &plan->node[*link].next) {
		if (strcmp(plan->node[*link].key, key) == 0)
			return *link;
	}
	if (plan->count == EVE_NODES_MAX)
		return 0;
	*link = plan->count++;
	plan->node[*link].kind = kind;
	plan->node[*link].field = NO_FIELD;
	plan->node[*link].key_size = (uint8_t)key_size;
	memcpy(plan->node[*link].key, key, sizeof(key));
	return *link;
}

static bool
add_field(struct eve_plan *plan, unsigned index, const struct cc_field *field)
{
	bool beside = field->eve[0] == '/';
	const char *at = field->eve + beside;
	uint16_t node = beside ? EVE_BESIDE : 0;

	set_bit(plan->node[node].fields, index);
	for (;;) {
		size_t size = strcspn(at, ".");
		bool last = at[size] == '\0';
		bool rows = size > 2 && memcmp(at + size - 2, "[]", 2) == 0;
		enum node_kind kind = rows                      ? NODE_ROWS
				      : !last                   ? NODE_OBJECT
				      : field->flags & CC_MULTI ? NODE_LIST
								: NODE_VALUE;

		node = child_of(plan, node, at, rows ? size - 2 : size, kind);
		if (node == 0)
			return false;
		set_bit(plan->node[node].fields, index);
		if (last) {
			plan->node[node].kind = kind;
			plan->node[node].field = (uint16_t)index;
			plan->node[node].type = (uint8_t)field->type;
			plan->node[node].hex = (field->flags & CC_HEX) != 0;
			plan->node[node].base64 = (field->flags & CC_BASE64) != 0;
			return true;
		}
		at += size + 1;
	}
}

static bool
names_path(const struct cc_parser *parser, const char *path)
{
	for (unsigned i = 0; i < parser->field_count; i++) {
		if (parser->fields[i].eve != NULL && strcmp(parser->fields[i].eve, path) == 0)
			return true;
	}
	return false;
}

enum cc_status
eve_plan_open(struct eve_plan *plan, const struct cc_parser *parser, bool extended)
{
	bool dns = strcmp(parser->name, "dns") == 0;

	plan->parser = parser;
	plan->type = cc_event_name(parser);
	/* The schema wants a version in every dns event: 3 is the form in which one event is one message. */
	plan->constant = dns && !names_path(parser, "version") ? "\"version\":3" : "";
	plan->by_packet = dns || parser->by_message;
	plan->node = calloc(EVE_NODES_MAX, sizeof(*plan->node));
	if (plan->node == NULL)
		return CC_NOMEM;
	plan->count = EVE_BESIDE + 1;
	for (unsigned i = 0; i < parser->field_count && i < CC_FIELDS_MAX; i++) {
		const struct cc_field *field = &parser->fields[i];

		if (field->eve == NULL || ((field->flags & CC_DETAIL) != 0 && !extended))
			continue;
		if (!add_field(plan, i, field)) {
			log_error("eve: %s: no room for field '%s'", parser->name, field->eve);
			return CC_FULL;
		}
	}
	return CC_OK;
}

void
eve_plan_close(struct eve_plan *plan)
{
	free(plan->node);
	plan->node = NULL;
}

const struct eve_plan *
eve_plan_of(const struct eve *eve, const struct cc_parser *parser)
{
	for (unsigned i = 0; i < app_parser_count; i++) {
		if (eve->plan[i].parser == parser)
			return &eve->plan[i];
	}
	return NULL;
}

/* ---- a transaction ---- */

/* How much of a transaction is written: bytes of a value, elements of a list. */
struct measure {
	uint32_t bytes, elements;
};

/* The values from..to of a transaction, and which fields occur there. */
struct span {
	const struct cc_tx *tx;
	const struct measure *measure;
	unsigned from, to;
	uint64_t present[CC_FIELDS_MAX / 64];
};

/* In pieces of three bytes' multiple, so that only the last has padding. */
static void
put_base64(struct slice bytes, struct buf *out)
{
	char text[1028];

	eve_put(out, "\"");
	for (size_t at = 0; at < bytes.size; at += 768) {
		size_t size = bytes.size - at < 768 ? bytes.size - at : 768;

		buf_add_text(out, base64_text(slice_of(bytes.p + at, size), text));
	}
	eve_put(out, "\"");
}

/* Not in the middle of a character, if it is UTF-8. */
static struct slice
cut_text(struct slice text, uint32_t most)
{
	size_t size = most;

	if (text.size <= most)
		return text;
	while (size > 0 && most - size < 4 && (text.p[size] & 0xc0) == 0x80)
		size--;
	return slice_of(text.p, size);
}

static void
put_value(const struct eve_node *node, const struct cc_value *value, const struct measure *measure, struct buf *out)
{
	static const char digit[] = "0123456789abcdef";
	uint32_t size = value->size < measure->bytes ? value->size : measure->bytes;

	switch (node->type) {
	case CC_UINT:
		eve_put_uint(value->num, out);
		return;
	case CC_FLAG:
		if (value->num != 0)
			eve_put(out, "true");
		else
			eve_put(out, "false");
		return;
	default:
		break;
	}
	if (node->base64) {
		put_base64(slice_of(value->bytes, size), out);
		return;
	}
	if (!node->hex) {
		eve_put_string(cut_text(slice_of(value->bytes, value->size), measure->bytes), out);
		return;
	}
	eve_put(out, "\"");
	for (uint32_t i = 0; i < size; i++) {
		char two[2] = {digit[value->bytes[i] >> 4], digit[value->bytes[i] & 15]};

		buf_add(out, two, 2);
	}
	eve_put(out, "\"");
}

static void put_members(
    const struct eve_plan *plan, const struct eve_node *node, const struct span *span, struct buf *out, bool comma);

static const struct cc_value *
first_value(const struct span *span, unsigned field)
{
	for (unsigned i = span->from; i < span->to; i++) {
		if (span->tx->value[i].field == field)
			return &span->tx->value[i];
	}
	return NULL;
}

static void
put_list(const struct eve_node *node, const struct span *span, struct buf *out)
{
	uint32_t count = 0;

	eve_put(out, "[");
	for (unsigned i = span->from; i < span->to && count < span->measure->elements; i++) {
		const struct cc_value *value = &span->tx->value[i];

		if (value->field != node->field)
			continue;
		if (count++ > 0)
			eve_put(out, ",");
		put_value(node, value, span->measure, out);
	}
	eve_put(out, "]");
}

/* Each row's values stand between its CC_ROW value and the next one of the same field. */
static void
put_rows(const struct eve_plan *plan, const struct eve_node *node, const struct span *span, struct buf *out)
{
	unsigned at = span->from;
	uint32_t count = 0;

	while (at < span->to && span->tx->value[at].field != node->field)
		at++;
	eve_put(out, "[");
	while (at < span->to && count < span->measure->elements) {
		struct span row = {span->tx, span->measure, at + 1, at + 1, {0}};

		while (row.to < span->to && span->tx->value[row.to].field != node->field) {
			if (has_bit(node->fields, span->tx->value[row.to].field))
				set_bit(row.present, span->tx->value[row.to].field);
			row.to++;
		}
		if (count++ > 0)
			eve_put(out, ",");
		eve_put(out, "{");
		put_members(plan, node, &row, out, false);
		eve_put(out, "}");
		at = row.to;
	}
	eve_put(out, "]");
}

static void
put_members(
    const struct eve_plan *plan, const struct eve_node *node, const struct span *span, struct buf *out, bool comma)
{
	for (uint16_t i = node->child; i != 0; i = plan->node[i].next) {
		const struct eve_node *child = &plan->node[i];
		bool here = child->kind == NODE_OBJECT ? has_any(child->fields, span->present)
						       : has_bit(span->present, child->field);

		if (!here)
			continue;
		if (comma)
			eve_put(out, ",");
		comma = true;
		buf_add(out, child->key, child->key_size);
		switch (child->kind) {
		case NODE_OBJECT:
			eve_put(out, "{");
			put_members(plan, child, span, out, false);
			eve_put(out, "}");
			break;
		case NODE_VALUE:
			put_value(child, first_value(span, child->field), span->measure, out);
			break;
		case NODE_LIST:
			put_list(child, span, out);
			break;
		case NODE_ROWS:
			put_rows(plan, child, span, out);
			break;
		}
	}
}

bool
eve_says_any(const struct eve_plan *plan, const struct cc_tx *tx)
{
	return plan->count > 0 &&
	       (has_any(plan->node[0].fields, tx->present) || has_any(plan->node[EVE_BESIDE].fields, tx->present));
}

/* Another member of "concert". */
static void
concert_member(bool *open, const char *name, struct buf *out)
{
	eve_put(out, ",");
	if (!*open)
		eve_put(out, "\"concert\":{");
	*open = true;
	buf_add_text(out, name);
}

static bool
is_a_label_name(struct slice name)
{
	if (name.size < 5 || name.size > DOMAIN_SIZE || memmem(name.p, name.size, "xn--", 4) == NULL)
		return false;
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	return true;
}

/* Names in A-labels once more, as people read them; where both are one and the same name. */
static void
put_unicode(const struct cc_parser *parser, const struct cc_tx *tx, bool *open, struct buf *out)
{
	struct slice tried[UNICODE_TRIES];
	char room[UNICODE_ROOM];
	unsigned tries = 0, count = 0, i;

	for (uint32_t v = 0; v < tx->count && count < UNICODE_MAX && tries < UNICODE_TRIES; v++) {
		const struct cc_value *value = &tx->value[v];
		struct slice name;
		struct buf unicode;

		if (value->field >= parser->field_count || parser->fields[value->field].type != CC_BYTES)
			continue;
		name = slice_of(value->bytes, value->size);
		if (!is_a_label_name(name))
			continue;
		for (i = 0; i < tries && !slice_eq(tried[i], name); i++)
			;
		if (i < tries)
			continue;
		tried[tries++] = name;
		buf_over(&unicode, room, sizeof(room));
		if (indicate_domain_unicode(name, &unicode) != CC_OK)
			continue;
		if (count++ == 0)
			concert_member(open, "\"unicode\":{", out);
		else
			eve_put(out, ",");
		eve_put_string(name, out);
		eve_put(out, ":");
		eve_put_string(buf_slice(&unicode), out);
	}
	if (count > 0)
		eve_put(out, "}");
}

/* Everything, as far as the measure lets; cut: say so. */
static void
put_tx(const struct eve_plan *plan, struct span *span, bool cut, struct buf *out)
{
	bool own = plan->parser->own_event, open = own;

	eve_put(out, ",");
	if (own)
		eve_put(out, "\"concert\":{");
	eve_put(out, "\"");
	buf_add_text(out, plan->type);
	eve_put(out, "\":{");
	buf_add_text(out, plan->constant);
	put_members(plan, &plan->node[0], span, out, plan->constant[0] != '\0');
	eve_put(out, "}");
	if (cut) {
		concert_member(&open, "\"cut\":", out);
		buf_printf(out, "%u", span->measure->bytes);
	}
	put_unicode(plan->parser, span->tx, &open, out);
	if (open)
		eve_put(out, "}");
	put_members(plan, &plan->node[EVE_BESIDE], span, out, true);
}

static bool
fits(const struct buf *out, size_t tail)
{
	return !out->full && (out->fixed ? out->room : out->max) - out->size >= tail;
}

bool
eve_put_tx(const struct eve_plan *plan, const struct cc_tx *tx, size_t tail, struct buf *out)
{
	static const struct measure measure[] = {{UINT32_MAX, UINT32_MAX}, {2048, 64}, {256, 16}, {32, 4}};
	struct span span = {tx, measure, 0, tx->count, {0}};
	size_t start = out->size;
	bool full = out->full;

	if (plan->count == 0)
		return true;
	/* Not tx->present: what is written has to be in the list. */
	for (unsigned i = 0; i < tx->count; i++) {
		if (tx->value[i].field < CC_FIELDS_MAX)
			set_bit(span.present, tx->value[i].field);
	}
	for (unsigned i = 0; i < sizeof(measure) / sizeof(measure[0]); i++) {
		span.measure = &measure[i];
		put_tx(plan, &span, i > 0, out);
		if (full || fits(out, tail))
			return i == 0;
		out->size = start;
		out->full = false;
	}
	eve_put(out, ",\"concert\":{\"cut\":0}");
	return false;
}
