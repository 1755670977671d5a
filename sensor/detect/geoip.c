/*
 * The country of an address: detect.geoip names a database in the MaxMind format, mapped when the rules are loaded and
 * read by all workers.  Looking up neither allocates nor changes anything.
 */
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "detect/own.h"

enum cc_status
geoip_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report)
{
	const char *path = conf->detect_geoip;
	int st;

	if (path[0] == '\0')
		return CC_OK;
	set->geoip = calloc(1, sizeof(*set->geoip));
	if (set->geoip == NULL)
		return CC_NOMEM;
	st = MMDB_open(path, MMDB_MODE_MMAP, set->geoip);
	if (st == MMDB_SUCCESS)
		return CC_OK;
	report_line(report, path, 0, 0, "detect.geoip", "can't be used: %s", MMDB_strerror(st));
	free(set->geoip);
	set->geoip = NULL;
	return CC_IO;
}

void
geoip_free(struct MMDB_s *geoip)
{
	if (geoip == NULL)
		return;
	MMDB_close(geoip);
	free(geoip);
}

bool
geoip_country(const struct MMDB_s *geoip, const struct cc_addr *addr, char ret_country[2])
{
	static const char *const paths[][3] = {{"country", "iso_code", NULL}, {"registered_country", "iso_code", NULL}};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	MMDB_lookup_result_s result;
	MMDB_entry_data_s data;
	int error = 0;

	if (geoip == NULL)
		return false;
	if (cc_addr_is4(addr)) {
		memcpy(&in4.sin_addr, addr->b + 12, 4);
		result = MMDB_lookup_sockaddr(geoip, (const struct sockaddr *)(const void *)&in4, &error);
	} else {
		memcpy(&in6.sin6_addr, addr->b, 16);
		result = MMDB_lookup_sockaddr(geoip, (const struct sockaddr *)(const void *)&in6, &error);
	}
	if (error != MMDB_SUCCESS || !result.found_entry)
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (MMDB_aget_value(&result.entry, &data, paths[i]) == MMDB_SUCCESS && data.has_data &&
		    data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == 2) {
			memcpy(ret_country, data.utf8_string, 2);
			return true;
		}
	}
	return false;
}
