/*
 * The cyber-observables of a record: addresses, domain, URL, file, certificate and the traffic itself.
 *
 * Only the attacker's side of the traffic is named: an address of ours does not leave (exchange.md, Victims).  Nor does
 * the community id, a hash of both addresses that is undone by trying four thousand million of them.  No state.
 */
#include "exchange/stix_own.h"

#include <idn2.h>
#include <stdio.h>

static const struct cc_addr no_addr;

/*
 * STIX wants host names (RFC 5890); the wire has more: "_dmarc.x", "r3---sn.x".  Those are named by the indicator's
 * pattern, which may be any text, and by no observable.
 */
static bool
is_hostname(struct slice s)
{
	char text[256], *back = NULL;
	bool good = true;

	if (s.size == 0 || s.size >= sizeof(text))
		return false;
	memcpy(text, s.p, s.size);
	text[s.size] = '\0';
	for (const char *label = text, *dot; good && label != NULL; label = dot != NULL ? dot + 1 : NULL) {
		size_t size = strcspn(label, ".");

		dot = label[size] == '.' ? label + size : NULL;
		good = size > 0 && label[0] != '-' && label[size - 1] != '-' && memchr(label, '_', size) == NULL;
		if (good && size > 3 && label[2] == '-' && label[3] == '-')
			good = strncmp(label, "xn--", 4) == 0;
	}
	if (good && strstr(text, "xn--") != NULL) {
		good = idn2_to_unicode_8z8z(text, &back, 0) == IDN2_OK;
		idn2_free(back);
	}
	return good;
}

/* Members that all observables have. */
static void
begin(struct json *json, const char *type, const char *id, const char *marking)
{
	json_object(json, NULL);
	json_text(json, "type", type);
	json_text(json, "spec_version", "2.1");
	json_text(json, "id", id);
	json_array(json, "object_marking_refs");
	json_text(json, NULL, marking);
	json_end_array(json);
}

/* The id of the next object, in refs. */
static char *
next_ref(struct stix_refs *refs)
{
	return refs->id[refs->count++];
}

/* Types whose one contributing property is "value". */
static const char *
put_value(struct json *json, const char *type, struct slice value, const char *marking, struct stix_refs *refs)
{
	char *id = next_ref(refs);
	struct buf canonical;

	buf_open(&canonical, 65536);
	buf_add_text(&canonical, "{\"value\":");
	stix_jcs_string(&canonical, value);
	buf_add_text(&canonical, "}");
	stix_sco_id(type, buf_slice(&canonical), id);
	buf_close(&canonical);
	begin(json, type, id, marking);
	json_string(json, "value", value);
	json_end_object(json);
	return id;
}

static const char *
put_addr(struct json *json, const struct cc_addr *addr, const char *marking, struct stix_refs *refs)
{
	char text[CC_ADDR_TEXT];

	cc_addr_text(addr, text);
	return put_value(json, cc_addr_is4(addr) ? "ipv4-addr" : "ipv6-addr", slice_str(text), marking, refs);
}

static void
put_sha256(struct json *json, const char *type, struct slice sha256, struct slice name, const char *marking,
    struct stix_refs *refs)
{
	char *id = next_ref(refs);
	struct buf canonical;

	buf_open(&canonical, 65536);
	buf_printf(&canonical, "{\"hashes\":{\"SHA-256\":\"%.*s\"}", (int)sha256.size, (const char *)sha256.p);
	if (name.size > 0) {
		buf_add_text(&canonical, ",\"name\":");
		stix_jcs_string(&canonical, name);
	}
	buf_add_text(&canonical, "}");
	stix_sco_id(type, buf_slice(&canonical), id);
	buf_close(&canonical);
	begin(json, type, id, marking);
	json_object(json, "hashes");
	json_string(json, "SHA-256", sha256);
	json_end_object(json);
	if (name.size > 0)
		json_string(json, "name", name);
}

static void
put_file(
    struct json *json, const struct cc_record *rec, struct slice sha256, const char *marking, struct stix_refs *refs)
{
	put_sha256(json, "file", sha256, rec->file_name, marking, refs);
	if (rec->file_size > 0 && rec->file_size <= 9007199254740991u)
		json_uint(json, "size", rec->file_size);
	json_end_object(json);
}

static void
put_certificate(struct json *json, struct slice sha256, const char *marking, struct stix_refs *refs)
{
	put_sha256(json, "x509-certificate", sha256, slice_of(NULL, 0), marking, refs);
	json_end_object(json);
}

/* ---- network-traffic ---- */

/*
 * The extension of the traffic, once for the object and once for its id: members sorted and without blanks, so that the
 * one text serves both.  What the indicator names is not told here again: its pattern has it, the basic information
 * too, and importers that fold an indicator into an observable of the same value (misp-stix) would lose both, having no
 * name for this one.  For their sake there is no http-request-ext either: they give the whole object up for it.
 */
static void
put_extensions(struct buf *out, const struct cc_record *rec)
{
	const struct {
		const char *name;
		struct slice value;
		enum cc_kind kind;
	} part[] = {
	    {"http_method", rec->url.size > 0 ? rec->http_method : slice_of(NULL, 0), CC_KIND_COUNT},
	    {"ja3", rec->ja3, CC_KIND_JA3}, {"ja3s", rec->ja3s, CC_KIND_JA3S}, {"ja4", rec->ja4, CC_KIND_JA4},
	    {"user_agent", rec->user_agent, CC_KIND_USER_AGENT},
	};
	bool begun = false;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].value.size == 0 || part[i].kind == rec->kind)
			continue;
		if (!begun)
			buf_add_text(out, "{\"" STIX_EXTENSION "\":{\"extension_type\":\"property-extension\"");
		begun = true;
		buf_printf(out, ",\"%s\":", part[i].name);
		stix_jcs_string(out, part[i].value);
	}
	if (begun)
		buf_add_text(out, "}}");
}

/* Part of an id: without the zeros at a fraction's end, which others leave out when they write it again. */
static void
start_text(uint64_t time, char ret_text[40])
{
	char *end;

	time_rfc3339_text(time, ret_text);
	end = ret_text + strlen(ret_text) - 1;
	while (end[-1] == '0' && memchr(ret_text, '.', (size_t)(end - ret_text)) != NULL)
		end--;
	if (end[-1] == '.')
		end--;
	memcpy(end, "Z", 2);
}

static void
put_protocols(struct buf *out, const struct cc_record *rec)
{
	const char *transport = rec->proto == 6     ? "tcp"
				: rec->proto == 17  ? "udp"
				: rec->proto == 1   ? "icmp"
				: rec->proto == 58  ? "ipv6-icmp"
				: rec->proto == 132 ? "sctp"
						    : NULL;

	buf_printf(out, "[\"%s\"", cc_addr_is4(&rec->attacker.addr) ? "ipv4" : "ipv6");
	if (transport != NULL)
		buf_printf(out, ",\"%s\"", transport);
	if (rec->app.size > 0) {
		buf_add_text(out, ",");
		stix_jcs_string(out, rec->app);
	}
	buf_add_text(out, "]");
}

static void
put_traffic(
    struct json *json, const struct cc_record *rec, const char *addr_id, const char *marking, struct stix_refs *refs)
{
	const struct cc_endpoint *src = rec->attacker_is_client ? &rec->attacker : &rec->victim;
	const struct cc_endpoint *dst = rec->attacker_is_client ? &rec->victim : &rec->attacker;
	const char *side = rec->attacker_is_client ? "src_ref" : "dst_ref";
	bool ports = rec->proto == 6 || rec->proto == 17 || rec->proto == 132;
	char *id = next_ref(refs), start[40];
	struct buf extensions, protocols, canonical;

	buf_open(&extensions, 65536);
	buf_open(&protocols, 1024);
	buf_open(&canonical, 262144);
	put_extensions(&extensions, rec);
	put_protocols(&protocols, rec);
	start_text(rec->flow_start, start);

	/* Sorted: dst_port, dst_ref, extensions, protocols, src_port, src_ref, start. */
	buf_add_text(&canonical, "{");
	if (ports)
		buf_printf(&canonical, "\"dst_port\":%u,", dst->port);
	if (!rec->attacker_is_client)
		buf_printf(&canonical, "\"dst_ref\":\"%s\",", addr_id);
	if (extensions.size > 0) {
		buf_add_text(&canonical, "\"extensions\":");
		buf_add_slice(&canonical, buf_slice(&extensions));
		buf_add_text(&canonical, ",");
	}
	buf_add_text(&canonical, "\"protocols\":");
	buf_add_slice(&canonical, buf_slice(&protocols));
	if (ports)
		buf_printf(&canonical, ",\"src_port\":%u", src->port);
	if (rec->attacker_is_client)
		buf_printf(&canonical, ",\"src_ref\":\"%s\"", addr_id);
	if (rec->flow_start > 0)
		buf_printf(&canonical, ",\"start\":\"%s\"", start);
	buf_add_text(&canonical, "}");
	stix_sco_id("network-traffic", buf_slice(&canonical), id);

	begin(json, "network-traffic", id, marking);
	if (rec->flow_start > 0)
		json_text(json, "start", start);
	json_text(json, side, addr_id);
	if (ports) {
		json_uint(json, "src_port", src->port);
		json_uint(json, "dst_port", dst->port);
	}
	json_raw(json, "protocols", buf_slice(&protocols));
	if (src->packets > 0 || dst->packets > 0) {
		json_uint(json, "src_byte_count", src->bytes);
		json_uint(json, "dst_byte_count", dst->bytes);
		json_uint(json, "src_packets", src->packets);
		json_uint(json, "dst_packets", dst->packets);
	}
	if (extensions.size > 0)
		json_raw(json, "extensions", buf_slice(&extensions));
	json_end_object(json);
	buf_close(&canonical);
	buf_close(&protocols);
	buf_close(&extensions);
}

/* Each value once: what the indicator names may be one of the things seen beside it. */
void
stix_observables(struct json *json, const struct exchange_source *source, const struct cc_record *rec,
    const char *marking, struct stix_refs *ret_refs)
{
	bool known = cc_addr_cmp(&rec->attacker.addr, &no_addr) != 0 && !stix_attacker_is_ours(source, rec);
	struct slice domain = rec->kind == CC_KIND_DOMAIN ? rec->value : rec->domain;
	struct slice url = rec->kind == CC_KIND_URL ? rec->value : rec->url;
	struct slice file = rec->kind == CC_KIND_FILE_SHA256 ? rec->value : rec->file_sha256;
	struct slice cert = rec->kind == CC_KIND_CERT_SHA256 ? rec->value : rec->cert_sha256;
	char addr_text[CC_ADDR_TEXT];
	struct cc_addr named;

	ret_refs->count = 0;
	if (known) {
		const char *id = put_addr(json, &rec->attacker.addr, marking, ret_refs);

		put_traffic(json, rec, id, marking, ret_refs);
	}
	if (rec->kind == CC_KIND_ADDR) {
		snprintf(addr_text, sizeof(addr_text), "%.*s", (int)rec->value.size, (const char *)rec->value.p);
		if (cc_addr_parse(addr_text, &named) == CC_OK &&
		    (!known || cc_addr_cmp(&named, &rec->attacker.addr) != 0))
			(void)put_addr(json, &named, marking, ret_refs);
	}
	if (is_hostname(domain))
		(void)put_value(json, "domain-name", domain, marking, ret_refs);
	if (url.size > 0)
		(void)put_value(json, "url", url, marking, ret_refs);
	if (rec->kind == CC_KIND_EMAIL)
		(void)put_value(json, "email-addr", rec->value, marking, ret_refs);
	if (file.size > 0)
		put_file(json, rec, file, marking, ret_refs);
	if (cert.size > 0)
		put_certificate(json, cert, marking, ret_refs);
}

static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.size; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", s.p[i]) == NULL ||
		    s.p[i] == '\0')
			return false;
	}
	return true;
}

enum cc_status
stix_observable(struct json *json, enum cc_kind kind, struct slice value, enum cc_tlp level, char ret_id[STIX_ID])
{
	const char *marking = stix_tlp_id(level);
	char text[CC_ADDR_TEXT];
	struct stix_refs refs;
	struct cc_addr addr;

	refs.count = 0;
	switch (kind) {
	case CC_KIND_ADDR:
		snprintf(text, sizeof(text), "%.*s", (int)(value.size < sizeof(text) ? value.size : 0),
		    (const char *)value.p);
		if (cc_addr_parse(text, &addr) == CC_OK)
			(void)put_addr(json, &addr, marking, &refs);
		break;
	case CC_KIND_DOMAIN:
		/* A partner's case may name anything. */
		if (is_hostname(value) && is_plain(value))
			(void)put_value(json, "domain-name", value, marking, &refs);
		break;
	case CC_KIND_URL:
		(void)put_value(json, "url", value, marking, &refs);
		break;
	case CC_KIND_EMAIL:
		(void)put_value(json, "email-addr", value, marking, &refs);
		break;
	case CC_KIND_FILE_SHA256:
	case CC_KIND_CERT_SHA256:
		if (value.size != 64)
			break;
		put_sha256(json, kind == CC_KIND_FILE_SHA256 ? "file" : "x509-certificate", value, slice_of(NULL, 0),
		    marking, &refs);
		json_end_object(json);
		break;
	default:
		break;
	}
	if (refs.count == 0)
		return CC_ABSENT;
	memcpy(ret_id, refs.id[0], STIX_ID);
	return CC_OK;
}
