/*
 * The ways out: exchange.to, and exchange.fallback while that is away.  The courier's one thread.
 */
#ifndef EXCHANGE_CHANNELS_OWN_H
#define EXCHANGE_CHANNELS_OWN_H

#include "exchange/exchange.h"

struct channels;

/* How it stands with the ways, as partners are told it. */
struct channels_figures {
	bool two;            /* a fall-back is configured */
	bool fallback;       /* and in use */
	uint64_t since;      /* ns, wall clock: of the last change; 0: none yet */
	uint64_t changes;    /* to the fall-back */
	uint64_t by_fallback; /* messages that it took */
};

/* fn: as of struct cc_output, whichever way a message went.  CC_BAD, CC_IO: *ret_why (malloc). */
enum cc_status channels_open(const struct conf *conf, const char *outdir, cc_delivered_fn *fn, void *ctx,
    struct channels **ret_channels, char **ret_why);
void channels_close(struct channels *channels);
enum cc_status channels_send(struct channels *channels, const struct cc_message *msg, uint64_t ticket);
void channels_poll(struct channels *channels, int ms);
size_t channels_pending(const struct channels *channels); /* reports that are still to come */
const char *channels_state(const struct channels *channels);
void channels_figures(const struct channels *channels, struct channels_figures *ret_figures);
/* The first ticket that only the fall-back has, once exchange.to is back; told once, 0: none. */
uint64_t channels_repeat(struct channels *channels);

/* A configuration whose map `kafka` has exchange.fallback_kafka over it; borrows all else. */
enum cc_status channels_fallback_conf(const struct conf *conf, struct conf *ret_conf);
void channels_fallback_conf_free(struct conf *conf);

#endif
