/* Keys on disk: files that are made, read and refused; a rotation that fails at any point leaves a key. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit/exchange/signed.h"

TEST(key_files)
{
	char path[128];
	struct key *again = NULL;
	struct key_list list;
	struct key_entry entry;
	char *why = NULL;

	begin();
	snprintf(path, sizeof(path), "%s/keys/sensor.key", dir);
	CHECK(key_open(conf, dir, false, &again, &why) == CC_OK);
	CHECK_TEXT(key_kid(again), key_kid(key));
	key_close(again);
	CHECK(chmod(path, 0640) == 0);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_DENIED && why != NULL && strstr(why, "chmod 0600") != NULL);
	free(why);
	CHECK(chmod(path, 0600) == 0);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK && list.count == 1);
	CHECK(keys_rotate(conf, dir, 1000 * NS_PER_S, &again, &why) == CC_OK);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK && list.count == 2);
	CHECK_TEXT(list.entry[0].kid, key_kid(key));
	CHECK_TEXT(list.entry[1].kid, key_kid(again));
	CHECK_UINT(list.entry[0].until, 1000 * NS_PER_S + 7 * DAY);
	key_close(again);
	CHECK(keys_revoke(conf, dir, key_kid(key), 5 * NS_PER_S, &entry, &why) == CC_OK);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK);
	CHECK_UINT(list.entry[0].revoked, 5 * NS_PER_S);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_OK);
	key_close(again);
	/* The present one revoked: nothing is signed any more. */
	CHECK(keys_revoke(conf, dir, NULL, 5 * NS_PER_S, &entry, &why) == CC_OK);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_DENIED && strstr(why, "rotate") != NULL);
	free(why);
	/* By a provider's URI: OpenSSL's own store reads files. */
	snprintf(path, sizeof(path), "exchange.key=file:%s/keys/sensor.key", dir);
	set(path);
	CHECK(key_open(conf, dir, false, &again, &why) == CC_OK);
	key_close(again);
	set("exchange.key_provider=no-such-provider");
	CHECK(key_open(conf, dir, false, &again, &why) == CC_BAD && strstr(why, "no-such-provider") != NULL);
	free(why);
	end();
}

/* Ours for the whole program, to look at the disk before each one, and to let it fail. */
static const char *rename_watch;
static unsigned rename_fails;
static bool rename_missed;

int
rename(const char *from, const char *to)
{
	rename_missed = rename_missed || (rename_watch != NULL && access(rename_watch, F_OK) != 0);
	if (rename_fails > 0 && --rename_fails == 0) {
		errno = EIO;
		return -1;
	}
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* Whatever ends a rotation, and wherever: there is a key, and it signs. */
TEST(rotation_never_without_a_key)
{
	char path[128], kid[KEY_ID];
	struct key *again = NULL;
	char *why = NULL;

	begin();
	snprintf(path, sizeof(path), "%s/keys/sensor.key", dir);
	rename_watch = path;
	memcpy(kid, key_kid(key), KEY_ID);
	for (unsigned at = 1; at <= 4; at++) {
		enum cc_status st;

		rename_missed = false;
		rename_fails = at;
		st = keys_rotate(conf, dir, (1000 + at) * NS_PER_S, &again, &why);
		CHECK(st == CC_OK || why != NULL);
		rename_fails = 0;
		if (st == CC_OK)
			key_close(again);
		free(why);
		why = NULL;
		CHECK(!rename_missed && access(path, F_OK) == 0);
		/* As a sensor that starts: it signs, and says with which. */
		CHECK(key_open(conf, dir, true, &again, &why) == CC_OK);
		CHECK((st == CC_OK) == (strcmp(key_kid(again), kid) != 0));
		memcpy(kid, key_kid(again), KEY_ID);
		key_close(again);
	}
	rename_watch = NULL;
	end();
}

TESTS(T(key_files), T(rotation_never_without_a_key))
