/*
 * The configuration: one table of keys (conf.def), one immutable struct made of it.
 *
 * Every key has a name, a type, a default, a range and a sentence; the reference (`concert --reference`) is printed
 * from the same table.  Read at start and at reload, then shared by all threads without locks.  Strings belong to the
 * conf.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "concert/status.h"

struct conf_list {
	char **item;
	size_t count;
};

struct conf_pair {
	char *key, *value; /* a list value is kept as "[a,b,c]" */
};

struct conf_map {
	struct conf_pair *pair;
	size_t count;
};

/* One member for each key of conf.def, named by its first column. */
struct conf {
#define SECTION(name, help)
#define PRESET(name, value)
#define UINT(member, key, def, min, max, help) uint64_t member;
#define SIZE(member, key, def, min, max, help) uint64_t member; /* bytes */
#define TIME(member, key, def, min, max, help) uint64_t member; /* ns */
#define FLAG(member, key, def, help) bool member;
#define TEXT(member, key, def, help) char *member;
#define ENUM(member, key, def, words, help) int member; /* index into words, split at '|' */
#define LIST(member, key, help) struct conf_list member;
#define MAP(member, key, help) struct conf_map member;
#include "conf/conf.def"
#undef SECTION
#undef PRESET
#undef UINT
#undef SIZE
#undef TIME
#undef FLAG
#undef TEXT
#undef ENUM
#undef LIST
#undef MAP
};

/* All defaults.  NULL: no memory. */
struct conf *conf_new(void);
void conf_free(struct conf *conf);

/* Reads a YAML file over what is there.  CC_BAD, CC_IO: *ret_why (malloc) says file:line and what is wrong, for every
 * problem. */
enum cc_status conf_read(struct conf *conf, const char *path, char **ret_why);
/* "key=value" as of --set; a map member is "vars.address.HOME_NET=[10.0.0.0/8]". */
enum cc_status conf_set(struct conf *conf, const char *assignment, char **ret_why);
/* A number by its key ("http.body_limit"): for parsers' cc_limit(). CC_ABSENT: no such numeric key. */
enum cc_status conf_number(const struct conf *conf, const char *key, uint64_t *ret_value);
const char *conf_map_get(const struct conf_map *map, const char *key); /* NULL: not there */

/* The whole configuration back as YAML; the reference as Markdown. */
void conf_print(const struct conf *conf, FILE *out);
void conf_reference(FILE *out);

#endif
