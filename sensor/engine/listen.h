/*
 * engine's own: the courier's second thread, which hears partners and keeps what the sensor remembers.  All functions
 * here are called on the courier's main thread and return at once, but for the opening and the end.
 */
#ifndef ENGINE_LISTEN_H
#define ENGINE_LISTEN_H

#include "engine/shared.h"
#include "exchange/exchange.h"

struct listen;

/* Over files all that partners had told until now is read before this returns, so that it is live from the first
 * packet. */
enum cc_status listen_open(const struct conf *conf, const char *outdir, struct shared *shared, bool live,
    struct listen **ret_listen, char **ret_why);
/* Each record once: remembered; a hit is told to who asked for it. */
void listen_record(struct listen *listen, const struct cc_record *rec);
/* Remote addresses of flows; CC_BAD: malformed. */
enum cc_status listen_seen(struct listen *listen, struct slice body);
/* What was looked at since the start of this span; a span ends with its hour. */
void listen_coverage(struct listen *listen, uint64_t from, uint64_t until, uint64_t packets, uint64_t lost);
/* Messages that wait for the way out, to the exchange. */
void listen_pump(struct listen *listen, struct exchange *exchange);
void listen_reload(struct listen *listen);
void listen_counts(const struct listen *listen, uint64_t *counts); /* adds to counts[EXCHANGE_COUNT] */
/* Nothing more is seen: the thread ends; over files what was not seen is told, then listen_pump() once more. */
void listen_end(struct listen *listen, uint64_t first, uint64_t last, uint64_t packets, uint64_t lost);
void listen_close(struct listen *listen); /* accepts NULL */

#endif
