/* What trust.c and the reader of its file share. */
#ifndef EXCHANGE_TRUST_OWN_H
#define EXCHANGE_TRUST_OWN_H

#include "exchange/sign.h"

/* All of one reading. */
struct trust_content {
	struct trust_organisation *organisation;
	size_t count, room;
	struct trust_key *key;
	size_t *owner; /* index of each key's organisation: pointers come when the list has stopped growing */
	size_t key_count, key_room;
	struct map *by_kid; /* to the key */
};

/* NULL, false: no memory; set_x: or no public key. */
struct trust_organisation *trust_add_organisation(struct trust_content *content, const char *id);
bool trust_add_key(struct trust_content *content, size_t owner, const struct key_entry *entry);
bool trust_set_x(struct trust_key *key, const char *x);
/* trust_read.c: adds what the file has.  CC_BAD, CC_IO: why tells, a line for each problem. */
enum cc_status trust_read_file(const char *path, struct trust_content *content, struct buf *why);

#endif
