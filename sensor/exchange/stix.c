/*
 * A record as a STIX 2.1 bundle: identity, marking, observables, observed-data with the basic information, indicator,
 * sighting.
 *
 * Every id follows from content and source: the same record of the same sensor gives the same bytes, so that a
 * retransmission is recognised and a run over a file can be repeated.  An update has the ids of the first sight and a
 * later `modified`.  The courier's thread.
 */
#include "exchange/stix_own.h"

#include <stdio.h>

#include "concert/version.h"

#define TLP_EXTENSION "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

/* TLP 2.0 as STIX marking definitions, by enum cc_tlp; ids are OASIS's. */
static const struct {
	const char *id, *name;
} tlp[] = {
    {"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR"},
    {"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN"},
    {"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER"},
    {"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT"},
    {"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED"},
};

/* How much a partner may build on it: what it would cost to forge, nothing else. */
static const unsigned confidence[] = {
    [CC_PROOF_SPOOFABLE] = 15,
    [CC_PROOF_HANDSHAKE] = 45,
    [CC_PROOF_DIALOGUE] = 60,
    [CC_PROOF_KEYED] = 80,
    [CC_PROOF_CONTENT] = 85,
};

struct ids {
	char organisation[STIX_ID], sensor[STIX_ID], indicator[STIX_ID], observed[STIX_ID], sighting[STIX_ID],
	    bundle[STIX_ID];
	char first[40], last[40], modified[40];
};

static void
make_ids(struct exchange_source *source, const struct cc_record *rec, bool update, struct ids *ids)
{
	uint8_t key[32];
	struct slice org = slice_str(source->conf->sensor_organisation), sensor = slice_str(source->conf->sensor_name);
	struct slice when;

	record_key(rec, key);
	time_rfc3339_text(rec->first, ids->first);
	time_rfc3339_text(rec->last, ids->last);
	/* A version is told from the first sight's even when all was seen in the same microsecond. */
	time_rfc3339_text(update ? rec->last + NS_PER_US : rec->first, ids->modified);
	when = slice_str(ids->first);
	if (source->same.organisation[0] == '\0')
		stix_self(source->conf, source->same.organisation, source->same.sensor);
	memcpy(ids->organisation, source->same.organisation, STIX_ID);
	memcpy(ids->sensor, source->same.sensor, STIX_ID);
	stix_own_id("indicator", (const struct slice[]){org, slice_of(key, 32)}, 2, ids->indicator);
	stix_own_id("observed-data", (const struct slice[]){org, sensor, slice_of(key, 32), when}, 4, ids->observed);
	stix_own_id("sighting", (const struct slice[]){org, sensor, slice_of(key, 32), when}, 4, ids->sighting);
	stix_own_id("bundle", (const struct slice[]){org, sensor, slice_of(key, 32), when, slice_str(ids->modified)}, 5,
	    ids->bundle);
}

void
stix_self(const struct conf *conf, char ret_organisation[STIX_ID], char ret_sensor[STIX_ID])
{
	struct slice who[2] = {slice_str(conf->sensor_organisation), slice_str(conf->sensor_name)};

	stix_own_id("identity", who, 1, ret_organisation);
	stix_own_id("identity", who, 2, ret_sensor);
}

void
stix_begin(
    struct json *json, const char *type, const char *id, const char *author, const char *created, const char *modified)
{
	json_object(json, NULL);
	json_text(json, "type", type);
	json_text(json, "spec_version", "2.1");
	json_text(json, "id", id);
	if (author != NULL)
		json_text(json, "created_by_ref", author);
	json_text(json, "created", created);
	if (modified != NULL)
		json_text(json, "modified", modified);
}

void
stix_marking(struct json *json, enum cc_tlp level)
{
	json_array(json, "object_marking_refs");
	json_text(json, NULL, tlp[level].id);
	json_end_array(json);
}

const char *
stix_tlp_id(enum cc_tlp level)
{
	return tlp[level].id;
}

/* Objects that are the same in every message. */
void
stix_frame(struct json *json, const struct conf *conf, enum cc_tlp level)
{
	char organisation[STIX_ID];

	identity_of(conf->sensor_organisation, organisation);
	stix_begin(json, "identity", organisation, organisation, STIX_CREATED, STIX_CREATED);
	json_text(json, "name", conf->sensor_organisation);
	json_text(json, "identity_class", "organization");
	json_end_object(json);
	stix_frame_rest(json, conf, level);
}

void
stix_frame_rest(struct json *json, const struct conf *conf, enum cc_tlp level)
{
	char organisation[STIX_ID], sensor[STIX_ID];

	stix_self(conf, organisation, sensor);
	stix_begin(json, "identity", sensor, organisation, STIX_CREATED, STIX_CREATED);
	json_printf(json, "name", "%s/%s", conf->sensor_organisation, conf->sensor_name);
	json_text(json, "identity_class", "system");
	json_end_object(json);

	stix_begin(json, "marking-definition", tlp[level].id, NULL, "2022-10-01T00:00:00.000Z", NULL);
	json_text(json, "name", tlp[level].name);
	json_object(json, "extensions");
	json_object(json, TLP_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	json_text(json, "tlp_2_0", record_tlp_text(level));
	json_end_object(json);
	json_end_object(json);
	json_end_object(json);

	stix_begin(json, "identity", STIX_PROJECT, NULL, STIX_CREATED, STIX_CREATED);
	json_text(json, "name", "concert");
	json_text(json, "identity_class", "group");
	json_end_object(json);

	stix_begin(json, "extension-definition", STIX_EXTENSION, STIX_PROJECT, STIX_CREATED, STIX_CREATED);
	json_text(json, "name", "concert basic information");
	json_text(json, "description",
	    "On observed-data: what partners agreed a sighting must carry to be of use in determining a source. On "
	    "network-traffic: what was seen of handshake or request. On others: contacts, requests, notices, health.");
	json_text(json, "schema", "sensor/exchange/schema.json of concert " CC_VERSION);
	json_text(json, "version", "1.0.0");
	json_array(json, "extension_types");
	json_text(json, NULL, "property-extension");
	json_end_array(json);
	json_end_object(json);
}

/* As stix_frame(), kept from the first time on; one that does not fit is written each time. */
static void
put_frame(struct json *json, struct exchange_source *source, enum cc_tlp level)
{
	size_t start = json->out->size, size;

	if (source->same.frame[level].size > 0) {
		json_raw(json, NULL, slice_of(source->same.frame[level].text, source->same.frame[level].size));
		return;
	}
	stix_frame(json, source->conf, level);
	size = json->out->size - start;
	if (json->out->full || size > sizeof(source->same.frame[level].text))
		return;
	memcpy(source->same.frame[level].text, json->out->p + start, size);
	source->same.frame[level].size = size;
}

/* ---- indicator ---- */

/* A string literal of a pattern: quote and backslash are escaped, the rest is as it is. */
static void
put_literal(struct buf *out, struct slice value)
{
	buf_add_text(out, "'");
	for (size_t i = 0; i < value.size; i++) {
		if (value.p[i] == '\'' || value.p[i] == '\\')
			buf_add_text(out, "\\");
		buf_add_u8(out, value.p[i]);
	}
	buf_add_text(out, "'");
}

void
stix_pattern(struct buf *out, enum cc_kind kind, struct slice value)
{
	static const char *const path[CC_KIND_COUNT] = {
	    [CC_KIND_ADDR] = "ipv4-addr:value",
	    [CC_KIND_DOMAIN] = "domain-name:value",
	    [CC_KIND_URL] = "url:value",
	    [CC_KIND_FILE_SHA256] = "file:hashes.'SHA-256'",
	    [CC_KIND_JA3] = "network-traffic:extensions.'" STIX_EXTENSION "'.ja3",
	    [CC_KIND_JA3S] = "network-traffic:extensions.'" STIX_EXTENSION "'.ja3s",
	    [CC_KIND_JA4] = "network-traffic:extensions.'" STIX_EXTENSION "'.ja4",
	    [CC_KIND_CERT_SHA256] = "x509-certificate:hashes.'SHA-256'",
	    [CC_KIND_EMAIL] = "email-addr:value",
	    [CC_KIND_HASSH] = "network-traffic:extensions.'" STIX_EXTENSION "'.hassh",
	    [CC_KIND_HASSH_SERVER] = "network-traffic:extensions.'" STIX_EXTENSION "'.hassh_server",
	    [CC_KIND_SSH_HOST_KEY] = "network-traffic:extensions.'" STIX_EXTENSION "'.ssh_host_key_sha256",
	    [CC_KIND_USER_AGENT] = "network-traffic:extensions.'" STIX_HTTP_EXT "'.request_header.'User-Agent'[*]",
	};
	bool six = kind == CC_KIND_ADDR && value.size > 0 && memchr(value.p, ':', value.size) != NULL;

	buf_printf(out, "[%s = ", six ? "ipv6-addr:value" : path[kind]);
	put_literal(out, value);
	buf_add_text(out, "]");
}

/* " (bücher.example)" behind a domain in A-labels: people know it by that. */
static void
put_unicode(struct buf *text, const struct cc_record *rec)
{
	uint8_t memory[1024];
	struct buf unicode;

	buf_over(&unicode, memory, sizeof(memory));
	if (rec->kind == CC_KIND_DOMAIN && indicate_domain_unicode(rec->value, &unicode) == CC_OK) {
		buf_add_text(text, " (");
		buf_add_slice(text, buf_slice(&unicode));
		buf_add_text(text, ")");
	}
}

static void
put_indicator(
    struct json *json, const struct exchange_source *source, const struct cc_record *rec, const struct ids *ids)
{
	struct buf text;

	buf_open(&text, 65536);
	stix_begin(json, "indicator", ids->indicator, ids->organisation, STIX_CREATED, ids->first);
	buf_printf(&text, "%s ", record_kind_text(rec->kind));
	buf_add_slice(&text, rec->value);
	put_unicode(&text, rec);
	json_string(json, "name", buf_slice(&text));
	if (rec->rule_name.size > 0)
		json_string(json, "description", rec->rule_name);
	json_array(json, "indicator_types");
	json_text(json, NULL, rec->detector == CC_BY_POLICY ? "unknown" : "malicious-activity");
	json_end_array(json);
	buf_clear(&text);
	stix_pattern(&text, rec->kind, rec->value);
	json_string(json, "pattern", buf_slice(&text));
	json_text(json, "pattern_type", "stix");
	json_text(json, "valid_from", ids->first);
	if (rec->sid != 0) {
		json_array(json, "external_references");
		json_object(json, NULL);
		json_printf(json, "source_name", "%s rules", source->conf->sensor_organisation);
		json_printf(json, "external_id", "%u:%u:%u", rec->gid, rec->sid, rec->rev);
		json_end_object(json);
		json_end_array(json);
	}
	stix_marking(json, rec->tlp);
	json_end_object(json);
	buf_close(&text);
}

/* ---- sighting and observed-data ---- */

static uint64_t
capped(uint64_t count)
{
	return count < 999999999 ? count : 999999999; /* the most that STIX allows */
}

static void
put_observed(struct json *json, struct exchange_source *source, const struct cc_record *rec, unsigned left_out,
    const struct ids *ids, const struct stix_refs *refs)
{
	stix_begin(json, "observed-data", ids->observed, ids->organisation, ids->first, ids->modified);
	json_text(json, "first_observed", ids->first);
	json_text(json, "last_observed", ids->last);
	json_uint(json, "number_observed", capped(rec->count));
	json_array(json, "object_refs");
	for (unsigned i = 0; i < refs->count; i++)
		json_text(json, NULL, refs->id[i]);
	json_end_array(json);
	json_object(json, "extensions");
	stix_basic_information(json, source, rec, left_out);
	json_end_object(json);
	stix_marking(json, rec->tlp);
	json_end_object(json);
}

/* Without observed-data (nothing was seen, or only what has no object: a user agent of a host of ours) the basic
 * information stands here. */
static void
put_sighting(struct json *json, struct exchange_source *source, const struct cc_record *rec, unsigned left_out,
    const struct ids *ids, bool observed)
{
	stix_begin(json, "sighting", ids->sighting, ids->organisation, ids->first, ids->modified);
	json_text(json, "first_seen", ids->first);
	json_text(json, "last_seen", ids->last);
	json_uint(json, "count", capped(rec->count));
	json_text(json, "sighting_of_ref", ids->indicator);
	if (observed) {
		json_array(json, "observed_data_refs");
		json_text(json, NULL, ids->observed);
		json_end_array(json);
	}
	json_array(json, "where_sighted_refs");
	json_text(json, NULL, ids->sensor);
	json_end_array(json);
	json_uint(json, "confidence", confidence[rec->proof]);
	if (!observed) {
		json_object(json, "extensions");
		stix_basic_information(json, source, rec, left_out);
		json_end_object(json);
	}
	stix_marking(json, rec->tlp);
	json_end_object(json);
}

bool
stix_attacker_is_ours(const struct exchange_source *source, const struct cc_record *rec)
{
	return rec->direction == CC_INSIDE || rec->direction == (rec->attacker_is_client ? CC_OUTBOUND : CC_INBOUND) ||
	       victims_ours(source->victims, &rec->attacker.addr);
}

static bool
names_us(const struct victims *victims, struct slice text, bool agent)
{
	return agent ? victims_named_in_agent(victims, text) : victims_named_in(victims, text);
}

/* Takes out of rec what names an address of ours: STIX_NO_ bits. */
static unsigned
leave_out(const struct victims *victims, struct cc_record *rec)
{
	const struct {
		struct slice *text;
		unsigned bit;
	} part[] = {{&rec->domain, STIX_NO_DOMAIN}, {&rec->url, STIX_NO_URL}, {&rec->user_agent, STIX_NO_USER_AGENT},
	    {&rec->file_name, STIX_NO_FILE_NAME}, {&rec->rule_name, STIX_NO_RULE_NAME}};
	unsigned bits = 0;

	if (victims_named_in(victims, rec->header_order))
		rec->header_order = slice_of(NULL, 0);
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].text->size == 0 || !names_us(victims, *part[i].text, part[i].text == &rec->user_agent))
			continue;
		*part[i].text = slice_of(NULL, 0);
		bits |= part[i].bit;
	}
	return bits;
}

enum cc_status
stix_sighting(struct exchange_source *source, const struct cc_record *whole, bool update, struct buf *out)
{
	struct cc_record clean = *whole, *rec = &clean;
	unsigned left_out = leave_out(source->victims, rec);
	size_t start = out->size;
	struct json json = json_into(out);
	struct stix_refs refs;
	struct ids ids;

	if (names_us(source->victims, rec->value, rec->kind == CC_KIND_USER_AGENT))
		return CC_DENIED;
	make_ids(source, rec, update, &ids);
	json_object(&json, NULL);
	json_text(&json, "type", "bundle");
	json_text(&json, "id", ids.bundle);
	json_array(&json, "objects");
	put_frame(&json, source, rec->tlp);
	refs.count = 0;
	if (rec->count > 0)
		stix_observables(&json, source, rec, tlp[rec->tlp].id, &refs);
	/* Only a fingerprint without a flow leaves nothing to be observed. */
	if (refs.count > 0)
		put_observed(&json, source, rec, left_out, &ids, &refs);
	put_indicator(&json, source, rec, &ids);
	put_sighting(&json, source, rec, left_out, &ids, refs.count > 0);
	json_end_array(&json);
	json_end_object(&json);
	if (out->full) {
		out->size = start;
		return CC_FULL;
	}
	return CC_OK;
}
