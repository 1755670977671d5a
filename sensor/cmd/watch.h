/* What the files of concert watch share. */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "exchange/exchange.h"

struct health_table;
struct health_table *health_new(void);
void health_free(struct health_table *table);
void health_take(struct health_table *table, const struct cc_message *msg, const struct verified *verified);
void health_print(struct health_table *table, uint64_t now, bool as_json);

#endif
