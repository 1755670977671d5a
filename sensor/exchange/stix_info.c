/*
 * The basic information that partners agreed a sighting must carry (exchange.md): groups of items, each present or
 * named under "missing" with its reason; "completeness" is the share of items present, in per cent.  Items that cannot
 * exist, such as JA3 of a DNS query, are counted on neither side.  No state.
 */
#include "exchange/stix_own.h"

#include <stdio.h>

#include "concert/version.h"

#define MISSING_MAX 64

struct info {
	struct json json;
	const char *group;
	const char *withheld; /* items that a message of this marking leaves out: exchange.withhold */
	unsigned present, missing;
	struct {
		const char *group, *item, *reason;
	} gap[MISSING_MAX];
};

static void
miss(struct info *info, const char *item, const char *reason)
{
	if (info->missing < MISSING_MAX) {
		info->gap[info->missing].group = info->group;
		info->gap[info->missing].item = item;
		info->gap[info->missing].reason = reason;
		info->missing++;
	}
}

/* Is group.name among what this marking leaves out?  Then that is said instead. */
static bool
withheld(struct info *info, const char *name)
{
	char word[128];
	size_t size;

	if (info->withheld == NULL)
		return false;
	size = (size_t)snprintf(word, sizeof(word), "%s.%s", info->group, name);
	for (const char *p = info->withheld; *p != '\0'; p += strcspn(p, " ,")) {
		p += strspn(p, " ,");
		if (strncmp(p, word, size) == 0 && (p[size] == '\0' || strchr(" ,", p[size]) != NULL)) {
			miss(info, name, "withheld at this marking");
			return true;
		}
	}
	return false;
}

static void
item(struct info *info, const char *name, struct slice value, const char *reason)
{
	if (withheld(info, name))
		return;
	if (value.size == 0) {
		miss(info, name, reason);
		return;
	}
	json_string(&info->json, name, value);
	info->present++;
}

static void
item_text(struct info *info, const char *name, const char *value, const char *reason)
{
	item(info, name, slice_str(value), reason);
}

static void
item_number(struct info *info, const char *name, uint64_t value, bool known, const char *reason)
{
	if (withheld(info, name))
		return;
	if (!known) {
		miss(info, name, reason);
		return;
	}
	json_uint(&info->json, name, value);
	info->present++;
}

static void
item_digest(struct info *info, const char *name, const uint8_t digest[32], const char *reason)
{
	static const uint8_t none[32];
	char hex[65];

	if (memcmp(digest, none, 32) == 0) {
		miss(info, name, reason);
		return;
	}
	json_text(&info->json, name, hex_text(slice_of(digest, 32), hex));
	info->present++;
}

static void
begin(struct info *info, const char *group)
{
	info->group = group;
	json_object(&info->json, group);
}

static void
end(struct info *info)
{
	json_end_object(&info->json);
}

static void
put_vantage(struct info *info, const struct exchange_source *source, const struct cc_record *rec)
{
	static const char *const direction[] = {"", "in", "out", "inside", "outside"};
	static const char *const vantage[] = {"span", "tap", "file"};

	begin(info, "vantage");
	item_text(info, "sensor", source->conf->sensor_name, "");
	item_text(info, "site", source->conf->sensor_site, "not configured");
	item_text(info, "kind", source->live ? vantage[source->conf->sensor_vantage] : "file", "");
	item_text(info, "direction", direction[rec->direction], "no home networks configured, or no address seen");
	/* Every frame that the kernel or the file hands over is looked at; what is lost is under coverage. */
	item_number(info, "sampling", 1, true, "");
	item_number(info, "snaplen", rec->snaplen, rec->snaplen > 0, "not told by the capture");
	item_text(info, "sides", rec->one_sided ? "one" : "both", "");
	if (rec->interface.size > 0)
		item(info, "interface", rec->interface, "");
	end(info);
}

static void
put_coverage(struct info *info, const struct exchange_source *source, const struct cc_record *rec)
{
	info->group = "coverage";
	if (source->coverage.size > 1 && source->coverage.p[0] == '{') {
		json_raw(&info->json, "coverage", source->coverage);
		info->present++;
	} else {
		miss(info, "packets", "not counted yet");
	}
	json_object(&info->json, "loss");
	json_uint(&info->json, "flow_bytes_lost_percent", rec->loss);
	json_end_object(&info->json);
	info->present++;
}

static void
put_clock(struct info *info, const struct exchange_source *source)
{
	static const char *const clock[] = {"", "ntp", "ptp", "gps"};
	int kind = source->conf->sensor_clock;
	char bound[32];

	begin(info, "clock");
	item_text(info, "source", clock[kind], "sensor.clock is not configured");
	if (kind != 0) {
		snprintf(bound, sizeof(bound), "%.6f", (double)source->conf->sensor_clock_error / 1e9);
		json_bool(&info->json, "synchronised", true);
		json_raw(&info->json, "error_bound_seconds", slice_str(bound));
		info->present += 2;
	} else {
		miss(info, "synchronised", "sensor.clock is not configured");
		miss(info, "error_bound_seconds", "sensor.clock is not configured");
	}
	end(info);
}

static void
put_path(struct info *info, const struct cc_record *rec)
{
	bool seen = rec->attacker.ttl != 0;

	begin(info, "path");
	item_number(info, "ttl", rec->attacker.ttl, seen, "no packet of the attacker's side was seen");
	item_number(info, "hops_estimate", rec->attacker.hops, seen && rec->attacker.hops != 255,
	    seen ? "the TTL fits no usual start value" : "no packet of the attacker's side was seen");
	item(info, "encapsulation", rec->encapsulation, "not recorded");
	for (int i = 0, open = 0; i < 2 && (rec->vlan[0] != 0 || rec->vlan[1] != 0); i++) {
		if (open++ == 0)
			json_array(&info->json, "vlan");
		if (rec->vlan[i] != 0)
			json_uint(&info->json, NULL, rec->vlan[i]);
		if (i == 1)
			json_end_array(&info->json);
	}
	if (rec->tunnel != 0)
		json_uint(&info->json, "tunnel_id", rec->tunnel);
	end(info);
}

/* Our side by pseudonym, with what the operator's list says of its network.  Names of items outlive the call: literals.
 */
enum { OURS_WHO, OURS_SECTOR, OURS_CRITICALITY };
static const char *const ours_attacker[] = {"attacker_pseudonym", "attacker_sector", "attacker_criticality"};
static const char *const ours_victim[] = {"victim", "victim_sector", "victim_criticality"};

static void
put_ours(struct info *info, struct exchange_source *source, const struct cc_addr *addr, const char *const *name,
    uint64_t time)
{
	const char *sector, *criticality, *hidden;
	char text[VICTIM_TEXT];

	victims_sector(source->victims, addr, &sector, &criticality);
	hidden = victims_pseudonym(source->victims, addr, time, text);
	source->pseudonyms += hidden != NULL;
	item_text(info, name[OURS_WHO], hidden != NULL ? hidden : "", "no memory for the pseudonym");
	item_text(info, name[OURS_SECTOR], sector != NULL ? sector : "", "not in the list of networks");
	item_text(info, name[OURS_CRITICALITY], criticality != NULL ? criticality : "", "not in the list of networks");
}

static void
put_endpoint(struct info *info, struct exchange_source *source, const struct cc_record *rec)
{
	static const struct cc_addr none;
	bool flow = cc_addr_cmp(&rec->attacker.addr, &none) != 0, ours = stix_attacker_is_ours(source, rec);
	bool known = flow && !ours;
	const char *reason = flow ? "of our own networks: attacker_pseudonym" : "no flow";
	bool ports = rec->proto == 6 || rec->proto == 17 || rec->proto == 132;
	char addr[CC_ADDR_TEXT];

	begin(info, "endpoint");
	item_text(info, "attacker", known ? cc_addr_text(&rec->attacker.addr, addr) : "", reason);
	if (ports)
		item_number(info, "attacker_port", rec->attacker.port, known, reason);
	if (known)
		json_text(&info->json, "attacker_role", rec->attacker_is_client ? "client" : "server");
	if (flow && ours)
		put_ours(info, source, &rec->attacker.addr, ours_attacker, rec->first);
	/* Also where nothing is known of the other side: who asked a resolver for a name, who was sent a file. */
	if (victims_ours(source->victims, &rec->victim.addr)) {
		put_ours(info, source, &rec->victim.addr, ours_victim, rec->first);
	} else {
		miss(info, "victim", flow ? "not of our own networks" : "no flow");
		miss(info, "victim_sector", flow ? "not of our own networks" : "no flow");
		miss(info, "victim_criticality", flow ? "not of our own networks" : "no flow");
	}
	end(info);
}

static void
put_fingerprints(struct info *info, const struct cc_record *rec)
{
	bool tls = slice_is(rec->app, "tls");

	begin(info, "fingerprints");
	if (rec->proto == 6) {
		item(info, "attacker_tcp_stack", rec->attacker.stack, "the handshake was not seen");
		item(info, "victim_tcp_stack", rec->victim.stack, "the handshake was not seen");
	}
	if (tls || rec->ja3.size > 0)
		item(info, "ja3", rec->ja3, "no client hello was seen");
	if (tls || rec->ja3s.size > 0)
		item(info, "ja3s", rec->ja3s, "no server hello was seen");
	if (tls || rec->ja4.size > 0)
		item(info, "ja4", rec->ja4, "no client hello was seen");
	if (tls || rec->cert_sha256.size > 0) {
		item(info, "certificate_sha256", rec->cert_sha256, "no certificate was seen in clear");
		miss(info, "key_sha256", "not extracted");
	}
	if (rec->kind == CC_KIND_HASSH || rec->kind == CC_KIND_HASSH_SERVER)
		item(info, rec->kind == CC_KIND_HASSH ? "hassh" : "hassh_server", rec->value, "");
	else if (rec->kind == CC_KIND_SSH_HOST_KEY)
		item(info, "ssh_host_key_sha256", rec->value, "");
	else if (slice_is(rec->app, "ssh"))
		miss(info, "hassh", "not the indicator, and told of those alone");
	if (rec->user_agent.size > 0)
		json_string(&info->json, "user_agent", rec->user_agent);
	if (rec->header_order.size > 0)
		json_string(&info->json, "http_header_order", rec->header_order);
	end(info);
}

static void
put_detection(struct info *info, const struct cc_record *rec)
{
	bool rule = rec->detector == CC_BY_SIGNATURE || rec->detector == CC_BY_YARA;

	begin(info, "detection");
	json_text(&info->json, "by", record_detector_text(rec->detector));
	info->present++;
	if (rule || rec->rule_name.size > 0)
		item(info, "name", rec->rule_name, "the rule has no message");
	if (rec->sid != 0)
		json_printf(&info->json, "rule", "%u:%u:%u", rec->gid, rec->sid, rec->rev);
	if (rec->detector == CC_BY_SIGNATURE)
		item_number(info, "revision", rec->rev, rec->rev != 0, "the rule has no revision");
	if (rec->rule_class.size > 0)
		json_string(&info->json, "class", rec->rule_class);
	if (rule) {
		item_digest(info, "rule_sha256", rec->rule_digest, "not known");
		item_digest(info, "rule_set_sha256", rec->rule_set_digest, "not known");
		item(info, "buffer", rec->buffer, "the rule looks at no buffer");
		item_number(info, "offset", rec->offset, rec->offset != UINT64_MAX, "the rule looks for no bytes");
	}
	json_uint(&info->json, "severity", rec->severity);
	item_text(info, "engine_version", CC_VERSION, "");
	end(info);
}

/* Own, or looked for because a partner's message said so: an answer is no second witness of what that message told. */
static void
put_origin(struct info *info, const struct exchange_source *source, const struct cc_record *rec)
{
	const struct exchange_origin *other = source->origin;
	const uint8_t *blank = rec->answer_to.size > 0 ? memchr(rec->answer_to.p, ' ', rec->answer_to.size) : NULL;
	size_t size = blank != NULL ? (size_t)(blank - rec->answer_to.p) : 0;

	begin(info, "origin");
	item_text(info, "kind", other != NULL ? other->kind : blank != NULL ? "answer" : "own", "");
	if (other != NULL) {
		if (other->to.size > 0)
			json_string(&info->json, "to", other->to);
		if (other->of.size > 0)
			json_string(&info->json, "of", other->of);
	} else if (blank != NULL) {
		json_string(&info->json, "to", slice_of(rec->answer_to.p, size));
		json_string(&info->json, "of", slice_of(blank + 1, rec->answer_to.size - size - 1));
	}
	end(info);
}

static void
put_rest(struct info *info, const struct exchange_source *source, const struct cc_record *rec)
{
	char until[40];

	begin(info, "proof");
	item_text(info, "level", record_proof_text(rec->proof), "");
	end(info);

	begin(info, "evidence");
	item_digest(info, "sha256", rec->evidence_sha256, "no packets are kept");
	item_number(info, "size", rec->evidence_size, rec->evidence_size > 0, "no packets are kept");
	/* Of a file's evidence nobody can say when it was put there: by the capture's time it may have been over long
	 * ago. */
	item_text(info, "kept_until",
	    rec->evidence_size > 0 && source->live ? time_rfc3339_text(rec->last + source->conf->evidence_keep, until)
						   : "",
	    rec->evidence_size > 0 ? "seen in a file, not live" : "no packets are kept");
	if (rec->evidence_size > 0) {
		json_uint(&info->json, "packets", rec->evidence_packets);
		json_bool(&info->json, "from_first_packet", rec->evidence_whole);
	}
	if (rec->file_sha256.size > 0)
		json_string(&info->json, "file_sha256", rec->file_sha256);
	if (rec->file_type.size > 0)
		json_string(&info->json, "file_type", rec->file_type);
	end(info);

	if (rec->period > 0) {
		char number[32];

		json_object(&info->json, "behaviour");
		snprintf(number, sizeof(number), "%.3f", (double)rec->period / 1e9);
		json_raw(&info->json, "period_seconds", slice_str(number));
		snprintf(number, sizeof(number), "%.3f", (double)rec->jitter / 1e3);
		json_raw(&info->json, "jitter", slice_str(number));
		json_end_object(&info->json);
	}
	put_origin(info, source, rec);
}

static void
put_left_out(struct info *info, unsigned left_out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} part[] = {{STIX_NO_DOMAIN, "domain"}, {STIX_NO_URL, "url"}, {STIX_NO_USER_AGENT, "user_agent"},
	    {STIX_NO_FILE_NAME, "file_name"}, {STIX_NO_RULE_NAME, "rule_name"}};

	info->group = "observables";
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (left_out & part[i].bit)
			miss(info, part[i].name, "it names an address of our own networks");
	}
}

/* "item": "group.item"; words of ours, nothing to escape. */
static void
put_place(struct json *json, const char *group, const char *name)
{
	char word[128];
	size_t a = strlen(group), b = strlen(name);

	if (a + b + 3 > sizeof(word))
		return;
	word[0] = '"';
	memcpy(word + 1, group, a);
	word[1 + a] = '.';
	memcpy(word + 2 + a, name, b);
	word[2 + a + b] = '"';
	json_raw(json, "item", slice_of(word, a + b + 3));
}

void
stix_basic_information(
    struct json *json, struct exchange_source *source, const struct cc_record *rec, unsigned left_out)
{
	struct info info = {.json = *json,
	    .withheld = conf_map_get(&source->conf->exchange_withhold, record_tlp_text(rec->tlp))};

	json_object(&info.json, STIX_EXTENSION);
	json_text(&info.json, "extension_type", "property-extension");
	put_vantage(&info, source, rec);
	put_coverage(&info, source, rec);
	put_clock(&info, source);
	put_path(&info, rec);
	put_endpoint(&info, source, rec);
	put_fingerprints(&info, rec);
	put_detection(&info, rec);
	put_rest(&info, source, rec);
	put_left_out(&info, left_out);
	for (unsigned bit = 1; bit <= STIX_NO_RULE_NAME; bit <<= 1)
		source->texts_withheld += (left_out & bit) != 0;
	json_array(&info.json, "missing");
	for (unsigned i = 0; i < info.missing; i++) {
		json_object(&info.json, NULL);
		put_place(&info.json, info.gap[i].group, info.gap[i].item);
		json_text(&info.json, "reason", info.gap[i].reason);
		json_end_object(&info.json);
	}
	json_end_array(&info.json);
	json_uint(&info.json, "completeness", 100ull * info.present / (info.present + info.missing));
	json_end_object(&info.json);
	*json = info.json;
}
