/*
 * The heartbeat: who is alive, what it could see, what it lost, how good its clock is.  Without it a partner's silence
 * can't be read.  A STIX note about the sensor, with the figures in our extension.  The courier's thread.
 */
#include "exchange/stix_own.h"

#include <stdio.h>

#include "app/app.h"
#include "concert/version.h"

static void
put_vantage(struct json *json, const struct exchange_source *source)
{
	static const char *const vantage[] = {"span", "tap", "file"};
	static const char *const clock[] = {"unknown", "ntp", "ptp", "gps"};
	const struct conf *conf = source->conf;

	json_object(json, "vantage");
	json_text(json, "sensor", conf->sensor_name);
	if (conf->sensor_site[0] != '\0')
		json_text(json, "site", conf->sensor_site);
	json_text(json, "kind", source->live ? vantage[conf->sensor_vantage] : "file");
	json_end_object(json);
	json_object(json, "clock");
	json_text(json, "source", clock[conf->sensor_clock]);
	if (conf->sensor_clock != 0)
		json_printf(json, "error_bound", "%.6fs", (double)conf->sensor_clock_error / 1e9);
	json_end_object(json);
}

static bool
is_off(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->app_off.count; i++) {
		if (strcmp(conf->app_off.item[i], name) == 0)
			return true;
	}
	return false;
}

static void
put_figures(struct json *json, const struct exchange_source *source, const struct exchange_health *health)
{
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	json_object(json, "health");
	json_text(json, "state", health->ending ? "ending" : "running");
	json_text(json, "version", CC_VERSION);
	json_printf(json, "interval", "%.3fs", (double)source->conf->exchange_heartbeat / 1e9);
	put_vantage(json, source);
	if (source->coverage.size > 0)
		json_raw(json, "coverage", source->coverage);
	json_array(json, "protocols");
	for (unsigned i = 0; i < app_parser_count; i++) {
		if (!is_off(source->conf, app_parsers[i]->name))
			json_text(json, NULL, app_parsers[i]->name);
	}
	json_end_array(json);
	if (health->two_ways) {
		char time[40];

		json_object(json, "channel");
		json_text(json, "name", health->fallback ? "fallback" : "main");
		if (health->since != 0)
			json_text(json, "since", time_rfc3339_text(health->since, time));
		json_uint(json, "by_fallback", health->by_fallback);
		json_end_object(json);
	}
	/* Over files these depend on the moment, and the run waits for its messages anyway. */
	if (source->live) {
		json_object(json, "exchange");
		json_uint(json, "waiting", health->waiting);
		json_uint(json, "shed", health->shed);
		json_uint(json, "held_back", health->held_back);
		json_uint(json, "disk_errors", health->disk_errors);
		json_end_object(json);
	}
	json_end_object(json);
	json_end_object(json);
}

enum cc_status
stix_health(const struct exchange_source *source, const struct exchange_health *health, struct buf *out)
{
	const struct conf *conf = source->conf;
	struct slice org = slice_str(conf->sensor_organisation), sensor = slice_str(conf->sensor_name);
	char organisation[STIX_ID], self[STIX_ID], note[STIX_ID], bundle[STIX_ID], time[40];
	struct json json = json_into(out);

	time_rfc3339_text(health->time, time);
	stix_self(conf, organisation, self);
	stix_own_id("note", (const struct slice[]){org, sensor, slice_str("health"), slice_str(time)}, 4, note);
	stix_own_id("bundle", (const struct slice[]){org, sensor, slice_str("health"), slice_str(time)}, 4, bundle);
	json_object(&json, NULL);
	json_text(&json, "type", "bundle");
	json_text(&json, "id", bundle);
	json_array(&json, "objects");
	stix_frame(&json, conf, CC_TLP_GREEN);
	stix_begin(&json, "note", note, organisation, time, time);
	json_text(&json, "abstract", "health of a sensor");
	json_printf(&json, "content", "%s/%s is %s", conf->sensor_organisation, conf->sensor_name,
	    health->ending ? "ending its run" : "running");
	json_array(&json, "object_refs");
	json_text(&json, NULL, self);
	json_end_array(&json);
	stix_marking(&json, CC_TLP_GREEN);
	json_object(&json, "extensions");
	put_figures(&json, source, health);
	json_end_object(&json);
	json_end_object(&json);
	json_end_array(&json);
	json_end_object(&json);
	return out->full ? CC_FULL : CC_OK;
}
