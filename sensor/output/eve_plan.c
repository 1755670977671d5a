/*
 * A parser's field table, once, into a tree of JSON members, and a transaction's values through it.
 *
 * Paths: "a.b" is member b of object a; "a[]" with CC_ROW opens an element of array a, "a[].b" is a member of the
 * element opened last; a CC_MULTI field is an array of its values.  Values stand in the transaction in the order in
 * which the parser put them; the tree says the order in which they are written.  One thread; nothing here allocates
 * after opening.
 */
#include "output/eve_own.h"

#include <stdio.h>
#include <stdlib.h>

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

/* The values from..to of a transaction, and which fields occur there. */
struct span {
	const struct cc_tx *tx;
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

static void
put_value(const struct eve_node *node, const struct cc_value *value, struct buf *out)
{
	static const char digit[] = "0123456789abcdef";

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
		put_base64(slice_of(value->bytes, value->size), out);
		return;
	}
	if (!node->hex) {
		eve_put_string(slice_of(value->bytes, value->size), out);
		return;
	}
	eve_put(out, "\"");
	for (uint32_t i = 0; i < value->size; i++) {
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
	bool comma = false;

	eve_put(out, "[");
	for (unsigned i = span->from; i < span->to; i++) {
		const struct cc_value *value = &span->tx->value[i];

		if (value->field != node->field)
			continue;
		if (comma)
			eve_put(out, ",");
		put_value(node, value, out);
		comma = true;
	}
	eve_put(out, "]");
}

/* Each row's values stand between its CC_ROW value and the next one of the same field. */
static void
put_rows(const struct eve_plan *plan, const struct eve_node *node, const struct span *span, struct buf *out)
{
	unsigned at = span->from;
	bool comma = false;

	while (at < span->to && span->tx->value[at].field != node->field)
		at++;
	eve_put(out, "[");
	while (at < span->to) {
		struct span row = {span->tx, at + 1, at + 1, {0}};

		while (row.to < span->to && span->tx->value[row.to].field != node->field) {
			if (has_bit(node->fields, span->tx->value[row.to].field))
				set_bit(row.present, span->tx->value[row.to].field);
			row.to++;
		}
		if (comma)
			eve_put(out, ",");
		eve_put(out, "{");
		put_members(plan, node, &row, out, false);
		eve_put(out, "}");
		comma = true;
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
			put_value(child, first_value(span, child->field), out);
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

void
eve_put_tx(const struct eve_plan *plan, const struct cc_tx *tx, struct buf *out)
{
	struct span span = {tx, 0, tx->count, {0}};

	if (plan->count == 0)
		return;
	/* Not tx->present: what is written has to be in the list. */
	for (unsigned i = 0; i < tx->count; i++) {
		if (tx->value[i].field < CC_FIELDS_MAX)
			set_bit(span.present, tx->value[i].field);
	}
	if (plan->parser->own_event)
		eve_put(out, ",\"concert\":{\"");
	else
		eve_put(out, ",\"");
	buf_add_text(out, plan->type);
	eve_put(out, "\":{");
	buf_add_text(out, plan->constant);
	put_members(plan, &plan->node[0], &span, out, plan->constant[0] != '\0');
	eve_put(out, "}");
	if (plan->parser->own_event)
		eve_put(out, "}");
	put_members(plan, &plan->node[EVE_BESIDE], &span, out, true);
}
