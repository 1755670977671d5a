/*
 * Address prefixes with a word each, found by the longest match: a hundred thousand and more, a look-up in as many
 * steps as there are prefix lengths in use.  Built once, then read by any thread.
 */
#ifndef BASE_PREFIXES_H
#define BASE_PREFIXES_H

#include <stddef.h>
#include <stdint.h>

#include "concert/addr.h"
#include "concert/status.h"

struct prefixes;

struct prefixes *prefixes_new(size_t max); /* NULL: no memory */
void prefixes_free(struct prefixes *prefixes);
/* Bits behind the prefix are cut off; one that is there already gets the new word.  CC_FULL: max; CC_NOMEM. */
enum cc_status prefixes_add(struct prefixes *prefixes, const struct cc_prefix *prefix, uint32_t word);
/* The word of the longest prefix that has addr; false: none has it. */
bool prefixes_find(const struct prefixes *prefixes, const struct cc_addr *addr, uint32_t *ret_word);
size_t prefixes_count(const struct prefixes *prefixes);

#endif
