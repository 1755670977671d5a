/*
 * Keys by table: defaults, setting one from text, what is wrong with a value in words.
 *
 * Text comes in (a default, --set, a YAML scalar), a member of struct conf goes out.  Runs at start and at reload.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "conf/keys.h"

#define NONE NULL, NULL, NULL
#define MEMBER(m) offsetof(struct conf, m)

const struct conf_key conf_key[] = {
#define PRESET(name, value)
#define SECTION(name, help) {KEY_SECTION, name, 0, NULL, NONE, help},
#define UINT(member, key, def, min, max, help) {KEY_UINT, key, MEMBER(member), def, min, max, NULL, help},
#define SIZE(member, key, def, min, max, help) {KEY_SIZE, key, MEMBER(member), def, min, max, NULL, help},
#define TIME(member, key, def, min, max, help) {KEY_TIME, key, MEMBER(member), def, min, max, NULL, help},
#define FLAG(member, key, def, help) {KEY_FLAG, key, MEMBER(member), #def, NONE, help},
#define TEXT(member, key, def, help) {KEY_TEXT, key, MEMBER(member), def, NONE, help},
#define ENUM(member, key, def, words, help) {KEY_ENUM, key, MEMBER(member), def, NULL, NULL, words, help},
#define LIST(member, key, help) {KEY_LIST, key, MEMBER(member), NULL, NONE, help},
#define MAP(member, key, help) {KEY_MAP, key, MEMBER(member), NULL, NONE, help},
#include "conf/conf.def"
#undef SECTION
#undef UINT
#undef SIZE
#undef TIME
#undef FLAG
#undef TEXT
#undef ENUM
#undef LIST
#undef MAP
#undef PRESET
};

static const struct {
	const char *name, *value;
} preset[] = {
#define PRESET(name, value) {name, value},
#define SECTION(name, help)
#define UINT(member, key, def, min, max, help)
#define SIZE(member, key, def, min, max, help)
#define TIME(member, key, def, min, max, help)
#define FLAG(member, key, def, help)
#define TEXT(member, key, def, help)
#define ENUM(member, key, def, words, help)
#define LIST(member, key, help)
#define MAP(member, key, help)
#include "conf/conf.def"
#undef PRESET
#undef SECTION
#undef UINT
#undef SIZE
#undef TIME
#undef FLAG
#undef TEXT
#undef ENUM
#undef LIST
#undef MAP
};
const size_t conf_key_count = sizeof(conf_key) / sizeof(conf_key[0]);

void *
conf_member(const struct conf *conf, const struct conf_key *key)
{
	return (char *)(uintptr_t)conf + key->offset;
}

static enum cc_status
number_parse(enum conf_type type, const char *text, uint64_t *ret_value)
{
	if (type == KEY_SIZE)
		return size_parse(text, ret_value);
	if (type == KEY_TIME)
		return duration_parse(text, ret_value);
	return uint_parse(text, ret_value);
}

static enum cc_status
set_number(const struct conf_key *key, uint64_t *member, const char *text, struct buf *why)
{
	uint64_t value, least, most;

	if (number_parse(key->type, text, &value) != CC_OK) {
		buf_printf(why, "%s: '%s' is not a %s", key->name, text,
		    key->type == KEY_UINT    ? "number"
		    : key->type == KEY_SIZE ? "size (64k, 16m, 1g)"
					    : "duration (200ms, 30s, 5m, 1d)");
		return CC_BAD;
	}
	if (number_parse(key->type, key->least, &least) != CC_OK || number_parse(key->type, key->most, &most) != CC_OK)
		abort(); /* the table is wrong: its own defaults go through here at every start */
	if (value < least || value > most) {
		buf_printf(why, "%s: %s is out of range, %s to %s", key->name, text, key->least, key->most);
		return CC_BAD;
	}
	*member = value;
	return CC_OK;
}

static enum cc_status
set_flag(const struct conf_key *key, bool *member, const char *text, struct buf *why)
{
	static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*member = strcmp(text, yes[i]) == 0;
			return CC_OK;
		}
	}
	buf_printf(why, "%s: '%s' is neither yes nor no", key->name, text);
	return CC_BAD;
}

static enum cc_status
set_enum(const struct conf_key *key, int *member, const char *text, struct buf *why)
{
	const char *word = key->words;
	size_t size = strlen(text);

	for (int i = 0; *word != '\0'; i++) {
		size_t word_size = strcspn(word, "|");

		if (word_size == size && memcmp(word, text, size) == 0) {
			*member = i;
			return CC_OK;
		}
		word += word_size + (word[word_size] == '|');
	}
	buf_printf(why, "%s: '%s' is none of %s", key->name, text, key->words);
	return CC_BAD;
}

static enum cc_status
list_add(struct conf_list *list, const char *text, size_t size)
{
	char **item = realloc(list->item, (list->count + 1) * sizeof(*item));

	if (item == NULL)
		return CC_NOMEM;
	list->item = item;
	item[list->count] = strndup(text, size);
	if (item[list->count] == NULL)
		return CC_NOMEM;
	list->count++;
	return CC_OK;
}

static void
list_clear(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct conf_list){NULL, 0};
}

/* "a", "a,b" or "[a, b]". */
static enum cc_status
set_list(struct conf_list *list, const char *text)
{
	size_t size = strlen(text);

	list_clear(list);
	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	for (const char *end = text + size; text < end;) {
		const char *stop = memchr(text, ',', (size_t)(end - text));
		const char *next = stop != NULL ? stop + 1 : end;

		if (stop == NULL)
			stop = end;
		while (text < stop && *text == ' ')
			text++;
		while (stop > text && stop[-1] == ' ')
			stop--;
		if (stop > text && list_add(list, text, (size_t)(stop - text)) != CC_OK)
			return CC_NOMEM;
		text = next;
	}
	return CC_OK;
}

static enum cc_status
map_set(struct conf_map *pairs, const char *name, const char *text)
{
	struct conf_pair *pair;
	char *value = strdup(text);

	if (value == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->pair[i].key, name) == 0) {
			free(pairs->pair[i].value);
			pairs->pair[i].value = value;
			return CC_OK;
		}
	}
	pair = realloc(pairs->pair, (pairs->count + 1) * sizeof(*pair));
	if (pair == NULL) {
		free(value);
		return CC_NOMEM;
	}
	pairs->pair = pair;
	pair[pairs->count].key = strdup(name);
	pair[pairs->count].value = value;
	if (pair[pairs->count].key == NULL) {
		free(value);
		return CC_NOMEM;
	}
	pairs->count++;
	return CC_OK;
}

static void
map_clear(struct conf_map *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->pair[i].key);
		free(pairs->pair[i].value);
	}
	free(pairs->pair);
	*pairs = (struct conf_map){NULL, 0};
}

/* The key itself, or the map that name is a member of; NULL: no such key. */
static const struct conf_key *
key_find(const char *name, const char **ret_rest)
{
	*ret_rest = NULL;
	for (size_t i = 0; i < conf_key_count; i++) {
		size_t size = strlen(conf_key[i].name);

		if (conf_key[i].type == KEY_SECTION)
			continue;
		if (strcmp(conf_key[i].name, name) == 0)
			return &conf_key[i];
		if (conf_key[i].type == KEY_MAP && strncmp(conf_key[i].name, name, size) == 0 && name[size] == '.') {
			*ret_rest = name + size + 1;
			return &conf_key[i];
		}
	}
	return NULL;
}

static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[64], na = strlen(a), nb = strlen(b);

	if (nb >= 63 || na >= 63)
		return 64;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

static void
say_unknown(const char *name, struct buf *why)
{
	const char *near = NULL;
	size_t least = 4;

	for (size_t i = 0; i < conf_key_count; i++) {
		size_t d = conf_key[i].type != KEY_SECTION ? edit_distance(name, conf_key[i].name) : 64;

		if (d < least) {
			least = d;
			near = conf_key[i].name;
		}
	}
	buf_printf(why, "no key named '%s'", name);
	if (near != NULL)
		buf_printf(why, " (did you mean '%s'?)", near);
}

enum cc_status
conf_put(struct conf *conf, const char *name, const char *text, struct buf *why)
{
	const char *rest;
	const struct conf_key *key = key_find(name, &rest);
	void *member;
	char *copy;

	if (key == NULL) {
		say_unknown(name, why);
		return CC_BAD;
	}
	member = conf_member(conf, key);
	switch (key->type) {
	case KEY_UINT:
	case KEY_SIZE:
	case KEY_TIME:
		return set_number(key, member, text, why);
	case KEY_FLAG:
		return set_flag(key, member, text, why);
	case KEY_ENUM:
		return set_enum(key, member, text, why);
	case KEY_LIST:
		return set_list(member, text);
	case KEY_TEXT:
		copy = strdup(text);
		if (copy == NULL)
			return CC_NOMEM;
		free(*(char **)member);
		*(char **)member = copy;
		return CC_OK;
	case KEY_MAP:
		if (rest == NULL || *rest == '\0') {
			buf_printf(why, "%s: needs a member, as %s.NAME=VALUE", key->name, key->name);
			return CC_BAD;
		}
		return map_set(member, rest, text);
	case KEY_SECTION:
		break;
	}
	return CC_BAD;
}

struct conf *
conf_new(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	enum cc_status st = CC_OK;
	struct buf why;

	if (conf == NULL)
		return NULL;
	buf_open(&why, 4096);
	for (size_t i = 0; st == CC_OK && i < conf_key_count; i++) {
		if (conf_key[i].def != NULL)
			st = conf_put(conf, conf_key[i].name, conf_key[i].def, &why);
	}
	for (size_t i = 0; st == CC_OK && i < sizeof(preset) / sizeof(preset[0]); i++)
		st = conf_put(conf, preset[i].name, preset[i].value, &why);
	buf_close(&why);
	if (st == CC_BAD)
		abort(); /* a default that its own range refuses */
	if (st == CC_OK)
		return conf;
	conf_free(conf);
	return NULL;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf_key_count; i++) {
		void *member = conf_member(conf, &conf_key[i]);

		if (conf_key[i].type == KEY_TEXT)
			free(*(char **)member);
		else if (conf_key[i].type == KEY_LIST)
			list_clear(member);
		else if (conf_key[i].type == KEY_MAP)
			map_clear(member);
	}
	free(conf);
}

char *
conf_why(struct buf *why)
{
	char *text = why->size > 0 ? strndup((const char *)why->p, why->size) : NULL;

	buf_close(why);
	return text;
}

enum cc_status
conf_set(struct conf *conf, const char *assignment, char **ret_why)
{
	const char *equals = strchr(assignment, '=');
	enum cc_status st = CC_BAD;
	struct buf why;
	char *name;

	buf_open(&why, 65536);
	if (equals == NULL || equals == assignment) {
		buf_printf(&why, "'%s' is not KEY=VALUE", assignment);
	} else if ((name = strndup(assignment, (size_t)(equals - assignment))) == NULL) {
		st = CC_NOMEM;
	} else {
		st = conf_put(conf, name, equals + 1, &why);
		free(name);
	}
	*ret_why = conf_why(&why);
	return st;
}

enum cc_status
conf_number(const struct conf *conf, const char *name, uint64_t *ret_value)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_key[i];

		if ((key->type == KEY_UINT || key->type == KEY_SIZE || key->type == KEY_TIME) &&
		    strcmp(key->name, name) == 0) {
			*ret_value = *(const uint64_t *)conf_member(conf, key);
			return CC_OK;
		}
	}
	return CC_ABSENT;
}

const char *
conf_map_get(const struct conf_map *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->pair[i].key, key) == 0)
			return pairs->pair[i].value;
	}
	return NULL;
}
