/*
 * The last step of reading a rule: contradictions are found, ops are put together by buffer, the way and the protocols
 * are narrowed by what the buffers say, and the pattern that the multi-pattern stage looks for is chosen.
 */
#include "detect/own.h"

struct plan { /* ops in the order in which they will stand */
	uint16_t op[RULE_OPS_MAX];
	struct segment segment[SEGMENTS_MAX];
	unsigned op_count, segment_count;
};

static const struct buffer *
buffer_of(const struct build *build, unsigned op)
{
	return &build->set->buffer[build->op_buffer[op]];
}

static bool
same_place(const struct build *build, unsigned a, unsigned b)
{
	return build->op_buffer[a] == build->op_buffer[b] && build->op_instance[a] == build->op_instance[b];
}

/* Ops of one buffer become one segment; what looks at decoded Base64 goes right behind its base64_decode. */
static enum cc_status
plan_make(struct build *build, struct plan *plan)
{
	bool taken[RULE_OPS_MAX] = {false};
	unsigned decode = RULE_OPS_MAX, behind = 0;

	for (unsigned i = 0; i < build->op_count; i++) {
		if (build->op[i].kind == DO_BASE64)
			decode = i;
		if (buffer_of(build, i)->source == SRC_BASE64)
			behind++;
	}
	for (unsigned i = 0; i < build->op_count; i++) {
		struct segment *segment;

		if (taken[i] || buffer_of(build, i)->source == SRC_BASE64)
			continue;
		if (plan->segment_count == SEGMENTS_MAX)
			return build_refuse(build, "more than %d buffers in one rule", SEGMENTS_MAX);
		segment = &plan->segment[plan->segment_count++];
		*segment = (struct segment){.buffer = build->op_buffer[i], .first = (uint16_t)plan->op_count};
		for (unsigned k = i; k < build->op_count; k++) {
			if (taken[k] || !same_place(build, i, k))
				continue;
			taken[k] = true;
			plan->op[plan->op_count++] = (uint16_t)k;
			if (k == decode) {
				build->op[k].skip = (uint8_t)behind;
				for (unsigned m = 0; m < build->op_count; m++) {
					if (buffer_of(build, m)->source == SRC_BASE64)
						plan->op[plan->op_count++] = (uint16_t)m;
				}
			}
		}
		segment->count = (uint16_t)(plan->op_count - segment->first);
	}
	return CC_OK;
}

static bool
moves(const struct op *op)
{
	return (op->flags & OF_NEGATED) == 0 &&
	       (op->kind == DO_CONTENT || op->kind == DO_PCRE || op->kind == DO_BYTE_JUMP ||
		   op->kind == DO_BYTE_EXTRACT || op->kind == DO_BYTE_MATH);
}

/* Who has somebody counting from his end must be tried at all his places. */
static void
mark_next(struct build *build, const struct plan *plan)
{
	for (unsigned s = 0; s < plan->segment_count; s++) {
		struct op *last = NULL;

		for (unsigned i = 0; i < plan->segment[s].count; i++) {
			struct op *op = &build->op[plan->op[plan->segment[s].first + i]];

			if ((op->flags & OF_RELATIVE) != 0 && last != NULL)
				last->flags |= OF_NEXT;
			if (moves(op))
				last = op;
		}
		/* Results that later ops use depend on every place before them. */
		for (unsigned i = 0; i < plan->segment[s].count && build->var_count > 0; i++)
			build->op[plan->op[plan->segment[s].first + i]].flags |= OF_NEXT;
	}
}

/* What stays open while bytes may still come: absence, ends, sizes. */
static void
mark_final(struct build *build, struct plan *plan)
{
	for (unsigned s = 0; s < plan->segment_count; s++) {
		for (unsigned i = 0; i < plan->segment[s].count; i++) {
			const struct op *op = &build->op[plan->op[plan->segment[s].first + i]];

			if ((op->flags & (OF_NEGATED | OF_ENDSWITH | OF_FINAL)) != 0 || op->kind == DO_BSIZE)
				plan->segment[s].final = true;
		}
	}
}

static bool
has_upper(struct slice bytes)
{
	for (size_t i = 0; i < bytes.size; i++) {
		if (bytes.p[i] >= 'A' && bytes.p[i] <= 'Z')
			return true;
	}
	return false;
}

static enum cc_status
at_op(struct build *build, unsigned op, const char *keyword)
{
	build->column = build->op[op].column;
	build->keyword = keyword;
	return CC_OK;
}

/* A content that the buffer's transform can't leave: the author meant something else. */
static enum cc_status
check_transform(struct build *build, unsigned at)
{
	const struct op *op = &build->op[at];
	const struct buffer *buffer = buffer_of(build, at);

	for (unsigned t = 0; t < buffer->transform_count; t++) {
		const char *name = buffer->transform[t].name;

		for (unsigned i = 0; i < op->size; i++) {
			uint8_t c = op->bytes[i];
			bool blank = c == ' ' || (c >= 9 && c <= 13);
			bool two = blank && i > 0 &&
				   (op->bytes[i - 1] == ' ' || (op->bytes[i - 1] >= 9 && op->bytes[i - 1] <= 13));
			bool any_case = (op->flags & OF_NOCASE) != 0;

			if ((strcmp(name, "strip_whitespace") == 0 && blank) ||
			    (strcmp(name, "compress_whitespace") == 0 && two) ||
			    (strcmp(name, "to_lowercase") == 0 && c >= 'A' && c <= 'Z' && !any_case) ||
			    (strcmp(name, "to_uppercase") == 0 && c >= 'a' && c <= 'z' && !any_case)) {
				at_op(build, at, "content");
				return build_refuse(build, "%s leaves no such bytes: this can never hold", name);
			}
		}
	}
	return CC_OK;
}

static enum cc_status
check_fast(struct build *build, unsigned at)
{
	const struct op *op = &build->op[at];
	bool placed = (op->flags & (OF_DISTANCE | OF_WITHIN | OF_DEPTH | OF_OFFSET)) != 0;

	if (!placed || (op->flags & OF_FAST) == 0 || (op->flags & (OF_FAST_ONLY | OF_NEGATED)) == 0)
		return CC_OK;
	at_op(build, at, "fast_pattern");
	return build_refuse(
	    build, (op->flags & OF_NEGATED) != 0
		       ? "a negated content with a place can't be the fast pattern"
		       : "fast_pattern:only has no place: leave out distance, within, depth and offset");
}

/* The bytes that the payload must have at least, against dsize. */
static enum cc_status
check_dsize(struct build *build)
{
	int64_t end = 0, most = 0, limit;

	if (build->dsize == NULL)
		return CC_OK;
	for (unsigned i = 0; i < build->op_count; i++) {
		const struct op *op = &build->op[i];

		if (op->kind != DO_CONTENT || build->op_buffer[i] != 0 || (op->flags & OF_NEGATED) != 0)
			continue;
		if ((op->flags & OF_RELATIVE) != 0)
			end += (op->distance_var < 0 ? op->distance : 0) + op->size;
		else
			end = (op->offset_var < 0 ? op->offset : 0) + op->size;
		most = end > most ? end : most;
	}
	limit = build->dsize->compare == CMP_EQ || build->dsize->compare == CMP_LE ? (int64_t)build->dsize->a
		: build->dsize->compare == CMP_LT                                  ? (int64_t)build->dsize->a - 1
		: build->dsize->compare == CMP_RANGE                               ? (int64_t)build->dsize->b - 1
										   : INT64_MAX;
	build->keyword = "dsize";
	if (most > limit)
		return build_refuse(build, "allows %lld bytes, but the contents need %lld: this can never hold",
		    (long long)limit, (long long)most);
	return CC_OK;
}

/* Conditions that exclude one another within one buffer. */
static enum cc_status
check_sizes(struct build *build)
{
	for (unsigned i = 0; i < build->op_count; i++) {
		const struct op *size = &build->op[i];

		if (size->kind != DO_BSIZE)
			continue;
		for (unsigned k = 0; k < build->op_count; k++) {
			const struct op *op = &build->op[k];
			uint64_t need =
			    op->size + ((op->flags & OF_OFFSET) != 0 && op->offset_var < 0 ? (uint64_t)op->offset : 0);
			const struct number *n = size->number;
			uint64_t most = n->compare == CMP_EQ || n->compare == CMP_LE ? n->a
					: n->compare == CMP_LT                       ? n->a - 1
					: n->compare == CMP_RANGE                    ? n->b - 1
										     : UINT64_MAX;

			if (op->kind != DO_CONTENT || (op->flags & OF_NEGATED) != 0 || !same_place(build, i, k) ||
			    need <= most)
				continue;
			at_op(build, i, "bsize");
			return build_refuse(build, "allows %llu bytes, but a content needs %llu: this can never hold",
			    (unsigned long long)most, (unsigned long long)need);
		}
	}
	return CC_OK;
}

static enum cc_status
check_ops(struct build *build)
{
	for (unsigned i = 0; i < build->op_count; i++) {
		const struct op *op = &build->op[i];

		if (op->kind == DO_CONTENT && (check_transform(build, i) != CC_OK || check_fast(build, i) != CC_OK))
			return CC_BAD;
		if (op->kind == DO_CONTENT && buffer_of(build, i)->lower) {
			at_op(build, i, "content");
			if (has_upper(slice_of(op->bytes, op->size)))
				return build_refuse(build,
				    "upper-case letters never occur in %s: it is normalised to lower case",
				    buffer_of(build, i)->name);
			if ((op->flags & OF_NOCASE) != 0)
				return build_refuse(build,
				    "nocase is of no use in %s, which is lower case always; leave it out",
				    buffer_of(build, i)->name);
		}
		if (op->kind == DO_PCRE && (op->flags & OF_RELATIVE) != 0 && build->op_buffer[i] == 0) {
			bool before = false;

			for (unsigned k = 0; k < i; k++)
				before = before || same_place(build, i, k);
			at_op(build, i, "pcre");
			if (!before)
				return build_refuse(
				    build, "/R counts from a match before it in the same buffer: there is none");
		}
	}
	if (check_dsize(build) != CC_OK)
		return CC_BAD;
	return check_sizes(build);
}

/* Buffers narrow the way and the protocols. */
static enum cc_status
narrow(struct build *build)
{
	struct rule *rule = &build->rule;

	for (unsigned i = 0; i < build->op_count; i++) {
		const struct buffer *buffer = buffer_of(build, i);

		switch (buffer->source) {
		case SRC_PAYLOAD:
			rule->has_payload = true;
			continue;
		case SRC_BASE64:
			continue;
		case SRC_HEADER:
			rule->has_header = true;
			continue;
		case SRC_FILE:
			rule->has_file = true;
			break;
		case SRC_FILE_NAME:
		case SRC_FILE_TYPE:
			rule->filed = true;
			break;
		case SRC_FIELD:
		case SRC_FRAME:
			break;
		}
		if (buffer->source != SRC_FRAME)
			rule->has_tx = true;
		build->column = build->op[i].column;
		build->keyword = buffer->name;
		if ((rule->dirs & buffer->dirs) == 0)
			return build_refuse(
			    build, "stands on the other side than the rest of the rule: it can never hold");
		rule->dirs &= buffer->dirs;
		if (buffer->parsers != 0) {
			if (rule->apps != 0 && (rule->apps & buffer->parsers) == 0)
				return build_refuse(build, "belongs to another protocol than the rest of the rule");
			rule->apps = rule->apps != 0 ? rule->apps & buffer->parsers : buffer->parsers;
		}
	}
	return CC_OK;
}

/* How many kinds of frames the rule looks at. */
static uint8_t
frame_kinds(const struct build *build)
{
	uint64_t kinds = 0;

	for (unsigned i = 0; i < build->op_count; i++) {
		if (buffer_of(build, i)->source == SRC_FRAME)
			kinds |= 1ull << buffer_of(build, i)->frame_kind;
	}
	return (uint8_t)__builtin_popcountll(kinds);
}

static enum cc_status
classify_frame(struct build *build)
{
	struct rule *rule = &build->rule;

	build->keyword = "frame";
	if (rule->has_tx)
		return build_refuse(build, "a frame and a buffer of a transaction can't be asked for in one rule; "
					   "write two rules, and flowbits between them");
	if (rule->has_payload)
		return build_refuse(build,
		    "content of the payload and of a frame can't be asked for in one rule; "
		    "put the content behind the frame, or write two rules with flowbits between them");
	if (build->packet_keyword)
		return build_refuse(build,
		    "%s asks for a packet, and frame for a range of the stream: they can't be one",
		    build->packet_keyword_name);
	if ((rule->flow & FLOW_NO_STREAM) != 0)
		return build_refuse(build, "frames are of the stream, which the rule's protocol or flow excludes");
	for (unsigned i = 0; i < build->op_count; i++) {
		const struct buffer *buffer = buffer_of(build, i);
		const struct cc_parser *parser = app_parsers[buffer->frame_parser];

		if (buffer->source == SRC_FRAME &&
		    (rule->protos & ((parser->tcp ? PROTO_TCP : 0) | (parser->udp ? PROTO_UDP : 0))) == 0)
			return build_refuse(
			    build, "%s goes over another transport than the rule's protocol", parser->name);
	}
	rule->kind = KIND_FRAME;
	return CC_OK;
}

/* Asked of more than the protocol: then each packet is, not only the one with which the protocol becomes known. */
static bool
asks_state(const struct build *build)
{
	for (unsigned i = 0; i < build->check_count; i++) {
		if (build->check[i].phase == PHASE_STATE)
			return true;
	}
	return false;
}

/*
 * Rules of addresses alone run once for each way of a flow.  A list that leaves something out makes a rule of packets:
 * so authors of "!$HOME_NET" know it from elsewhere.
 */
static bool
is_of_addresses(const struct build *build)
{
	const struct rule *rule = &build->rule;

	return build->op_count == 0 && build->ip_keyword_only && rule->apps == 0 && rule->sport->any &&
	       rule->dport->any && (rule->flow & ~(FLOW_NO_STREAM | FLOW_ONLY_STREAM | FLOW_FOLLOWED)) == 0 &&
	       rule->dirs == DIR_BOTH &&
	       (rule->protos & PROTO_NONIP) == 0 && !rule->src->negated && !rule->dst->negated;
}

static enum cc_status
classify(struct build *build)
{
	struct rule *rule = &build->rule;
	bool tcp = (rule->protos & PROTO_TCP) != 0;

	build->column = 1;
	build->keyword = NULL;
	if (rule->kind == KIND_ODD)
		return CC_OK;
	if (build->needs_tx)
		rule->has_tx = true;
	rule->frame_kinds = frame_kinds(build);
	if (rule->frame_kinds > 0)
		return classify_frame(build);
	if (rule->has_tx) {
		rule->kind = KIND_TX;
		if (build->packet_keyword)
			return build_refuse(build,
			    "%s asks for a packet, and another option for a transaction: they can't be one",
			    build->packet_keyword_name);
	} else if (rule->kind == KIND_PROTOCOL && build->op_count == 0 && !build->packet_keyword && rule->flow == 0 &&
		   !asks_state(build)) {
		return CC_OK;
	} else if (is_of_addresses(build)) {
		rule->kind = KIND_IP;
		return CC_OK;
	} else {
		rule->kind = KIND_PACKET;
	}
	if ((rule->flow & FLOW_ONLY_STREAM) != 0 && build->packet_keyword)
		return build_refuse(build,
		    "%s asks for a packet, and flow or the protocol for the stream only: they can't be one",
		    build->packet_keyword_name);
	if (!rule->has_payload) {
		rule->on_packet = rule->kind == KIND_PACKET;
		rule->at_end = rule->on_packet && rule->apps != 0 && !build->packet_keyword &&
			       (rule->flow & (FLOW_IS_ESTABLISHED | FLOW_NOT_ESTABLISHED)) == 0;
		return CC_OK;
	}
	rule->on_stream = tcp && (rule->flow & FLOW_NO_STREAM) == 0 && !build->packet_keyword;
	rule->on_packet = !rule->on_stream || rule->protos != PROTO_TCP;
	for (unsigned i = 0; i < build->op_count && rule->on_stream && (rule->flow & FLOW_ONLY_STREAM) == 0; i++) {
		if (build->op_buffer[i] == 0 && build->op[i].kind == DO_CONTENT &&
		    (build->op[i].flags & (OF_DEPTH | OF_OFFSET)) != 0)
			rule->on_packet = true;
	}
	return CC_OK;
}

/* How much a pattern tells: rare bytes count more, repeats and blanks little. */
unsigned
pattern_worth(struct slice bytes)
{
	static const char common[] = " etaoinshrdlu./:=\r\n";
	unsigned worth = 0;

	for (size_t i = 0; i < bytes.size && i < 32; i++) {
		uint8_t c = bytes.p[i];

		if (i > 0 && c == bytes.p[i - 1])
			worth += 1;
		else if (c == 0 || c == 0xff)
			worth += 2;
		else if (c < 128 && strchr(common, c) != NULL)
			worth += 3;
		else
			worth += c >= 'a' && c <= 'z' ? 4 : 5;
	}
	return worth;
}

static bool
can_be_fast(const struct build *build, unsigned op, bool payload)
{
	enum source source = buffer_of(build, op)->source;

	if (build->op[op].kind != DO_CONTENT || (build->op[op].flags & OF_NEGATED) != 0)
		return false;
	if (payload)
		return source == SRC_PAYLOAD;
	return source == SRC_FIELD || source == SRC_FRAME || source == SRC_FILE || source == SRC_FILE_NAME ||
	       source == SRC_FILE_TYPE;
}

/* The plan's place of the best pattern, -1: none. */
static int32_t
choose_fast(const struct build *build, const struct plan *plan, bool payload)
{
	unsigned best = 0;
	int32_t at = -1;

	for (unsigned i = 0; i < plan->op_count; i++) {
		unsigned op = plan->op[i], worth;

		if (!can_be_fast(build, op, payload))
			continue;
		if ((build->op[op].flags & OF_FAST) != 0)
			return (int32_t)i;
		worth = pattern_worth(slice_of(build->op[op].bytes, build->op[op].size)) + 1;
		if (worth > best) {
			best = worth;
			at = (int32_t)i;
		}
	}
	return at;
}

/* What dsize leaves: UINT32_MAX when it sets no bound above. */
static uint32_t
payload_max(const struct build *build)
{
	const struct number *n = build->dsize;

	for (unsigned i = 0; n != NULL && i < build->check_count; i++) {
		if (build->check[i].data == n && build->check[i].negated)
			return UINT32_MAX;
	}
	if (n == NULL ||
	    (n->compare != CMP_EQ && n->compare != CMP_LT && n->compare != CMP_LE && n->compare != CMP_RANGE))
		return UINT32_MAX;
	return (uint32_t)(n->compare == CMP_RANGE ? n->b : n->a);
}

static bool
is_stateful(const struct build *build)
{
	for (unsigned i = 0; i < build->check_count; i++) {
		if (build->check[i].phase == PHASE_STATE)
			return true;
	}
	return false;
}

/* Everything to its place in the ruleset's memory. */
static enum cc_status
settle(struct build *build, const struct plan *plan)
{
	struct rule *rule = &build->rule;
	struct store *store = &build->body->store;
	struct slice *reference;
	unsigned at = 0;

	rule->op = store_take(store, (plan->op_count + 1) * sizeof(struct op));
	rule->segment = store_take(store, (plan->segment_count + 1) * sizeof(struct segment));
	rule->check = store_take(store, (build->check_count + 1) * sizeof(struct check));
	rule->info.meta = store_take(store, (build->meta_count + 1) * sizeof(struct rule_meta));
	reference = store_take(store, (2 * build->reference_count + 1) * sizeof(struct slice));
	if (rule->op == NULL || rule->segment == NULL || rule->check == NULL || rule->info.meta == NULL ||
	    reference == NULL)
		return build_refuse(build, "no memory");
	for (unsigned i = 0; i < plan->op_count; i++) {
		struct op *op = &rule->op[i];

		*op = build->op[plan->op[i]];
		if (op->kind == DO_CONTENT && (op->flags & OF_NOCASE) != 0) {
			uint8_t *lower = store_take(store, op->size + 1u);

			if (lower == NULL)
				return build_refuse(build, "no memory");
			lower_copy(lower, slice_of(op->bytes, op->size));
			op->bytes = lower;
		}
	}
	memcpy(rule->segment, plan->segment, plan->segment_count * sizeof(struct segment));
	for (unsigned phase = PHASE_PACKET; phase <= PHASE_POST; phase++) {
		for (unsigned i = 0; i < build->check_count; i++) {
			if (build->check[i].phase == phase)
				rule->check[at++] = build->check[i];
		}
	}
	if (build->meta_count > 0)
		memcpy((void *)(uintptr_t)rule->info.meta, build->meta, build->meta_count * sizeof(struct rule_meta));
	for (size_t i = 0; i < build->reference_count; i++) {
		reference[i] = build->reference[2 * i];
		reference[build->reference_count + i] = build->reference[2 * i + 1];
	}
	rule->info.reference = reference;
	rule->info.reference_url = reference + build->reference_count;
	rule->op_count = (uint16_t)plan->op_count;
	rule->segment_count = (uint16_t)plan->segment_count;
	rule->check_count = (uint16_t)at;
	rule->info.meta_count = build->meta_count;
	rule->info.reference_count = build->reference_count;
	return CC_OK;
}

enum cc_status
rule_finish(struct build *build)
{
	struct rule *rule = &build->rule;
	struct plan plan = {.op_count = 0};

	if (build_buffer_end(build) != CC_OK)
		return CC_BAD;
	build->column = (uint32_t)build->text.size;
	build->keyword = "sid";
	if (!build->has_sid)
		return build_refuse(build, "is missing: every rule needs a number");
	if (check_ops(build) != CC_OK || narrow(build) != CC_OK || classify(build) != CC_OK ||
	    plan_make(build, &plan) != CC_OK)
		return CC_BAD;
	mark_next(build, &plan);
	mark_final(build, &plan);
	rule->state = is_stateful(build);
	rule->dead = build->unmatchable;
	rule->has_vars = build->var_count > 0;
	rule->payload_max = payload_max(build);
	for (unsigned i = 0; i < build->op_count; i++)
		rule->takes = rule->takes || (buffer_of(build, i)->source == SRC_PAYLOAD && moves(&build->op[i]));
	rule->fast = choose_fast(build, &plan, rule->kind != KIND_TX && rule->kind != KIND_FRAME);
	rule->payload_fast = rule->kind == KIND_TX ? choose_fast(build, &plan, true) : -1;
	rule->fast_segment = -1;
	for (unsigned s = 0; s < plan.segment_count && rule->fast >= 0; s++) {
		if (rule->fast >= plan.segment[s].first && rule->fast < plan.segment[s].first + plan.segment[s].count)
			rule->fast_segment = (int32_t)s;
	}
	if (!build->has_gid)
		rule->info.gid = 1;
	if (!build->has_priority && rule->info.priority == 0)
		rule->info.priority = 3;
	rule->info.severity = (uint8_t)(rule->info.priority < 4 ? rule->info.priority : 4);
	rule->info.text = build->text;
	rule->info.file = build->file;
	rule->info.line = build->line;
	sha256_of(build->text, rule->info.digest);
	return settle(build, &plan);
}
