/* What is asked of the flow: flow, app-layer-protocol, app-layer-event, stream_size; the sensor's own words on odd
 * packets. */
#include "detect/kw/kw.h"

static enum cc_status
flow_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *word;
		uint8_t flow, dirs;
	} table[] = {
	    {"established", FLOW_IS_ESTABLISHED, 0},
	    {"not_established", FLOW_NOT_ESTABLISHED, 0},
	    {"stateless", FLOW_STATELESS, 0},
	    {"to_server", 0, DIR_TS},
	    {"from_client", 0, DIR_TS},
	    {"to_client", 0, DIR_TC},
	    {"from_server", 0, DIR_TC},
	    {"no_stream", FLOW_NO_STREAM, 0},
	    {"only_stream", FLOW_ONLY_STREAM | FLOW_FOLLOWED, 0},
	    {"no_frag", FLOW_NO_FRAG, 0},
	    {"only_frag", FLOW_ONLY_FRAG, 0},
	};
	struct slice rest = value, word;
	uint8_t dirs = 0, flow = 0;

	(void)keyword, (void)negated;
	if (build->has_flow)
		return build_refuse(build, "stands twice");
	build->has_flow = true;
	while (slice_split(&rest, ',', &word)) {
		size_t i;

		word = slice_trim(word);
		for (i = 0; i < sizeof(table) / sizeof(table[0]) && !slice_is_nocase(word, table[i].word); i++)
			;
		if (i == sizeof(table) / sizeof(table[0]))
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(word.size < 40 ? word.size : 40), word.p);
		if (table[i].dirs != 0 && dirs != 0)
			return build_refuse(build, "names two directions");
		if ((table[i].flow & flow) != 0)
			return build_refuse(build, "says \"%s\" twice", table[i].word);
		dirs |= table[i].dirs;
		flow |= table[i].flow;
	}
	if (__builtin_popcount(flow & (FLOW_IS_ESTABLISHED | FLOW_NOT_ESTABLISHED | FLOW_STATELESS)) > 1)
		return build_refuse(build, "established, not_established and stateless exclude one another");
	if ((flow & (FLOW_NO_STREAM | FLOW_ONLY_STREAM)) == (FLOW_NO_STREAM | FLOW_ONLY_STREAM) ||
	    (flow & (FLOW_NO_FRAG | FLOW_ONLY_FRAG)) == (FLOW_NO_FRAG | FLOW_ONLY_FRAG))
		return build_refuse(build, "asks for a thing and its opposite");
	build->rule.flow |= flow;
	if (dirs != 0)
		build->rule.dirs = dirs;
	return CC_OK;
}

static bool
protocol_test(struct run *run, const struct check *check)
{
	const struct cc_parser *parser = run->flow != NULL ? app_protocol(run->flow) : NULL;
	const char *name = check->data;
	bool is;

	if (parser == NULL)
		return run->flow != NULL && app_failed(run->flow) && (strcmp(name, "failed") == 0) != check->negated;
	is = strcmp(parser->name, name) == 0 || (strcmp(name, "http") == 0 && strncmp(parser->name, "http", 4) == 0);
	return is != check->negated;
}

static enum cc_status
protocol_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	char name[32];
	struct slice copy;
	struct check *check;
	bool known;

	(void)keyword;
	if (value.size == 0 || value.size >= sizeof(name) || build->app_proto)
		return build_refuse(
		    build, build->app_proto ? "the rule's header names the protocol already" : "needs a protocol");
	lower_copy((uint8_t *)name, value);
	if (value.size == 5 && memcmp(name, "http1", 5) == 0)
		value.size = 4;
	copy = store_copy(&build->body->store, slice_of(name, value.size));
	check = copy.p != NULL ? build_check(build, protocol_test, PHASE_PACKET) : NULL;
	if (check == NULL)
		return build_refuse(build, "no memory");
	known = slice_is(copy, "failed") || slice_is(copy, "http") || app_parser_by_name(copy) != NULL;
	if (!known && !negated)
		return build_refuse(
		    build, "protocol \"%.*s\" is not one that this sensor parses", (int)value.size, value.p);
	check->data = copy.p;
	check->negated = negated;
	build->rule.kind = KIND_PROTOCOL;
	build->ip_keyword_only = false;
	return CC_OK;
}

static enum cc_status
event_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	const uint8_t *dot = memchr(value.p, '.', value.size);
	struct slice name;
	const struct cc_parser *parser = NULL;

	(void)keyword, (void)negated;
	if (dot == NULL && (value.size < 9 || !slice_is_nocase(slice_of(value.p, 9), "applayer_")))
		return build_refuse(build, "should be protocol.event");
	if (dot == NULL) { /* events of identification: "applayer_…" */
		parser = &app_core;
		build->rule.anomaly_parser = (uint8_t)app_parser_count;
	}
	for (unsigned i = 0; dot != NULL && i < app_parser_count && i < 64; i++) {
		struct slice word = slice_of(value.p, (size_t)(dot - value.p));

		if (slice_is_nocase(word, app_parsers[i]->name) ||
		    ((slice_is_nocase(word, "ikev1") || slice_is_nocase(word, "ikev2")) &&
		     strcmp(app_parsers[i]->name, "ike") == 0) ||
		    (slice_is_nocase(word, "bittorrent_dht") && strcmp(app_parsers[i]->name, "bittorrent-dht") == 0) ||
		    (slice_is_nocase(word, "http1") && strcmp(app_parsers[i]->name, "http") == 0)) {
			parser = app_parsers[i];
			build->rule.anomaly_parser = (uint8_t)i;
		}
	}
	if (parser == NULL)
		return build_refuse(
		    build, "protocol \"%.*s\" is not one that this sensor parses", (int)(dot - value.p), value.p);
	name = dot != NULL ? slice_of(dot + 1, value.size - (size_t)(dot + 1 - value.p)) : value;
	build->needs_tx = true;
	build->ip_keyword_only = false;
	build->unmatchable = true;
	for (unsigned i = 0; parser != NULL && i < parser->anomaly_count; i++) {
		if (slice_is_nocase(name, parser->anomalies[i].name)) {
			build->rule.anomaly = (int32_t)i;
			build->unmatchable = false;
		}
	}
	if (build->unmatchable)
		build_warn(build, "this sensor has no event \"%.*s\": the rule can't hold", (int)value.size, value.p);
	return CC_OK;
}

static bool
decode_event_test(struct run *run, const struct check *check)
{
	return run->pkt != NULL && (run->pkt->events[check->a / 64] >> check->a % 64 & 1) != 0;
}

static enum cc_status
decode_event_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct check *check;

	(void)keyword, (void)negated;
	build->rule.kind = KIND_ODD;
	build->ip_keyword_only = false;
	if (value.size > 8 && slice_is_nocase(slice_of(value.p, 8), "decoder."))
		value = slice_of(value.p + 8, value.size - 8);
	for (unsigned i = 0; i < DECODE_EVENT_COUNT; i++) {
		if (slice_is_nocase(value, decode_event_name[i])) {
			check = build_check(build, decode_event_test, PHASE_PACKET);
			if (check == NULL)
				return CC_BAD;
			check->a = i;
			return CC_OK;
		}
	}
	build->unmatchable = true;
	build_warn(build, "this sensor has no event \"%.*s\": the rule can't hold", (int)value.size, value.p);
	return CC_OK;
}

static bool
stream_event_test(struct run *run, const struct check *check)
{
	const uint64_t *events = run->detect->events;

	return run->pkt != NULL && events != NULL && (events[check->a / 64] >> check->a % 64 & 1) != 0;
}

static enum cc_status
stream_event_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct check *check;

	(void)keyword, (void)negated;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	if (value.size > 7 && slice_is_nocase(slice_of(value.p, 7), "stream."))
		value = slice_of(value.p + 7, value.size - 7);
	for (unsigned i = 0; i < FLOW_EVENT_COUNT; i++) {
		const char *name = flow_event_name[i];

		if (slice_is_nocase(value, strncmp(name, "stream.", 7) == 0 ? name + 7 : name)) {
			check = build_check(build, stream_event_test, PHASE_PACKET);
			if (check == NULL)
				return CC_BAD;
			check->a = i;
			return CC_OK;
		}
	}
	build->unmatchable = true;
	build_warn(build, "this sensor has no event \"%.*s\": the rule can't hold", (int)value.size, value.p);
	return CC_OK;
}

static enum cc_status
engine_event_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	if (value.size > 7 && slice_is_nocase(slice_of(value.p, 7), "stream."))
		return stream_event_parse(build, keyword, value, negated);
	return decode_event_parse(build, keyword, value, negated);
}

struct stream_size {
	struct number number;
	enum { SIZE_SERVER, SIZE_CLIENT, SIZE_BOTH, SIZE_EITHER } side;
};

static bool
stream_size_test(struct run *run, const struct check *check)
{
	const struct stream_size *size = check->data;
	bool client, server;

	if (run->flow == NULL || run->flow->proto != 6)
		return false;
	client = number_holds(&size->number, flow_sequence(run->flow, CC_TO_SERVER));
	server = number_holds(&size->number, flow_sequence(run->flow, CC_TO_CLIENT));
	switch (size->side) {
	case SIZE_SERVER:
		return server;
	case SIZE_CLIENT:
		return client;
	case SIZE_BOTH:
		return server && client;
	default:
		return server || client;
	}
}

static enum cc_status
stream_size_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const words[] = {"server", "client", "both", "either"};
	struct stream_size *size = build_take(build, sizeof(*size));
	struct slice rest = value, side, compare;
	char text[64];
	struct check *check;
	unsigned i;

	(void)keyword, (void)negated;
	if (size == NULL)
		return CC_BAD;
	if (!slice_split(&rest, ',', &side) || !slice_split(&rest, ',', &compare) || rest.p == NULL)
		return build_refuse(build, "should be side,operator,size");
	side = slice_trim(side);
	for (i = 0; i < 4 && !slice_is_nocase(side, words[i]); i++)
		;
	if (i == 4)
		return build_refuse(build, "the side should be client, server, both or either");
	size->side = (unsigned)i;
	compare = slice_trim(compare);
	rest = slice_trim(rest);
	snprintf(text, sizeof(text), "%.*s%.*s", (int)(compare.size < 4 ? compare.size : 4), compare.p,
	    (int)(rest.size < 24 ? rest.size : 24), rest.p);
	if (number_or_refuse(build, slice_str(text), UINT64_MAX, &size->number) != CC_OK)
		return CC_BAD;
	check = build_check(build, stream_size_test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->data = size;
	build->ip_keyword_only = false;
	return CC_OK;
}

static bool
age_test(struct run *run, const struct check *check)
{
	return run->flow != NULL && run->time >= run->flow->first &&
	       number_holds(
		   check->data, run->time / NS_PER_S - run->flow->first / NS_PER_S); /* by the clock's seconds */
}

static enum cc_status
age_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool packet = build->packet_keyword;
	enum cc_status st;

	(void)negated;
	st = packet_check(build, keyword, age_test, value, UINT32_MAX);
	build->packet_keyword = packet;
	return st;
}

const struct keyword kw_flow = {"flow", NULL, KW_VALUE, flow_parse, NULL,
    "The flow's state and way: established, to_server, to_client, only_stream, no_stream …"};
const struct keyword kw_app_layer_protocol = {"app-layer-protocol", NULL, KW_VALUE | KW_NEGATE, protocol_parse, NULL,
    "The protocol that the flow speaks, whatever its port"};
const struct keyword kw_app_layer_event = {
    "app-layer-event", NULL, KW_VALUE, event_parse, NULL, "A parser reported this: protocol.event"};
const struct keyword kw_decode_event = {
    "decode-event", NULL, KW_VALUE, decode_event_parse, NULL, "Decoding the packet showed this"};
const struct keyword kw_stream_event = {
    "stream-event", NULL, KW_VALUE, stream_event_parse, NULL, "Following the TCP stream showed this"};
const struct keyword kw_engine_event = {
    "engine-event", NULL, KW_VALUE, engine_event_parse, NULL, "The old way to write decode-event and stream-event"};
const struct keyword kw_stream_size = {
    "stream_size", NULL, KW_VALUE, stream_size_parse, NULL,
    "Bytes of a side's stream so far, its SYN counted as one: side,operator,size"};
const struct keyword kw_flow_age = {
    "flow.age", NULL, KW_VALUE, age_parse, NULL, "Seconds since the flow's first packet"};
