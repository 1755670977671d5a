/* Repeats that are counted and not told yet, kept for the next courier (repeats.c).  The courier's thread. */
#ifndef EXCHANGE_REPEATS_OWN_H
#define EXCHANGE_REPEATS_OWN_H

#include "exchange/exchange.h"

struct repeats;

struct repeats *repeats_new(struct aggregate *aggregate, const char *dir); /* NULL: no memory, no folder */
void repeats_free(struct repeats *repeats);
/* Restores what the one before left; any_run: of another run of the sensor, too.  True: it was this run, and all up to
 * these positions in its rings is settled. */
bool repeats_resume(
    struct repeats *repeats, uint64_t run, bool any_run, uint64_t *ret_position, unsigned count);
/* What is counted now, with all read up to there; goes to disk by repeats_write(). */
void repeats_mark(struct repeats *repeats, const uint64_t *position, unsigned count);
void repeats_write(struct repeats *repeats);
void repeats_end(struct repeats *repeats); /* all is told */

#endif
