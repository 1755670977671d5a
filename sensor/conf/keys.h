/* conf's own: the table of keys as data, for reading and printing. */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "base/base.h"
#include "conf/conf.h"

enum conf_type { KEY_SECTION, KEY_UINT, KEY_SIZE, KEY_TIME, KEY_FLAG, KEY_TEXT, KEY_ENUM, KEY_LIST, KEY_MAP };

struct conf_key {
	enum conf_type type;
	const char *name;
	size_t offset;
	const char *def, *least, *most, *words, *help;
};

extern const struct conf_key conf_key[];
extern const size_t conf_key_count;

void *conf_member(const struct conf *conf, const struct conf_key *key);
/* Sets one key, or a member of a map, from text.  CC_BAD: why says what is wrong, without a place. */
enum cc_status conf_put(struct conf *conf, const char *name, const char *text, struct buf *why);
/* The text of why as malloc memory (NULL when empty); closes why. */
char *conf_why(struct buf *why);

#endif
