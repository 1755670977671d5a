/*
 * The contract of an output: where messages of the exchange go.  One file sensor/output/<name>.c, one line in
 * sensor/output/outputs.def.  Runs on the courier's one thread.
 */
#ifndef CONCERT_OUTPUT_H
#define CONCERT_OUTPUT_H

#include "concert/record.h"
#include "concert/slice.h"
#include "concert/status.h"

#define CC_HEADERS_MAX 16

struct cc_header {
	const char *name;
	struct slice value;
};

/* A message as it stands on a topic and in the spool; everything is borrowed. */
struct cc_message {
	struct slice topic;       /* "concert.indicators" */
	struct slice key;
	struct slice value;       /* a STIX 2.1 bundle */
	struct cc_header header[CC_HEADERS_MAX]; /* ce_id, ce_source, …: in this order */
	unsigned header_count;
	enum cc_class class;
	uint32_t lane;            /* hash(key) mod exchange.lanes; partition = lane mod partitions */
	uint64_t appended;        /* read from a broker that says so: when it took the message (ns), else 0 */
	bool fallback;            /* read from exchange.fallback, not from exchange.to */
};

struct conf;

/* ticket: the sender's word for one message, from 1, rising. */
typedef void cc_delivered_fn(void *ctx, uint64_t ticket, enum cc_status status);

struct cc_output {
	const char *name;  /* "file", "kafka": the word before ':' in exchange.to */
	const char *help;

	/* target: what follows ':'.  CC_BAD, CC_IO: *ret_why (malloc).  A target that is away for now is no error. */
	enum cc_status (*open)(const struct conf *conf, const char *target, cc_delivered_fn *fn, void *ctx,
	    void **ret_self, char **ret_why);
	/* CC_OK: taken, fn will be called with ticket (CC_OK: it is there to stay; CC_IO: offer it again later; CC_BAD:
	 * it can never be delivered).  CC_FULL: not now, nothing taken. */
	enum cc_status (*send)(void *self, const struct cc_message *msg, uint64_t ticket);
	/* Calls fn for what has been settled; waits up to ms when nothing has. */
	void (*poll)(void *self, int ms);
	size_t (*pending)(const void *self);
	/* Gives back what is in flight: fn with CC_IO for each, before it returns.  NULL: nothing waits for long here.
	 */
	void (*recall)(void *self);
	/* One line on how it is: "connected to …", or what is wrong, named. */
	const char *(*state)(const void *self);
	void (*close)(void *self);
};

#endif
