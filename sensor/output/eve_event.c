/*
 * The events one by one: alerts, transactions, files, flows, anomalies.  What Suricata's schema has no word for stands
 * under a member "concert" (see README.md).  One thread, the worker's.
 */
#include "output/eve_own.h"

#include <stdlib.h>

#include "indicate/indicate.h"

/* The way of a packet in its flow. */
static enum cc_dir
packet_dir(const struct flow *flow, const struct packet *pkt, enum cc_dir otherwise)
{
	const struct flow_side *client;

	if (flow == NULL || flow->stray || pkt == NULL || pkt->ip_count == 0)
		return otherwise;
	client = &flow->side[CC_TO_SERVER];
	if (cc_addr_cmp(&client->addr, &flow->side[CC_TO_CLIENT].addr) == 0)
		return pkt->sport == client->port ? CC_TO_SERVER : CC_TO_CLIENT;
	return cc_addr_cmp(&pkt->src, &client->addr) == 0 ? CC_TO_SERVER : CC_TO_CLIENT;
}

static void
put_app_proto(const struct flow *flow, struct buf *out)
{
	const struct cc_parser *parser;

	if (flow == NULL || flow->stray)
		return;
	parser = app_protocol(flow);
	if (parser == NULL && !app_failed(flow))
		return;
	eve_put(out, ",\"app_proto\":\"");
	buf_add_text(out, parser != NULL ? parser->name : "failed");
	eve_put(out, "\"");
}

/* ---- alert ---- */

static bool
first_of_key(const struct rule_info *rule, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (slice_eq(rule->meta[i].key, rule->meta[at].key))
			return false;
	}
	return true;
}

/* Values of one key stand together, in the order of the rule. */
static void
put_metadata(const struct rule_info *rule, struct buf *out)
{
	if (rule->meta_count == 0)
		return;
	eve_put(out, ",\"metadata\":{");
	for (size_t i = 0, said = 0; i < rule->meta_count; i++) {
		if (!first_of_key(rule, i))
			continue;
		if (said++ > 0)
			eve_put(out, ",");
		eve_put_string(rule->meta[i].key, out);
		eve_put(out, ":[");
		for (size_t k = i, values = 0; k < rule->meta_count; k++) {
			if (!slice_eq(rule->meta[k].key, rule->meta[i].key))
				continue;
			if (values++ > 0)
				eve_put(out, ",");
			eve_put_string(rule->meta[k].value, out);
		}
		eve_put(out, "]");
	}
	eve_put(out, "}");
}

static void
put_party(const char *name, const struct flow *flow, enum cc_dir dir, struct buf *out)
{
	const struct flow_side *side = &flow->side[dir];

	buf_printf(out, ",\"%s\":{\"ip\":", name);
	eve_put_addr(&side->addr, flow->ip_version, out);
	buf_printf(out, ",\"port\":%u}", side->port);
}

static void
put_references(const struct rule_info *rule, struct buf *out)
{
	for (size_t i = 0; i < rule->reference_count; i++) {
		if (i == 0)
			eve_put(out, ",\"references\":[");
		else
			eve_put(out, ",");
		eve_put_string(rule->reference_url != NULL && rule->reference_url[i].size > 0 ? rule->reference_url[i]
											     : rule->reference[i],
		    out);
	}
	if (rule->reference_count > 0)
		eve_put(out, "]");
}

static void
put_rule(const struct match *match, enum cc_dir dir, struct buf *out)
{
	const struct rule_info *rule = match->rule;
	bool flow = match->flow != NULL && !match->flow->stray;

	buf_printf(out, "\"action\":\"allowed\",\"gid\":%u,\"signature_id\":%u,\"rev\":%u,\"signature\":", rule->gid,
	    rule->sid, rule->rev);
	eve_put_string(rule->msg, out);
	eve_put(out, ",\"category\":");
	eve_put_string(rule->class_text, out);
	eve_put(out, ",\"severity\":");
	eve_put_uint(rule->priority, out);
	if (flow && (rule->target_src || rule->target_dst)) {
		put_party("source", match->flow, rule->target_src ? cc_dir_other(dir) : dir, out);
		put_party("target", match->flow, rule->target_src ? dir : cc_dir_other(dir), out);
	}
	put_metadata(rule, out);
	put_references(rule, out);
}

static void
put_watch(const struct watch_info *watch, struct buf *out)
{
	eve_put(out, "\"action\":\"allowed\",\"gid\":1,\"signature_id\":0,\"rev\":0,\"signature\":\"watch list: ");
	buf_add_text(out, record_kind_text((enum cc_kind)watch->kind));
	eve_put(out, "\",\"category\":\"\",\"severity\":2");
}

static void
put_alert_concert(const struct match *match, struct buf *out)
{
	static const char *const by[] = {"signature", "yara", "watch-list"};
	static const char *const action[] = {"alert", "pass", "drop", "reject"};

	buf_printf(out, ",\"concert\":{\"by\":\"%s\"", by[match->by]);
	if (match->buffer != NULL) {
		eve_put(out, ",\"buffer\":");
		eve_put_string(slice_str(match->buffer), out);
	}
	if (match->offset != UINT64_MAX) {
		eve_put(out, ",\"offset\":");
		eve_put_uint(match->offset, out);
	}
	if (match->string.size > 0) {
		eve_put(out, ",\"string\":");
		eve_put_string(match->string, out);
	}
	if (match->rule != NULL) {
		char digest[65];

		buf_printf(out, ",\"rule_digest\":\"%s\"", hex_text(slice_of(match->rule->digest, 32), digest));
		if (match->rule->action != RULE_ALERT)
			buf_printf(out, ",\"rule_action\":\"%s\"", action[match->rule->action]);
	}
	if (match->watch != NULL) {
		eve_put(out, ",\"value\":");
		eve_put_string(match->watch->value, out);
		eve_put(out, ",\"source\":");
		eve_put_string(match->watch->source, out);
		eve_put(out, ",\"comment\":");
		eve_put_string(match->watch->comment, out);
		if (match->watch->answer_to.size > 0) {
			eve_put(out, ",\"answer_to\":");
			eve_put_string(match->watch->answer_to, out);
		}
	}
	eve_put(out, "}");
}

static void
put_flow_counts(const struct flow *flow, struct buf *out)
{
	const struct flow_side *client = &flow->side[CC_TO_SERVER], *server = &flow->side[CC_TO_CLIENT];

	eve_put(out, ",\"flow\":{\"pkts_toserver\":");
	eve_put_uint(client->packets, out);
	eve_put(out, ",\"pkts_toclient\":");
	eve_put_uint(server->packets, out);
	eve_put(out, ",\"bytes_toserver\":");
	eve_put_uint(client->bytes, out);
	eve_put(out, ",\"bytes_toclient\":");
	eve_put_uint(server->bytes, out);
}

static void
put_flow_so_far(struct eve *eve, const struct flow *flow, struct buf *out)
{
	const struct flow_side *client = &flow->side[CC_TO_SERVER], *server = &flow->side[CC_TO_CLIENT];

	put_flow_counts(flow, out);
	eve_put(out, ",\"start\":");
	eve_put_time(eve, flow->first, out);
	eve_put(out, ",\"src_ip\":");
	eve_put_addr(&client->addr, flow->ip_version, out);
	eve_put(out, ",\"dest_ip\":");
	eve_put_addr(&server->addr, flow->ip_version, out);
	if (flow->proto == 6 || flow->proto == 17 || flow->proto == 132)
		buf_printf(out, ",\"src_port\":%u,\"dest_port\":%u", client->port, server->port);
	eve_put(out, "}");
}

/* Of an entry: which archive it was in. */
static void
put_archive(const struct cc_file *file, struct buf *out)
{
	static const char *const kind[] = {"", "zip", "gzip", "tar"};
	char hex[65];

	buf_printf(out, ",\"concert\":{\"archive\":{\"type\":\"%s\"", kind[file->archive]);
	if (file->archive_hashed)
		buf_printf(out, ",\"sha256\":\"%s\"", hex_text(slice_of(file->archive_sha256, 32), hex));
	if (file->encrypted)
		eve_put(out, ",\"encrypted\":true");
	eve_put(out, "}}");
}

static void
put_file_members(const struct eve *eve, const struct cc_file *file, struct buf *out)
{
	static const char *const state[] = {"UNKNOWN", "CLOSED", "TRUNCATED"};
	bool whole = file->state == FILE_WHOLE && !file->gap, hashed = !file->gap && (whole || file->size > 0);
	char hex[65];

	eve_put(out, "{\"filename\":");
	eve_put_string(file->name, out);
	if (file->type[0] != '\0') {
		eve_put(out, ",\"magic\":");
		eve_put_string(slice_str(file->type), out);
	}
	buf_printf(out, ",\"gaps\":%s,\"state\":\"%s\"", file->gap ? "true" : "false", state[file->state]);
	/* Of a file that was cut they are of what was seen, as its state says; indicators are made of whole ones. */
	if (file->has_md5 && hashed)
		buf_printf(out, ",\"md5\":\"%s\"", hex_text(slice_of(file->md5, 16), hex));
	if (file->has_sha1 && hashed)
		buf_printf(out, ",\"sha1\":\"%s\"", hex_text(slice_of(file->sha1, 20), hex));
	if (file->has_sha256 && hashed)
		buf_printf(out, ",\"sha256\":\"%s\"", hex_text(slice_of(file->sha256, 32), hex));
	buf_printf(out, ",\"stored\":%s,\"size\":",
	    eve->conf->files_store && whole && file->content != NULL && !file->content_cut ? "true" : "false");
	eve_put_uint(file->size, out);
	if (file->ranged)
		buf_printf(out, ",\"start\":%llu,\"end\":%llu", (unsigned long long)file->range_start,
		    (unsigned long long)file->range_end);
	eve_put(out, ",\"tx_id\":");
	eve_put_uint(file->tx_id, out);
	if (file->ranges > 0)
		buf_printf(out, ",\"concert\":{\"ranges\":%u}", file->ranges);
	else if (file->archive != ARCHIVE_NONE)
		put_archive(file, out);
	eve_put(out, "}");
}

/* Where it is not what the line is about: the rest of the line must have room. */
static void
put_tx_of(struct eve *eve, const struct cc_tx *tx, struct buf *out)
{
	const struct eve_plan *plan = tx != NULL ? eve_plan_of(eve, tx->parser) : NULL;
	size_t room = out->fixed ? out->room : out->max;

	if (plan != NULL)
		eve->cut = !eve_put_tx(plan, tx, room / 4, out);
}

bool
eve_alert(struct eve *eve, const struct match *match, const struct packet *pkt, uint64_t time, struct buf *out)
{
	size_t start = out->size;
	const struct flow *flow = match->flow;
	bool in_data = match->tx != NULL || match->file != NULL || match->stream;
	struct eve_head head = {
	    .type = "alert",
	    .time = time,
	    .flow = flow,
	    .pkt = pkt,
	    .dir = in_data ? match->dir : packet_dir(flow, pkt, match->dir),
	    .has_tx = match->tx != NULL,
	    .tx_id = match->tx != NULL ? match->tx->id : 0,
	};

	if (match->flow != NULL && !match->flow->stray)
		indicate_mark_alerted(match->flow);
	if (!eve->on[EVE_ALERT] || (match->rule == NULL && match->watch == NULL))
		return false;
	eve_put_head(eve, &head, out);
	eve_put(out, ",\"alert\":{");
	if (match->rule != NULL)
		put_rule(match, head.dir, out);
	else
		put_watch(match->watch, out);
	put_alert_concert(match, out);
	eve_put(out, "}");
	put_tx_of(eve, match->tx, out);
	if (match->file != NULL) {
		eve_put(out, ",\"files\":[");
		put_file_members(eve, match->file, out);
		eve_put(out, "]");
	}
	if (flow != NULL && !flow->stray) {
		put_app_proto(flow, out);
		buf_add_text(
		    out, head.dir == CC_TO_SERVER ? ",\"direction\":\"to_server\"" : ",\"direction\":\"to_client\"");
		put_flow_so_far(eve, flow, out);
	}
	return eve_end(eve, start, out);
}

/* ---- transactions and files ---- */

bool
eve_tx(struct eve *eve, const struct flow *flow, const struct cc_tx *tx, const struct packet *pkt, enum cc_dir dir,
    uint64_t time, struct buf *out)
{
	size_t start = out->size;
	const struct eve_plan *plan = eve_plan_of(eve, tx->parser);
	struct eve_head head = {
	    .type = cc_event_name(tx->parser),
	    .time = time,
	    .flow = flow,
	    .pkt = pkt,
	    .dir = plan != NULL && plan->by_packet ? dir : CC_TO_SERVER,
	    .has_tx = true,
	    .tx_id = tx->id,
	};

	if (plan == NULL || !plan->on || !eve_says_any(plan, tx))
		return false;
	eve_put_head(eve, &head, out);
	eve->cut = !eve_put_tx(plan, tx, 1, out);
	return eve_end(eve, start, out);
}

bool
eve_file(struct eve *eve, const struct flow *flow, const struct cc_file *file, uint64_t time, struct buf *out)
{
	size_t start = out->size;
	struct eve_head head = {
	    .type = "fileinfo",
	    .time = time,
	    .flow = flow,
	    .dir = file->dir,
	};

	if (!eve->on[EVE_FILEINFO])
		return false;
	eve_put_head(eve, &head, out);
	put_tx_of(eve, file->tx, out);
	if (file->parser != NULL) {
		eve_put(out, ",\"app_proto\":\"");
		buf_add_text(out, file->parser->name);
		eve_put(out, "\"");
	}
	eve_put(out, ",\"fileinfo\":");
	put_file_members(eve, file, out);
	return eve_end(eve, start, out);
}

/* ---- flows ---- */

static const char *
flow_state_text(const struct flow *flow)
{
	if (flow->proto == 6) {
		if (flow->tcp == TCP_CLOSED || flow->tcp == TCP_RESET)
			return "closed";
		return flow->tcp >= TCP_ESTABLISHED ? "established" : "new";
	}
	return flow->established ? "established" : "new";
}

static void
put_tcp(const struct flow *flow, struct buf *out)
{
	static const char *const state[] = {
	    "none", "syn_sent", "syn_recv", "established", "closing", "closed", "closed"};
	static const char *const flag[] = {",\"fin\":true", ",\"syn\":true", ",\"rst\":true", ",\"psh\":true",
	    ",\"ack\":true", ",\"urg\":true", ",\"ecn\":true", ",\"cwr\":true"};
	uint8_t ts = flow->side[CC_TO_SERVER].tcp_flags, tc = flow->side[CC_TO_CLIENT].tcp_flags;

	eve_put(out, ",\"tcp\":{\"tcp_flags\":\"");
	eve_put_hex8(ts | tc, out);
	eve_put(out, "\",\"tcp_flags_ts\":\"");
	eve_put_hex8(ts, out);
	eve_put(out, "\",\"tcp_flags_tc\":\"");
	eve_put_hex8(tc, out);
	eve_put(out, "\"");
	for (unsigned i = 0; i < 8; i++) {
		if (((ts | tc) >> i & 1) != 0)
			buf_add_text(out, flag[i]);
	}
	if (flow->side[CC_TO_SERVER].gap_bytes > 0)
		eve_put(out, ",\"ts_gap\":true");
	if (flow->side[CC_TO_CLIENT].gap_bytes > 0)
		eve_put(out, ",\"tc_gap\":true");
	eve_put(out, ",\"state\":\"");
	buf_add_text(out, state[flow->tcp]);
	eve_put(out, "\"}");
}

/* What the schema has no word for, and only where it says something. */
static void
put_flow_concert(const struct flow *flow, struct buf *out)
{
	char stack[2][128];

	flow_stack_text(flow, CC_TO_SERVER, stack[0]);
	flow_stack_text(flow, CC_TO_CLIENT, stack[1]);
	eve_put(out, ",\"concert\":{\"layers\":\"");
	for (unsigned i = 0; i < flow->layer_count; i++) {
		if (i > 0)
			eve_put(out, ":");
		buf_add_text(out, layer_text((enum layer)flow->layer[i]));
	}
	eve_put(out, "\"");
	if (flow->tunnel != 0)
		buf_printf(out, ",\"tunnel\":%u", flow->tunnel);
	if (flow->midstream)
		eve_put(out, ",\"midstream\":true");
	for (unsigned i = 0; i < 2; i++) {
		if (stack[i][0] == '\0')
			continue;
		buf_add_text(out, i == 0 ? ",\"client_stack\":\"" : ",\"server_stack\":\"");
		buf_add_text(out, stack[i]);
		eve_put(out, "\"");
	}
	eve_put(out, "}");
}

bool
eve_flow(struct eve *eve, const struct flow *flow, uint64_t time, struct buf *out)
{
	static const char *const reason[] = {"unknown", "timeout", "timeout", "forced", "shutdown", "tcp_reuse"};
	size_t start = out->size;
	struct eve_head head = {
	    .type = "flow",
	    .time = time,
	    .flow = flow,
	    .dir = CC_TO_SERVER,
	};

	if (!eve->on[EVE_FLOW] || flow->stray)
		return false;
	eve_put_head(eve, &head, out);
	put_app_proto(flow, out);
	put_flow_counts(flow, out);
	eve_put(out, ",\"start\":");
	eve_put_time(eve, flow->first, out);
	eve_put(out, ",\"end\":");
	eve_put_time(eve, flow->last, out);
	eve_put(out, ",\"age\":");
	eve_put_uint(flow->last / NS_PER_S - flow->first / NS_PER_S, out);
	eve_put(out, ",\"state\":\"");
	buf_add_text(out, flow_state_text(flow));
	eve_put(out, "\",\"reason\":\"");
	buf_add_text(out, reason[flow->end]);
	buf_add_text(out, indicate_alerted(flow) ? "\",\"alerted\":true" : "\",\"alerted\":false");
	put_flow_concert(flow, out);
	eve_put(out, "}");
	if (flow->proto == 6)
		put_tcp(flow, out);
	return eve_end(eve, start, out);
}

/* ---- anomalies ---- */

bool
eve_anomaly(struct eve *eve, const struct flow *flow, const struct event *event, const struct packet *pkt,
    uint64_t time, struct buf *out)
{
	size_t start = out->size;
	const struct cc_parser *parser = event->parser;
	struct eve_head head = {
	    .type = "anomaly",
	    .time = time,
	    .flow = flow,
	    .pkt = pkt,
	    .dir = event->dir,
	    .has_tx = event->tx != NULL,
	    .tx_id = event->tx != NULL ? event->tx->id : 0,
	};

	if (!eve->on[EVE_ANOMALY] || parser == NULL || event->anomaly >= parser->anomaly_count)
		return false;
	eve_put_head(eve, &head, out);
	put_tx_of(eve, event->tx, out);
	buf_printf(out,
	    ",\"anomaly\":{\"app_proto\":\"%s\",\"type\":\"applayer\",\"event\":\"%s.%s\",\"layer\":\"proto_parser\"}",
	    parser->name, parser->name, parser->anomalies[event->anomaly].name);
	return eve_end(eve, start, out);
}

/* The next bit at or above *at that is set; false: none. */
static bool
next_bit(const uint64_t *set, unsigned from, unsigned count, unsigned *ret_bit)
{
	for (unsigned i = from; set != NULL && i < count; i++) {
		if ((set[i / 64] >> i % 64 & 1) != 0) {
			*ret_bit = i;
			return true;
		}
	}
	return false;
}

bool
eve_odd(struct eve *eve, const struct flow *flow, const struct packet *pkt, const uint64_t *flow_events, unsigned *at,
    uint64_t time, struct buf *out)
{
	size_t start = out->size;
	unsigned bit = 0;
	const char *type = "decode", *prefix = "decoder.", *name;
	struct eve_head head = {
	    .type = "anomaly",
	    .time = time,
	    .flow = flow,
	    .pkt = pkt,
	    .dir = packet_dir(flow, pkt, CC_TO_SERVER),
	};

	if (!eve->on[EVE_ANOMALY])
		return false;
	if (*at < DECODE_EVENT_COUNT && next_bit(pkt->events, *at, DECODE_EVENT_COUNT, &bit)) {
		*at = bit + 1;
		name = decode_event_name[bit];
	} else {
		if (*at < DECODE_EVENT_COUNT)
			*at = DECODE_EVENT_COUNT;
		if (!next_bit(flow_events, *at - DECODE_EVENT_COUNT, FLOW_EVENT_COUNT, &bit))
			return false;
		*at = DECODE_EVENT_COUNT + bit + 1;
		name = flow_event_name[bit];
		type = "stream";
		prefix = strncmp(name, "stream.", 7) == 0 ? "" : "stream.";
	}
	eve_put_head(eve, &head, out);
	buf_printf(out, ",\"anomaly\":{\"type\":\"%s\",\"event\":\"%s%s\"}", type, prefix, name);
	return eve_end(eve, start, out);
}
