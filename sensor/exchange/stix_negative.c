/*
 * A sighting of nothing: a partner's indicator was looked for, so long, over so many packets of which so many were
 * lost, and not seen.  In STIX a sighting with count 0; what makes it worth something is the coverage in our extension.
 */
#include "exchange/partners_own.h"
#include "exchange/stix_own.h"

#include <stdio.h>

static void
put_extension(struct json *json, const struct conf *conf, bool live, const struct negative *what)
{
	static const char *const vantage[] = {"span", "tap", "file"};
	char from[40], until[40];

	json_object(json, "extensions");
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	json_object(json, "vantage");
	json_text(json, "sensor", conf->sensor_name);
	json_text(json, "kind", live ? vantage[conf->sensor_vantage] : "file");
	json_end_object(json);
	json_object(json, "coverage");
	json_text(json, "from", time_rfc3339_text(what->from, from));
	json_text(json, "until", time_rfc3339_text(what->until, until));
	json_printf(json, "looked", "%.3fs", (double)what->looked / 1e9);
	json_uint(json, "packets", what->packets);
	json_uint(json, "lost", what->lost);
	json_end_object(json);
	json_object(json, "origin");
	json_text(json, "kind", "answer");
	json_text(json, "to", what->to);
	json_text(json, "of", what->of);
	json_end_object(json);
	json_end_object(json);
	json_end_object(json);
}

enum cc_status
stix_negative(const struct conf *conf, bool live, const struct negative *what, struct buf *out)
{
	struct slice org = slice_str(conf->sensor_organisation);
	char organisation[STIX_ID], self[STIX_ID], indicator[STIX_ID], sighting[STIX_ID], bundle[STIX_ID], from[40],
	    until[40];
	struct slice part[5] = {org, slice_str(record_kind_text(what->kind)), what->value, slice_str(what->of)};
	struct json json = json_into(out);
	struct buf text;

	time_rfc3339_text(what->from, from);
	time_rfc3339_text(what->until, until);
	part[4] = slice_str(until);
	stix_self(conf, organisation, self);
	stix_own_id("indicator", part, 3, indicator);
	stix_own_id("sighting", part, 5, sighting);
	stix_own_id("bundle", part, 5, bundle);
	buf_open(&text, 65536);
	json_object(&json, NULL);
	json_text(&json, "type", "bundle");
	json_text(&json, "id", bundle);
	json_array(&json, "objects");
	stix_frame(&json, conf, CC_TLP_AMBER);

	stix_begin(&json, "indicator", indicator, organisation, STIX_CREATED, from);
	buf_printf(&text, "%s ", record_kind_text(what->kind));
	buf_add_slice(&text, what->value);
	json_string(&json, "name", buf_slice(&text));
	json_array(&json, "indicator_types");
	json_text(&json, NULL, "unknown");
	json_end_array(&json);
	buf_clear(&text);
	stix_pattern(&text, what->kind, what->value);
	json_string(&json, "pattern", buf_slice(&text));
	json_text(&json, "pattern_type", "stix");
	json_text(&json, "valid_from", from);
	stix_marking(&json, CC_TLP_AMBER);
	json_end_object(&json);

	stix_begin(&json, "sighting", sighting, organisation, until, until);
	json_text(&json, "first_seen", from);
	json_text(&json, "last_seen", until);
	json_uint(&json, "count", 0);
	json_text(&json, "sighting_of_ref", indicator);
	json_array(&json, "where_sighted_refs");
	json_text(&json, NULL, self);
	json_end_array(&json);
	put_extension(&json, conf, live, what);
	stix_marking(&json, CC_TLP_AMBER);
	json_end_object(&json);
	json_end_array(&json);
	json_end_object(&json);
	buf_close(&text);
	return out->full ? CC_FULL : CC_OK;
}
