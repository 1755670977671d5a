/* Two organisations' desks on one file exchange, in a folder of their own: for the tests of what people send. */
#ifndef UNIT_EXCHANGE_SIDES_H
#define UNIT_EXCHANGE_SIDES_H

#include "exchange/exchange.h"

#include <stdarg.h>
#include <unistd.h>

#include "unit/test.h"

struct side {
	struct conf *conf;
	char outdir[96];
	struct desk *desk;
};

static char sides_dir[64];

/* Makes the folder. */
static inline void
sides_begin(void)
{
	snprintf(sides_dir, sizeof(sides_dir), "/tmp/sides_test.XXXXXX");
	CHECK(mkdtemp(sides_dir) != NULL);
	log_open("sides_test", LOG_LEVEL_ERROR);
}

static inline void
sides_end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", sides_dir);
	CHECK(system(command) == 0);
}

/* Until the next call. */
static inline const char *
sides_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", sides_dir, name);
	return path;
}

static inline const char *
sides_file(const char *name, const char *text, size_t size)
{
	FILE *file = fopen(sides_path(name), "w");

	CHECK(file != NULL && fwrite(text, 1, size, file) == size);
	fclose(file);
	return sides_path(name);
}

static inline void __attribute__((format(printf, 2, 3)))
sides_set(struct conf *conf, const char *format, ...)
{
	char text[512], *why = NULL;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (conf_set(conf, text, &why) != CC_OK)
		printf("%s\n", why);
	free(why);
}

/* cert.a and cert.b, each trusting the other's keys, by fingerprint and x. */
static inline void
sides_open(struct side side[2])
{
	struct agreement *agreement[2];
	struct key *key[2];
	char text[1024], name[24], *why = NULL;

	for (int i = 0; i < 2; i++) {
		side[i].conf = conf_new();
		snprintf(side[i].outdir, sizeof(side[i].outdir), "%s/%d", sides_dir, i);
		sides_set(side[i].conf, "sensor.organisation=cert.%c", 'a' + i);
		sides_set(side[i].conf, "exchange.to=file:%s/shared", sides_dir);
		sides_set(side[i].conf, "spool.fsync=never");
		CHECK(key_open(side[i].conf, side[i].outdir, true, &key[i], &why) == CC_OK);
		CHECK(agreement_open(side[i].outdir, true, &agreement[i], &why) == CC_OK);
	}
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
		    "organisations: [{id: cert.%c, receive: amber, keys: [{fingerprint: %s, x: %s}], "
		    "agreement: {fingerprint: %s, x: %s}}]",
		    'b' - i, key_kid(key[1 - i]), key_x(key[1 - i]), agreement_kid(agreement[1 - i]),
		    agreement_x(agreement[1 - i]));
		snprintf(name, sizeof(name), "%d.yaml", i);
		sides_set(side[i].conf, "exchange.trust=%s", sides_file(name, text, strlen(text)));
		CHECK(desk_open(side[i].conf, side[i].outdir, &side[i].desk, &why) == CC_OK);
	}
	for (int i = 0; i < 2; i++) {
		agreement_close(agreement[i]);
		key_close(key[i]);
	}
}

static inline void
sides_close(struct side side[2])
{
	for (int i = 0; i < 2; i++) {
		desk_close(side[i].desk);
		conf_free(side[i].conf);
	}
}

/* What each sent is delivered, and read by both; nothing may be refused. */
static inline void
sides_sync(struct side side[2])
{
	char *why = NULL;

	for (int i = 0; i < 2; i++)
		CHECK(desk_flush(side[i].desk) == CC_OK);
	for (int i = 0; i < 2; i++) {
		CHECK(desk_sync(side[i].desk, &why) == CC_OK);
		CHECK_UINT(desk_refused(side[i].desk), 0);
	}
	free(why);
}

#endif
