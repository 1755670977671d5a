/* The autonomous system of an address, from joint.as_database in the MaxMind format, which is mapped; without one,
 * none. */
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "joint/joint_own.h"

void
as_open(struct joint *joint)
{
	const char *path = joint->conf->joint_as_database;
	MMDB_s *db = path[0] != '\0' ? calloc(1, sizeof(*db)) : NULL;
	int st;

	if (db == NULL)
		return;
	if ((st = MMDB_open(path, MMDB_MODE_MMAP, db)) != MMDB_SUCCESS) {
		log_error("joint.as_database: %s: %s: systems are not named", path, MMDB_strerror(st));
		free(db);
		return;
	}
	joint->as_database = db;
}

void
as_close(struct joint *joint)
{
	if (joint->as_database != NULL)
		MMDB_close(joint->as_database);
	free(joint->as_database);
	joint->as_database = NULL;
}

void
as_name(const struct joint *joint, const struct cc_addr *addr, char ret_name[24])
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool four = cc_addr_is4(addr);
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;
	int error = 0;

	ret_name[0] = '\0';
	if (joint->as_database == NULL)
		return;
	/* As what it is: a tree of IPv4 alone has no mapped ones, nor has one of both that leaves them out. */
	memcpy(&in4.sin_addr, addr->b + 12, 4);
	memcpy(&in6.sin6_addr, addr->b, 16);
	found = MMDB_lookup_sockaddr(joint->as_database,
	    four ? (const struct sockaddr *)(const void *)&in4 : (const struct sockaddr *)(const void *)&in6, &error);
	if (error == MMDB_SUCCESS && found.found_entry &&
	    MMDB_get_value(&found.entry, &data, "autonomous_system_number", NULL) == MMDB_SUCCESS && data.has_data &&
	    data.type == MMDB_DATA_TYPE_UINT32)
		snprintf(ret_name, 24, "AS%u", data.uint32);
}
