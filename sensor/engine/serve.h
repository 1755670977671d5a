/* engine's own: the courier's third thread, the desk of a running sensor.  Functions may be called from any thread, and
 * accept NULL. */
#ifndef ENGINE_SERVE_H
#define ENGINE_SERVE_H

#include "conf/conf.h"
#include "exchange/exchange.h"

struct serve;

/* CC_ABSENT: exchange.serve is 0, nobody is trusted, nothing is sent, or the desk can't be had (said in the log).
 * CC_BAD: exchange.policy. */
enum cc_status serve_open(const struct conf *conf, const char *outdir, struct serve **ret_serve, char **ret_why);
void serve_wake(struct serve *serve);   /* a request came: now, not in exchange.serve */
void serve_reload(struct serve *serve); /* policy and trust file are read again */
void serve_counts(const struct serve *serve, uint64_t *counts); /* adds to counts[EXCHANGE_COUNT] */
void serve_close(struct serve *serve);

#endif
