/*
 * Does a rule hold?  Its header, its checks, and its segments over the buffers of a packet, a transaction or a file.
 * A segment may answer NOT_YET: the buffer has not come, or is not complete.
 */
#include "detect/own.h"

static uint8_t
proto_bit(uint8_t proto)
{
	switch (proto) {
	case 6:
		return PROTO_TCP;
	case 17:
		return PROTO_UDP;
	case 1:
		return PROTO_ICMP4;
	case 58:
		return PROTO_ICMP6;
	case 132:
		return PROTO_SCTP;
	default:
		return PROTO_OTHER;
	}
}

bool
run_addresses(const struct run *run, const struct cc_addr **ret_src, const struct cc_addr **ret_dst)
{
	static const struct cc_addr none;

	*ret_src = *ret_dst = &none;
	if (run->pkt != NULL && run->tx == NULL && !run->stream && run->pkt->ip_count > 0) {
		*ret_src = &run->pkt->src;
		*ret_dst = &run->pkt->dst;
	} else if (run->flow != NULL) {
		*ret_src = &run->flow->side[run->dir].addr;
		*ret_dst = &run->flow->side[cc_dir_other(run->dir)].addr;
	} else {
		return false;
	}
	return true;
}

struct ends {
	const struct cc_addr *src, *dst;
	uint16_t sport, dport;
};

/* What has no ports has none in any range either. */
static bool
ports_there(const struct rule *rule, uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132 || (rule->sport->any && rule->dport->any);
}

static bool
ends_hold(const struct rule *rule, const struct ends *ends)
{
	return port_set_has(rule->dport, ends->dport) && port_set_has(rule->sport, ends->sport) &&
	       addr_set_has(rule->dst, ends->dst) && addr_set_has(rule->src, ends->src);
}

static bool
app_holds(const struct run *run)
{
	const struct cc_parser *parser;

	if (run->rule->apps == 0)
		return true;
	parser = run->tx != NULL ? run->tx->parser : run->flow != NULL ? app_protocol(run->flow) : NULL;
	for (unsigned i = 0; parser != NULL && i < app_parser_count && i < 64; i++) {
		if (app_parsers[i] == parser)
			return (run->rule->apps >> i & 1) != 0;
	}
	return false;
}

static bool
flow_holds(const struct run *run)
{
	uint8_t want = run->rule->flow;
	const struct flow *flow = run->flow;
	/* What was picked up in its midst has been established by somebody. */
	bool established = flow != NULL && (flow->established || (flow->midstream && flow->tcp != TCP_NONE));

	/* The bare ACK of the handshake is still part of it. */
	if (established && flow->proto == 6 && flow->established_seq == run->seq && !flow->midstream && !run->stream &&
	    run->tx == NULL && run->frame == NULL && run->pkt != NULL && run->pkt->payload.size == 0)
		established = false;
	if ((want & FLOW_IS_ESTABLISHED) != 0 && !established)
		return false;
	if ((want & FLOW_NOT_ESTABLISHED) != 0 && established)
		return false;
	if ((want & FLOW_NO_FRAG) != 0 && run->pkt != NULL && (run->pkt->is_fragment || run->pkt->reassembled))
		return false;
	if ((want & FLOW_ONLY_FRAG) != 0 && (run->pkt == NULL || !run->pkt->reassembled))
		return false;
	return true;
}

bool
header_holds(struct run *run)
{
	const struct rule *rule = run->rule;
	const struct flow *flow = run->flow;
	const struct packet *pkt = run->pkt;
	bool packet = pkt != NULL && run->tx == NULL && run->frame == NULL && !run->stream && pkt->ip_count > 0;
	struct ends ends, back;
	uint8_t version, proto;

	if (!packet && (flow == NULL || flow->stray))
		return (rule->protos & PROTO_NONIP) != 0;
	version = packet ? pkt->ip[pkt->ip_count - 1].version : flow->ip_version;
	proto = packet ? packet_proto(pkt) : flow->proto;
	if ((rule->dirs & dir_bit(run->dir)) == 0 || (rule->protos & proto_bit(proto)) == 0 ||
	    (rule->versions & (version == 4 ? 1 : 2)) == 0 || !ports_there(rule, proto))
		return false;
	if (packet) {
		ends = (struct ends){&pkt->src, &pkt->dst, pkt->sport, pkt->dport};
	} else {
		const struct flow_side *from = &flow->side[run->dir], *to = &flow->side[cc_dir_other(run->dir)];

		ends = (struct ends){&from->addr, &to->addr, from->port, to->port};
	}
	back = (struct ends){ends.dst, ends.src, ends.dport, ends.sport};
	return (ends_hold(rule, &ends) || (rule->both_ways && ends_hold(rule, &back))) && app_holds(run) &&
	       flow_holds(run);
}

bool
checks_hold(struct run *run)
{
	const struct rule *rule = run->rule;

	for (unsigned i = 0; i < rule->check_count && rule->check[i].phase != PHASE_POST; i++) {
		if (!rule->check[i].test(run, &rule->check[i]))
			return false;
	}
	return true;
}

/* Where the expression doesn't match the buffer stays as it is. */
static size_t
pcrexform(struct detect *detect, const struct transform *transform, struct slice in, uint8_t *out)
{
	const PCRE2_SIZE *place;
	size_t size;

	detect_count_add(detect, DETECT_PCRE_RUNS, 1);
	if (pcre2_match(transform->regex->code, in.p, in.size, 0, 0, detect->match_data, detect->match_context) >= 2) {
		place = pcre2_get_ovector_pointer(detect->match_data);
		if (place[2] == PCRE2_UNSET || place[3] < place[2])
			return 0;
		in = slice_of(in.p + place[2], place[3] - place[2]);
	}
	size = in.size < TRANSFORM_ROOM ? in.size : TRANSFORM_ROOM;
	memcpy(out, in.p, size);
	return size;
}

struct slice
buffer_transformed(struct detect *detect, const struct buffer *buffer, struct slice in)
{
	static const uint8_t nothing[1];

	if (in.p == NULL)
		in = slice_of(nothing, 0);
	for (unsigned i = 0; i < buffer->transform_count; i++) {
		uint8_t *out = detect->room[i % 2];
		size_t size;

		if (in.size > TRANSFORM_ROOM)
			detect_count_add(detect, DETECT_INSPECT_CUT, 1);
		size = buffer->transform[i].regex != NULL
			   ? pcrexform(detect, &buffer->transform[i], in, out)
			   : buffer->transform[i].run(&buffer->transform[i], in, out, TRANSFORM_ROOM);
		in = slice_of(out, size);
	}
	return in;
}

struct slice
header_part(const struct packet *pkt, enum header_part part)
{
	const struct ip_info *ip = pkt->ip_count > 0 ? &pkt->ip[pkt->ip_count - 1] : NULL;
	size_t size = pkt->l4.size - pkt->payload.size;

	if (ip == NULL)
		return slice_of(NULL, 0);
	switch (part) {
	case PART_IPV4:
		return ip->version == 4 ? ip->header : slice_of(NULL, 0);
	case PART_IPV6:
		return ip->version == 6 ? ip->header : slice_of(NULL, 0);
	case PART_TCP:
		return pkt->proto == 6 && pkt->has_transport ? slice_of(pkt->l4.p, size) : slice_of(NULL, 0);
	case PART_UDP:
		return pkt->proto == 17 && pkt->has_transport ? slice_of(pkt->l4.p, size) : slice_of(NULL, 0);
	case PART_ICMPV4:
		return pkt->proto == 1 && pkt->has_transport ? slice_of(pkt->l4.p, size) : slice_of(NULL, 0);
	case PART_ICMPV6:
		return pkt->proto == 58 && pkt->has_transport ? slice_of(pkt->l4.p, size) : slice_of(NULL, 0);
	case PART_SRC:
	case PART_DST:
		break; /* address_part(): those of a flow are as good */
	}
	return slice_of(NULL, 0);
}

/* The 4 or 16 bytes of an address. */
static struct slice
address_part(const struct run *run, enum header_part part)
{
	const struct cc_addr *src, *dst, *addr;

	if (!run_addresses(run, &src, &dst))
		return slice_of(NULL, 0);
	addr = part == PART_SRC ? src : dst;
	return cc_addr_is4(addr) ? slice_of(addr->b + 12, 4) : slice_of(addr->b, 16);
}

void
note_place(struct run *run, const struct buffer *buffer)
{
	if (run->buffer != NULL)
		return;
	run->buffer = buffer->source != SRC_PAYLOAD ? buffer->name : run->stream ? "stream" : "payload";
	run->offset = run->view.base + run->match_at;
	run->size = (uint32_t)(run->match_end - run->match_at);
}

static bool
view_holds(struct run *run, const struct segment *segment, struct slice bytes, bool whole, uint64_t number)
{
	const struct buffer *buffer = &run->detect->set->buffer[segment->buffer];

	run->view =
	    (struct view){.bytes = buffer_transformed(run->detect, buffer, bytes), .whole = whole, .number = number};
	if (!program_run(run, segment))
		return false;
	note_place(run, buffer);
	return true;
}

static const struct buffer_field *
field_of(const struct buffer *buffer, const struct cc_tx *tx, unsigned field)
{
	for (unsigned i = 0; i < buffer->field_count; i++) {
		if (buffer->field[i].field == field && app_parsers[buffer->field[i].parser] == tx->parser)
			return &buffer->field[i];
	}
	return NULL;
}

bool
flag_is_set(const struct run *run, unsigned buffer)
{
	const struct buffer *flag = &run->detect->set->buffer[buffer];

	for (unsigned i = 0; run->tx != NULL && i < run->tx->count; i++) {
		const struct cc_value *value = &run->tx->value[i];
		const struct buffer_field *field = field_of(flag, run->tx, value->field);

		if (field != NULL && (field->dirs & dir_bit(run->dir)) != 0 && value->num != 0)
			return true;
	}
	return false;
}

/* One of the transaction's values holds it all. */
static enum verdict
field_holds(struct run *run, const struct segment *segment, const struct buffer *buffer)
{
	const struct cc_tx *tx = run->tx;
	bool any = false, present = false;

	if (tx == NULL)
		return NO;
	for (unsigned i = 0; i < buffer->field_count; i++) {
		unsigned field = buffer->field[i].field;

		present = present || (app_parsers[buffer->field[i].parser] == tx->parser &&
					 (tx->present[field / 64] >> field % 64 & 1) != 0);
	}
	for (unsigned i = 0; i < tx->count && present; i++) {
		const struct cc_value *value = &tx->value[i];
		const struct buffer_field *field = field_of(buffer, tx, value->field);
		bool number;

		if (field == NULL || (field->dirs & dir_bit(run->dir)) == 0)
			continue;
		any = true;
		number = tx->parser->fields[value->field].type != CC_BYTES;
		if (view_holds(run, segment, number ? slice_of(NULL, 0) : slice_of(value->bytes, value->size), true,
			number ? value->num : 0))
			return YES;
	}
	if (run->final || (any && !buffer->multi))
		return NO;
	return NOT_YET;
}

static enum verdict
file_holds(struct run *run, const struct segment *segment, const struct buffer *buffer)
{
	struct cc_file *file = run->file;
	bool closed;
	struct slice bytes;

	if (file == NULL)
		return run->final ? NO : NOT_YET;
	if ((buffer->dirs & dir_bit(file->dir)) == 0)
		return NO;
	closed = file->state != FILE_OPEN;
	switch (buffer->source) {
	case SRC_FILE_NAME:
		return view_holds(run, segment, file->name, true, 0) ? YES : NO;
	case SRC_FILE_TYPE:
		if (!closed)
			return NOT_YET;
		return view_holds(run, segment, slice_str(file->type), true, 0) ? YES : NO;
	default:
		break;
	}
	if (segment->final && !closed && !file->content_cut)
		return NOT_YET;
	bytes = slice_of(file->content, file->content != NULL ? file->content_size : 0);
	if (bytes.size == 0 && !closed)
		return NOT_YET;
	if (view_holds(run, segment, bytes, closed, 0))
		return YES;
	return closed || file->content_cut ? NO : NOT_YET;
}

enum verdict
segment_holds(struct run *run, const struct segment *segment)
{
	const struct buffer *buffer = &run->detect->set->buffer[segment->buffer];

	switch (buffer->source) {
	case SRC_FIELD:
		return field_holds(run, segment, buffer);
	case SRC_FILE:
	case SRC_FILE_NAME:
	case SRC_FILE_TYPE:
		return file_holds(run, segment, buffer);
	case SRC_HEADER: {
		struct slice bytes = slice_of(NULL, 0);

		if (buffer->part == PART_SRC || buffer->part == PART_DST)
			bytes = address_part(run, buffer->part);
		else if (run->pkt != NULL)
			bytes = header_part(run->pkt, buffer->part);
		return bytes.size > 0 && view_holds(run, segment, bytes, true, 0) ? YES : NO;
	}
	case SRC_PAYLOAD:
		if (run->tx != NULL) { /* that part has held before, on packets or the stream */
			const struct flow_state *state = run->flow != NULL ? run->flow->detect : NULL;

			return state != NULL && list_has(&state->payload, run->rule->index) ? YES
			       : run->final                                                 ? NO
											    : NOT_YET;
		}
		run->view = run->payload;
		if (!program_run(run, segment))
			return NO;
		note_place(run, buffer);
		return YES;
	case SRC_BASE64:
	case SRC_FRAME: /* frames.c */
		break;
	}
	return NO;
}
