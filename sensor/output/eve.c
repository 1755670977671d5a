/*
 * Events as lines of JSON in the form of Suricata's EVE log: who opens a formatter, and what all lines have in common.
 *
 * In: flows, transactions, packets.  Out: one line each, appended to the caller's buffer.  Formatting is done on the
 * worker, for a line's cost is most of an event's: the text of the second, the community ids of flows seen lately and
 * the names of all members are kept ready.  One thread.
 */
#include "output/eve_own.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const type_name[EVE_TYPE_COUNT] = {
    [EVE_ALERT] = "alert",
    [EVE_ANOMALY] = "anomaly",
    [EVE_DNS] = "dns",
    [EVE_FILEINFO] = "fileinfo",
    [EVE_FLOW] = "flow",
    [EVE_HTTP] = "http",
    [EVE_STATS] = "stats",
    [EVE_TLS] = "tls",
};

static int
type_index(const char *type)
{
	for (int i = 0; i < EVE_TYPE_COUNT; i++) {
		if (strcmp(type, type_name[i]) == 0)
			return i;
	}
	return -1;
}

static bool
listed(const struct conf *conf, const char *type)
{
	if (conf->eve_types.count == 0)
		return true;
	for (size_t i = 0; i < conf->eve_types.count; i++) {
		if (strcmp(conf->eve_types.item[i], type) == 0)
			return true;
	}
	return false;
}

static bool
parser_type(const char *type)
{
	for (unsigned i = 0; i < app_parser_count; i++) {
		if (strcmp(cc_event_name(app_parsers[i]), type) == 0)
			return true;
	}
	return false;
}

/* A type is one of ours or a parser's. */
static enum cc_status
check_types(const struct conf *conf, char **ret_why)
{
	for (size_t i = 0; i < conf->eve_types.count; i++) {
		const char *type = conf->eve_types.item[i];

		if (type_index(type) >= 0 || parser_type(type))
			continue;
		if (asprintf(ret_why, "eve.types: there is no event type '%s'", type) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	return CC_OK;
}

enum cc_status
eve_new(const struct conf *conf, const struct flows *flows, struct eve **ret_eve, char **ret_why)
{
	struct eve *eve;
	enum cc_status st = check_types(conf, ret_why);

	if (st != CC_OK)
		return st;
	eve = calloc(1, sizeof(*eve));
	if (eve == NULL)
		return CC_NOMEM;
	eve->conf = conf;
	eve->flows = flows;
	for (unsigned i = 0; i < EVE_CLOCK; i++)
		eve->clock[i].second = UINT64_MAX;
	eve->community = calloc(EVE_CACHE, sizeof(*eve->community));
	eve->plan = calloc(app_parser_count > 0 ? app_parser_count : 1, sizeof(*eve->plan));
	if (eve->community == NULL || eve->plan == NULL)
		goto fail;
	for (int i = 0; i < EVE_TYPE_COUNT; i++)
		eve->on[i] = listed(conf, type_name[i]);
	for (unsigned i = 0; i < app_parser_count; i++) {
		if (eve_plan_open(&eve->plan[i], app_parsers[i], conf->eve_extended) != CC_OK)
			goto fail;
		eve->plan[i].on = listed(conf, eve->plan[i].type);
	}
	*ret_eve = eve;
	return CC_OK;
fail:
	eve_free(eve);
	return CC_NOMEM;
}

void
eve_free(struct eve *eve)
{
	if (eve == NULL)
		return;
	for (unsigned i = 0; eve->plan != NULL && i < app_parser_count; i++)
		eve_plan_close(&eve->plan[i]);
	for (unsigned i = 0; i < EVE_INTERFACES_MAX; i++)
		free(eve->interface[i]);
	free(eve->plan);
	free(eve->community);
	free(eve);
}

void
eve_interface(struct eve *eve, uint32_t index, const char *name)
{
	if (index >= EVE_INTERFACES_MAX)
		return;
	free(eve->interface[index]);
	eve->interface[index] = strdup(name);
	eve->live = true;
}

bool
eve_wants(const struct eve *eve, const char *type)
{
	int i = type_index(type);

	if (i >= 0)
		return eve->on[i];
	for (unsigned n = 0; n < app_parser_count; n++) {
		if (strcmp(eve->plan[n].type, type) == 0)
			return eve->plan[n].on;
	}
	return false;
}

uint64_t
eve_lost(const struct eve *eve)
{
	return eve->lost;
}

bool
eve_cut(const struct eve *eve)
{
	return eve->cut;
}

/* ---- small pieces ---- */

void
eve_put_uint(uint64_t n, struct buf *out)
{
	char text[20];
	unsigned at = sizeof(text);

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_add(out, text + at, sizeof(text) - at);
}

void
eve_put_string(struct slice s, struct buf *out)
{
	struct json json = json_into(out);

	json_string(&json, NULL, s);
}

void
eve_put_addr(const struct cc_addr *addr, unsigned ip_version, struct buf *out)
{
	char text[CC_ADDR_TEXT];

	eve_put(out, "\"");
	if (cc_addr_is4(addr)) {
		if (ip_version == 6) /* such an address was in an IPv6 header, and is not that of an IPv4 host */
			eve_put(out, "::ffff:");
		for (int i = 12; i < 16; i++) {
			eve_put_uint(addr->b[i], out);
			if (i < 15)
				eve_put(out, ".");
		}
	} else {
		buf_add_text(out, cc_addr_text(addr, text));
	}
	eve_put(out, "\"");
}

void
eve_put_hex8(uint8_t n, struct buf *out)
{
	static const char digit[] = "0123456789abcdef";
	char text[2] = {digit[n >> 4], digit[n & 15]};

	buf_add(out, text, sizeof(text));
}

/* A date is dear to compute, and the same for a second. */
void
eve_put_time(struct eve *eve, uint64_t time, struct buf *out)
{
	uint64_t second = time / NS_PER_S;
	uint32_t us = (uint32_t)(time % NS_PER_S / NS_PER_US);
	unsigned at = second & (EVE_CLOCK - 1);
	char text[40] = {'"'};

	if (second != eve->clock[at].second) {
		char whole[40];

		time_eve_text(second * NS_PER_S, whole);
		memcpy(eve->clock[at].text, whole, 19);
		eve->clock[at].second = second;
	}
	memcpy(text + 1, eve->clock[at].text, 19);
	text[20] = '.';
	for (int i = 26; i > 20; i--, us /= 10)
		text[i] = (char)('0' + us % 10);
	memcpy(text + 27, "+0000\"", 6);
	buf_add(out, text, 33);
}

/* ---- the head ---- */

static void
put_proto(uint8_t proto, struct buf *out)
{
	static const char *const names[256] = {
	    [1] = "ICMP",
	    [2] = "IGMP",
	    [4] = "IP-in-IP",
	    [6] = "TCP",
	    [17] = "UDP",
	    [41] = "IPv6",
	    [47] = "GRE",
	    [50] = "ESP",
	    [51] = "AH",
	    [58] = "IPv6-ICMP",
	    [88] = "EIGRP",
	    [89] = "OSPF",
	    [103] = "PIM",
	    [112] = "VRRP",
	    [132] = "SCTP",
	};

	if (names[proto] == NULL) {
		buf_printf(out, ",\"proto\":\"%03u\"", proto);
		return;
	}
	eve_put(out, ",\"proto\":\"");
	buf_add_text(out, names[proto]);
	eve_put(out, "\"");
}

static const char *
community_id(struct eve *eve, const struct flow *flow)
{
	struct eve_community *c = &eve->community[(flow->id ^ flow->id >> 32) & (EVE_CACHE - 1)];

	if (c->flow != flow || c->id != flow->id) {
		flow_community_id(eve->flows, flow, c->text);
		c->flow = flow;
		c->id = flow->id;
	}
	return c->text;
}

static bool
has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

static void
put_end(const char *name, const struct cc_addr *addr, unsigned version, uint16_t port, bool with_port, struct buf *out)
{
	buf_add(out, ",\"", 2);
	buf_add_text(out, name);
	eve_put(out, "_ip\":");
	eve_put_addr(addr, version, out);
	if (!with_port)
		return;
	buf_add(out, ",\"", 2);
	buf_add_text(out, name);
	eve_put(out, "_port\":");
	eve_put_uint(port, out);
}

static void
put_vlan(const uint16_t *vlan, unsigned count, struct buf *out)
{
	for (unsigned i = 0; i < count; i++) {
		if (i == 0)
			eve_put(out, ",\"vlan\":[");
		else
			eve_put(out, ",");
		eve_put_uint(vlan[i], out);
	}
	if (count > 0)
		eve_put(out, "]");
}

static void
put_tuple(const struct eve_head *head, struct buf *out)
{
	const struct flow *flow = head->flow;

	if (flow != NULL && !flow->stray) {
		const struct flow_side *src = &flow->side[head->dir], *dst = &flow->side[cc_dir_other(head->dir)];

		put_vlan(flow->vlan, flow->vlan_count, out);
		put_end("src", &src->addr, flow->ip_version, src->port, has_ports(flow->proto), out);
		put_end("dest", &dst->addr, flow->ip_version, dst->port, has_ports(flow->proto), out);
		put_proto(flow->proto, out);
		eve_put(out, ",\"ip_v\":");
		eve_put_uint(flow->ip_version, out);
		if (flow->proto == 1 || flow->proto == 58)
			buf_printf(out, ",\"icmp_type\":%u,\"icmp_code\":%u", flow->icmp_type, flow->icmp_code);
	} else if (head->pkt != NULL) {
		const struct packet *pkt = head->pkt;
		unsigned version;

		put_vlan(pkt->vlan, pkt->vlan_count, out);
		if (pkt->ip_count == 0)
			return;
		version = pkt->ip[pkt->ip_count - 1].version;
		put_end("src", &pkt->src, version, pkt->sport, has_ports(pkt->proto) && pkt->has_transport, out);
		put_end("dest", &pkt->dst, version, pkt->dport, has_ports(pkt->proto) && pkt->has_transport, out);
		put_proto(pkt->proto, out);
		eve_put(out, ",\"ip_v\":");
		eve_put_uint(version, out);
	}
}

/* Where the innermost packet came out of, in Suricata's words. */
static const char *
packet_source(const struct packet *pkt)
{
	if (pkt->reassembled)
		return "defrag";
	return "wire/pcap";
}

/* The outermost IP header of a packet in a tunnel. */
static void
put_tunnel(const struct packet *pkt, struct buf *out)
{
	const struct ip_info *ip = &pkt->ip[0];
	struct cur c = cur_slice(ip->payload);
	uint16_t sport = cur_u16(&c), dport = cur_u16(&c);
	bool ports = has_ports(ip->proto) && !c.bad && (ip->frag_off & 0x1fff) == 0;

	eve_put(out, ",\"tunnel\":{\"src_ip\":");
	eve_put_addr(&ip->src, ip->version, out);
	if (ports)
		buf_printf(out, ",\"src_port\":%u", sport);
	eve_put(out, ",\"dest_ip\":");
	eve_put_addr(&ip->dst, ip->version, out);
	if (ports)
		buf_printf(out, ",\"dest_port\":%u", dport);
	put_proto(ip->proto, out);
	buf_printf(out, ",\"depth\":%u,\"pkt_src\":\"wire/pcap\"}", pkt->ip_count - 1u);
}

void
eve_put_head(struct eve *eve, const struct eve_head *head, struct buf *out)
{
	const struct flow *flow = head->flow;
	const struct packet *pkt = head->pkt;
	bool known = flow != NULL && !flow->stray;
	const struct frame *frame = pkt != NULL ? pkt->frame : NULL;
	uint32_t interface = frame != NULL ? frame->interface : known ? flow->interface : UINT32_MAX;

	eve->cut = false;
	eve_put(out, "{\"timestamp\":");
	eve_put_time(eve, head->time, out);
	if (known) {
		eve_put(out, ",\"flow_id\":");
		eve_put_uint(flow->id & INT64_MAX, out);
	}
	if (interface < EVE_INTERFACES_MAX && eve->interface[interface] != NULL) {
		eve_put(out, ",\"in_iface\":");
		eve_put_string(slice_str(eve->interface[interface]), out);
	}
	if (!eve->live && pkt != NULL && pkt->frame != NULL) {
		eve_put(out, ",\"pcap_cnt\":");
		eve_put_uint(pkt->frame->seq, out);
	}
	eve_put(out, ",\"event_type\":\"");
	buf_add_text(out, head->type);
	eve_put(out, "\"");
	put_tuple(head, out);
	if (known && eve->conf->eve_community_id) {
		const char *id = community_id(eve, flow);

		if (id[0] != '\0') {
			eve_put(out, ",\"community_id\":\"");
			buf_add_text(out, id);
			eve_put(out, "\"");
		}
	}
	if (pkt != NULL) {
		eve_put(out, ",\"pkt_src\":\"");
		buf_add_text(out, packet_source(pkt));
		eve_put(out, "\"");
		if (pkt->ip_count > 1)
			put_tunnel(pkt, out);
	}
	if (head->has_tx) {
		eve_put(out, ",\"tx_id\":");
		eve_put_uint(head->tx_id, out);
	}
}

bool
eve_end(struct eve *eve, size_t start, struct buf *out)
{
	eve_put(out, "}");
	if (!out->full)
		return true;
	out->size = start;
	eve->lost++;
	return false;
}
