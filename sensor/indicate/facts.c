/*
 * What a record says besides the thing it names: the two parties, how sure, how marked, and what was seen beside it.
 *
 * Which side is the attacker's: the rule's target says who the victim is; else the side outside our networks; else the
 * one that began.  What belongs to the victim's side stays here: of a request from outside to a server of ours neither
 * host nor URL nor certificate is told.  Runs on the worker; texts that have to be built are made in the batch's arena.
 */
#include "indicate/own.h"

#include <stdio.h>

/* ---- parsers' fields ---- */

static int
place(const struct cc_parser *parser, const char *path)
{
	for (unsigned i = 0; i < parser->field_count; i++) {
		if (parser->fields[i].eve != NULL && strcmp(parser->fields[i].eve, path) == 0)
			return (int)i;
	}
	return -1;
}

/* By the names that they have in the event log: those are fixed by its schema. */
void
places_open(struct places *places, const struct cc_parser *parser)
{
	*places = (struct places){
	    .parser = parser,
	    .dns = strcmp(parser->name, "dns") == 0,
	    .http = strcmp(cc_event_name(parser), "http") == 0,
	    .tls = strcmp(parser->name, "tls") == 0 || strcmp(parser->name, "dtls") == 0,
	    .host = place(parser, "hostname"),
	    .port = place(parser, "http_port"),
	    .url = place(parser, "url"),
	    .method = place(parser, "http_method"),
	    .user_agent = place(parser, "http_user_agent"),
	    .header_order = place(parser, "concert.header_order"),
	    .sni = place(parser, "sni"),
	    .ja3 = place(parser, "ja3.hash"),
	    .ja3s = place(parser, "ja3s.hash"),
	    .ja4 = place(parser, "ja4"),
	    .cert = place(parser, "concert.fingerprint_sha256"),
	    .name = place(parser, "rrname"),
	    .mail = place(parser, "mail_from") >= 0 || place(parser, "/email.from") >= 0,
	    .ssh = strcmp(parser->name, "ssh") == 0,
	    .sender = place(parser, "mail_from"),
	    .from = place(parser, "/email.from"),
	    .hassh = place(parser, "client.hassh.hash"),
	    .hassh_server = place(parser, "server.hassh.hash"),
	    .host_key = place(parser, "concert.host_key_sha256"),
	};
}

const struct places *
places_of(const struct indicate *indicate, const struct cc_parser *parser)
{
	for (unsigned i = 0; parser != NULL && i < app_parser_count; i++) {
		if (indicate->places[i].parser == parser)
			return &indicate->places[i];
	}
	return NULL;
}

static struct slice
text_of(const struct cc_tx *tx, int field)
{
	const struct cc_value *value = field >= 0 ? cc_get(tx, (unsigned)field) : NULL;

	return value != NULL ? slice_of(value->bytes, value->size) : slice_of(NULL, 0);
}

static uint64_t
number_of(const struct cc_tx *tx, int field)
{
	const struct cc_value *value = field >= 0 ? cc_get(tx, (unsigned)field) : NULL;

	return value != NULL ? value->num : 0;
}

/* ---- texts in the batch ---- */

static struct slice
keep(struct batch *batch, struct slice text)
{
	uint8_t *p = text.size > 0 ? arena_alloc(&batch->arena, text.size) : NULL;

	if (p == NULL)
		return slice_of(NULL, 0);
	memcpy(p, text.p, text.size);
	return slice_of(p, text.size);
}

/* Lower-case hex of exactly that many digits, colons left out; empty when it is something else. */
static struct slice
keep_hex(struct batch *batch, struct slice text, size_t digits)
{
	uint8_t hex[64];
	size_t n = 0;

	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.p[i];

		if (c == ':')
			continue;
		if (c >= 'A' && c <= 'F')
			c |= 0x20;
		if (n == digits || (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')))
			return slice_of(NULL, 0);
		hex[n++] = c;
	}
	return n == digits ? keep(batch, slice_of(hex, n)) : slice_of(NULL, 0);
}

/* ---- the parties ---- */

static bool
loud(const struct flow *flow)
{
	return flow != NULL && !flow->stray;
}

/* Is the client the attacker? */
static bool
client_attacks(const struct indicate *indicate, const struct scene *scene, const struct cc_addr *client,
    const struct cc_addr *server)
{
	bool client_home = nets_has(&indicate->home, client), server_home = nets_has(&indicate->home, server);
	bool to_server = scene->dir == CC_TO_SERVER;
	struct cc_prefix watched;
	char text[CC_ADDR_TEXT + 8];

	if (scene->rule != NULL && scene->rule->target_src)
		return !to_server; /* the victim sent what matched */
	if (scene->rule != NULL && scene->rule->target_dst)
		return to_server;
	/* A partner's address is the attacker's wherever it stands. */
	if (scene->watch != NULL && scene->watch->kind == CC_KIND_ADDR) {
		snprintf(
		    text, sizeof(text), "%.*s", (int)scene->watch->value.size, (const char *)scene->watch->value.p);
		if (cc_prefix_parse(text, &watched) == CC_OK &&
		    cc_prefix_has(&watched, client) != cc_prefix_has(&watched, server))
			return cc_prefix_has(&watched, client);
	}
	if (client_home != server_home)
		return !client_home;
	return true;
}

static void
fill_endpoint(const struct indicate *indicate, const struct flow *flow, enum cc_dir dir, struct batch *batch,
    struct cc_endpoint *end)
{
	const struct flow_side *side = &flow->side[dir];
	char stack[128];

	(void)indicate;
	end->addr = side->addr;
	end->port = side->port;
	end->ttl = side->ttl_first;
	end->hops = side->packets > 0 ? flow_hops(side->ttl_first) : 255;
	end->packets = side->packets;
	end->bytes = side->bytes;
	flow_stack_text(flow, dir, stack);
	end->stack = keep(batch, slice_str(stack));
}

static enum cc_direction
direction_of(const struct indicate *indicate, const struct cc_addr *client, const struct cc_addr *server)
{
	bool from = nets_has(&indicate->home, client), to = nets_has(&indicate->home, server);

	if (from)
		return to ? CC_INSIDE : CC_OUTBOUND;
	return to ? CC_INBOUND : CC_OUTSIDE;
}

static uint8_t
loss_of(const struct flow *flow)
{
	uint64_t lost = flow->side[0].gap_bytes + flow->side[1].gap_bytes;
	uint64_t all = lost + flow->side[0].stream_bytes + flow->side[1].stream_bytes;

	if (all == 0)
		return 0;
	return (uint8_t)((lost * 100 + all - 1) / all);
}

static struct slice
layers_of(const struct flow *flow, struct batch *batch)
{
	char text[512];
	struct buf out;

	buf_over(&out, (uint8_t *)text, sizeof(text));
	for (unsigned i = 0; i < flow->layer_count && i < DECODE_LAYERS_MAX; i++) {
		if (i > 0)
			buf_add_text(&out, ":");
		buf_add_text(&out, layer_text((enum layer)flow->layer[i]));
	}
	return keep(batch, buf_slice(&out));
}

/*
 * What it would have cost to forge the attacker's address.  A client's datagram can bear any address; a server that
 * answers must at least have seen the question; a handshake or a second question after an answer shows that packets
 * come back to the sender.
 */
static enum cc_proof
proof_of(const struct flow *flow, bool attacker_is_client)
{
	const struct flow_side *client = &flow->side[CC_TO_SERVER], *server = &flow->side[CC_TO_CLIENT];

	if (flow->proto == 6) {
		if (client->packets == 0 || server->packets == 0)
			return CC_PROOF_SPOOFABLE;
		if (client->payload_packets > 0 && server->payload_packets > 0)
			return CC_PROOF_DIALOGUE;
		return flow->established ? CC_PROOF_HANDSHAKE : CC_PROOF_SPOOFABLE;
	}
	if (client->payload_packets > 1 && server->payload_packets > 1)
		return CC_PROOF_DIALOGUE;
	if (server->payload_packets > 0 && (!attacker_is_client || client->payload_packets > 1))
		return CC_PROOF_HANDSHAKE;
	return CC_PROOF_SPOOFABLE;
}

static void
fill_flow(struct indicate *indicate, const struct scene *scene, struct batch *batch, struct cc_record *rec)
{
	const struct flow *flow = scene->flow;
	const struct flow_side *client = &flow->side[CC_TO_SERVER], *server = &flow->side[CC_TO_CLIENT];
	const struct cc_parser *parser = app_protocol(flow);
	char community[32];
	enum cc_dir attacker;

	rec->attacker_is_client = client_attacks(indicate, scene, &client->addr, &server->addr);
	attacker = rec->attacker_is_client ? CC_TO_SERVER : CC_TO_CLIENT;
	fill_endpoint(indicate, flow, attacker, batch, &rec->attacker);
	fill_endpoint(indicate, flow, cc_dir_other(attacker), batch, &rec->victim);
	rec->proto = flow->proto;
	rec->vlan[0] = flow->vlan_count > 0 ? flow->vlan[0] : 0;
	rec->vlan[1] = flow->vlan_count > 1 ? flow->vlan[1] : 0;
	rec->tunnel = flow->tunnel;
	rec->encapsulation = layers_of(flow, batch);
	rec->app = parser != NULL ? slice_str(parser->name) : slice_of(NULL, 0);
	rec->community_id = keep(batch, slice_str(flow_community_id(indicate->flows, flow, community)));
	rec->flow_start = flow->first;
	rec->direction = direction_of(indicate, &client->addr, &server->addr);
	rec->one_sided = client->packets == 0 || server->packets == 0;
	rec->loss = loss_of(flow);
	rec->proof = proof_of(flow, rec->attacker_is_client);
}

/* A packet that no flow could be made for: all that is known is in it. */
static void
fill_packet(struct indicate *indicate, const struct scene *scene, struct cc_record *rec)
{
	const struct packet *pkt = scene->pkt;
	const struct ip_info *ip;
	struct scene forward = *scene;
	struct cc_endpoint src = {.hops = 255}, dst = {.hops = 255};

	if (pkt == NULL || pkt->ip_count == 0)
		return;
	ip = &pkt->ip[pkt->ip_count - 1];
	src = (struct cc_endpoint){
	    .addr = pkt->src, .port = pkt->sport, .ttl = ip->ttl, .hops = flow_hops(ip->ttl), .packets = 1};
	dst.addr = pkt->dst;
	dst.port = pkt->dport;
	src.bytes = pkt->frame != NULL ? pkt->frame->wire_size : 0;
	forward.dir = CC_TO_SERVER;
	rec->attacker_is_client = client_attacks(indicate, &forward, &pkt->src, &pkt->dst);
	rec->attacker = rec->attacker_is_client ? src : dst;
	rec->victim = rec->attacker_is_client ? dst : src;
	rec->proto = pkt->proto;
	rec->vlan[0] = pkt->vlan_count > 0 ? pkt->vlan[0] : 0;
	rec->vlan[1] = pkt->vlan_count > 1 ? pkt->vlan[1] : 0;
	rec->tunnel = pkt->tunnel;
	rec->direction = direction_of(indicate, &pkt->src, &pkt->dst);
	rec->one_sided = true;
	rec->flow_start = scene->time;
}

/* ---- what was said ---- */

static struct slice
domain_in(struct indicate *indicate, struct slice raw, struct batch *batch)
{
	uint8_t memory[1024];
	struct buf out;

	if (raw.size == 0)
		return raw;
	buf_over(&out, memory, sizeof(memory));
	if (indicate_domain(raw, &out) != CC_OK) {
		indicate->counts[INDICATE_BAD_DOMAIN]++;
		return slice_of(NULL, 0);
	}
	return keep(batch, buf_slice(&out));
}

/* Is the server the attacker's, and not one of our own? */
static bool
server_is_theirs(const struct cc_record *rec)
{
	return !rec->attacker_is_client && rec->direction != CC_INBOUND && rec->direction != CC_INSIDE;
}

static void
fill_http(struct indicate *indicate, const struct places *at, const struct cc_tx *tx, struct batch *batch,
    struct cc_record *rec)
{
	uint8_t memory[4096];
	struct buf out;
	struct slice host = text_of(tx, at->host), target = text_of(tx, at->url);
	uint64_t port = number_of(tx, at->port);

	rec->user_agent = text_of(tx, at->user_agent);
	rec->header_order = text_of(tx, at->header_order);
	if (!server_is_theirs(rec))
		return;
	rec->http_method = text_of(tx, at->method);
	for (size_t i = 0; i < rec->http_method.size; i++) {
		if (rec->http_method.p[i] <= ' ' || rec->http_method.p[i] >= 0x7f || rec->http_method.p[i] == '"' ||
		    rec->http_method.p[i] == '\\')
			rec->http_method.size = 0;
	}
	rec->domain = domain_in(indicate, host, batch);
	if (target.size == 0)
		return;
	if (port == 0)
		port = rec->attacker.port;
	buf_over(&out, memory, sizeof(memory));
	if (indicate_url(slice_str("http"), host, (uint16_t)port, target, &out) == CC_OK)
		rec->url = keep(batch, buf_slice(&out));
	else
		indicate->counts[INDICATE_BAD_URL]++;
}

static void
fill_tls(struct indicate *indicate, const struct places *at, const struct scene *scene, struct batch *batch,
    struct cc_record *rec)
{
	const struct cc_tx *tx = scene->tx;

	rec->ja3 = keep_hex(batch, text_of(tx, at->ja3), 32);
	rec->ja3s = keep_hex(batch, text_of(tx, at->ja3s), 32);
	rec->ja4 = text_of(tx, at->ja4);
	if (rec->ja4.size > 64)
		rec->ja4.size = 0;
	if (!server_is_theirs(rec))
		return;
	rec->domain = domain_in(indicate, text_of(tx, at->sni), batch);
	rec->cert_sha256 = keep_hex(batch, text_of(tx, at->cert), 64);
}

/* Only a finished exchange shows that who sent a certificate, or a host key, has the secret half of it. */
static bool
key_shown(const struct scene *scene, const struct cc_record *rec)
{
	return scene->tx->done[CC_TO_SERVER] && scene->tx->done[CC_TO_CLIENT] && loud(scene->flow) &&
	       scene->flow->established && rec->proof == CC_PROOF_DIALOGUE;
}

static struct slice
email_in(struct indicate *indicate, struct slice raw, struct batch *batch)
{
	uint8_t memory[1024];
	struct buf out;

	if (raw.size == 0)
		return raw;
	buf_over(&out, memory, sizeof(memory));
	if (indicate_email(raw, &out) != CC_OK) {
		indicate->counts[INDICATE_BAD_EMAIL]++;
		return slice_of(NULL, 0);
	}
	return keep(batch, buf_slice(&out));
}

/*
 * Who sends mail is the attacker's where the mail comes to us: what our own people send names them, and stays here.  An
 * SSH client's fingerprint is the client's, a server's and its key the server's.
 */
void
facts_also(struct indicate *indicate, const struct scene *scene, const struct cc_record *rec, struct batch *batch,
    struct also *ret_also)
{
	const struct places *at = scene->tx != NULL ? places_of(indicate, scene->tx->parser) : NULL;
	const struct cc_tx *tx = scene->tx;

	*ret_also = (struct also){.keyed = false};
	if (at == NULL)
		return;
	if (at->tls || at->ssh)
		ret_also->keyed = server_is_theirs(rec) && key_shown(scene, rec);
	/* SMTP's client sends mail, and so do the servers of POP3 and IMAP to who fetches it. */
	if (at->mail && rec->direction != CC_OUTBOUND && rec->direction != CC_INSIDE &&
	    (at->sender >= 0 ? rec->attacker_is_client : true)) {
		ret_also->sender = email_in(indicate, text_of(tx, at->sender), batch);
		ret_also->from = email_in(indicate, text_of(tx, at->from), batch);
	}
	if (at->mail && at->sender < 0 && rec->direction == CC_OUTBOUND)
		ret_also->from = email_in(indicate, text_of(tx, at->from), batch);
	if (!at->ssh)
		return;
	if (rec->attacker_is_client)
		ret_also->hassh = keep_hex(batch, text_of(tx, at->hassh), 32);
	if (!server_is_theirs(rec))
		return;
	ret_also->hassh_server = keep_hex(batch, text_of(tx, at->hassh_server), 32);
	ret_also->host_key = keep_hex(batch, text_of(tx, at->host_key), 64);
}

bool
facts_file_whole(const struct cc_file *file)
{
	return file != NULL && file->state == FILE_WHOLE && !file->gap && file->has_sha256 && file->size > 0 &&
	    !file->ranged;
}

static void
fill_file(const struct cc_file *file, struct batch *batch, struct cc_record *rec)
{
	char hex[65];

	rec->file_name = app_file_name(file);
	rec->file_type = keep(batch, slice_str(file->type));
	rec->file_size = file->size;
	if (facts_file_whole(file))
		rec->file_sha256 = keep(batch, slice_str(hex_text(slice_of(file->sha256, 32), hex)));
}

/* ---- the rule, the marking ---- */

static void
fill_rule(const struct indicate *indicate, const struct rule_info *rule, struct cc_record *rec)
{
	enum cc_tlp tlp;

	rec->gid = rule->gid;
	rec->sid = rule->sid;
	rec->rev = rule->rev;
	rec->rule_name = rule->msg;
	rec->rule_class = rule->class_name;
	rec->severity = rule->severity >= 1 && rule->severity <= 4 ? rule->severity : 3;
	memcpy(rec->rule_digest, rule->digest, 32);
	memcpy(rec->rule_set_digest, indicate->rule_set, 32);
	for (size_t i = 0; i < rule->meta_count; i++) {
		if (text_eq_nocase(rule->meta[i].key, "tlp") && record_tlp_parse(rule->meta[i].value, &tlp) == CC_OK &&
		    tlp > rec->tlp)
			rec->tlp = tlp;
	}
}

void
facts_of(struct indicate *indicate, const struct scene *scene, struct batch *batch, struct cc_record *ret_rec)
{
	struct cc_record rec = {
	    .severity = 4,
	    .first = scene->time,
	    .last = scene->time,
	    .count = 1,
	    .offset = UINT64_MAX,
	    .tlp = (enum cc_tlp)indicate->conf->indicate_tlp,
	    .attacker.hops = 255,
	    .victim.hops = 255,
	};
	const struct places *at = scene->tx != NULL ? places_of(indicate, scene->tx->parser) : NULL;
	uint32_t interface = scene->pkt != NULL && scene->pkt->frame != NULL ? scene->pkt->frame->interface
	    : loud(scene->flow) ? scene->flow->interface : UINT32_MAX;

	if (loud(scene->flow))
		fill_flow(indicate, scene, batch, &rec);
	else
		fill_packet(indicate, scene, &rec);
	if (at != NULL && at->http)
		fill_http(indicate, at, scene->tx, batch, &rec);
	if (at != NULL && at->tls)
		fill_tls(indicate, at, scene, batch, &rec);
	if (at != NULL && at->dns)
		rec.domain = domain_in(indicate, text_of(scene->tx, at->name), batch);
	if (scene->file != NULL)
		fill_file(scene->file, batch, &rec);
	if (scene->rule != NULL)
		fill_rule(indicate, scene->rule, &rec);
	rec.tlp = nets_tlp(&indicate->marked, &rec.attacker.addr, rec.tlp);
	rec.tlp = nets_tlp(&indicate->marked, &rec.victim.addr, rec.tlp);
	if (interface < INDICATE_INTERFACES && indicate->interface[interface].name != NULL) {
		rec.interface = slice_str(indicate->interface[interface].name);
		rec.snaplen = indicate->interface[interface].snaplen;
	}
	*ret_rec = rec;
}
