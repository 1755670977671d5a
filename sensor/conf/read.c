/*
 * concert.yaml: libyaml's document, walked once; every problem is told with file:line, not only the first.
 *
 * A mapping's keys are joined by dots until a key of the table is met, so that `flow: {max: 10}` and `flow.max: 10` are
 * one.  A sequence is a list.  Comes in at start and at reload; input by the operator, still bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/base.h"
#include "conf/conf.h"
#include "conf/keys.h"

#define FILE_MAX (16u << 20) /* a configuration larger than this is a mistake */
#define NAME_MAX_SIZE 256
#define DEPTH_MAX 8
#define PROBLEMS_MAX 100 /* then the rest is not looked at: an alias in its own mapping would have millions */

struct reading {
	struct conf *conf;
	yaml_document_t *doc;
	const char *path;
	struct buf *why;
	unsigned problems;
};

static void
say(struct reading *r, const yaml_node_t *node, const char *text)
{
	if (r->problems++ > 0)
		buf_add_u8(r->why, '\n');
	buf_printf(r->why, "%s:%zu: %s", r->path, node->start_mark.line + 1, text);
}

static void
put(struct reading *r, const yaml_node_t *node, const char *name, const char *text)
{
	char problem[1024];
	struct buf why;

	buf_over(&why, problem, sizeof(problem) - 1);
	if (conf_put(r->conf, name, text, &why) != CC_OK) {
		problem[why.size] = '\0';
		say(r, node, why.size > 0 ? problem : "out of memory");
	}
}

/* "[a,b]": the form in which lists travel as text. */
static void
put_sequence(struct reading *r, const yaml_node_t *node, const char *name)
{
	struct buf text;

	buf_open(&text, FILE_MAX);
	buf_add_u8(&text, '[');
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		const yaml_node_t *one = yaml_document_get_node(r->doc, *item);

		if (one->type != YAML_SCALAR_NODE) {
			say(r, one, "a list here may only hold words");
			continue;
		}
		if (text.size > 1)
			buf_add_u8(&text, ',');
		buf_add(&text, one->data.scalar.value, one->data.scalar.length);
	}
	buf_add(&text, "]", 2);
	if (!text.full)
		put(r, node, name, (const char *)text.p);
	buf_close(&text);
}

static void
walk(struct reading *r, const yaml_node_t *node, const char *name, unsigned depth)
{
	char below[NAME_MAX_SIZE];

	if (r->problems >= PROBLEMS_MAX)
		return;
	if (node->type == YAML_SCALAR_NODE) {
		if (depth > 0 && !(node->data.scalar.length == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
			put(r, node, name, (const char *)node->data.scalar.value);
		return;
	}
	if (node->type == YAML_SEQUENCE_NODE) {
		put_sequence(r, node, name);
		return;
	}
	if (depth > DEPTH_MAX) {
		say(r, node, "nested too deep");
		return;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(r->doc, pair->key);
		const yaml_node_t *value = yaml_document_get_node(r->doc, pair->value);
		int size;

		if (key->type != YAML_SCALAR_NODE) {
			say(r, key, "a key must be a word");
			continue;
		}
		size = snprintf(below, sizeof(below), "%s%s%s", name, *name != '\0' ? "." : "", key->data.scalar.value);
		if (size < 0 || (size_t)size >= sizeof(below)) {
			say(r, key, "this key is too long");
			continue;
		}
		walk(r, value, below, depth + 1);
	}
}

static enum cc_status
read_document(struct reading *r, FILE *file)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	yaml_node_t *root;

	if (!yaml_parser_initialize(&parser))
		return CC_NOMEM;
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &doc)) {
		buf_printf(r->why, "%s:%zu: %s", r->path, parser.problem_mark.line + 1,
		    parser.problem != NULL ? parser.problem : "not YAML");
		yaml_parser_delete(&parser);
		return CC_BAD;
	}
	r->doc = &doc;
	root = yaml_document_get_root_node(&doc);
	if (root != NULL && root->type != YAML_MAPPING_NODE &&
	    !(root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
		say(r, root, "a configuration is a mapping of keys to values");
	else if (root != NULL)
		walk(r, root, "", 0);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	return r->problems == 0 ? CC_OK : CC_BAD;
}

enum cc_status
conf_read(struct conf *conf, const char *path, char **ret_why)
{
	struct buf why;
	struct reading r = {.conf = conf, .path = path, .why = &why};
	FILE *file = fopen(path, "re");
	enum cc_status st = CC_IO;

	buf_open(&why, 1u << 20);
	if (file == NULL) {
		buf_printf(&why, "%s: %s", path, strerror(errno));
	} else if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > (long)FILE_MAX) {
		buf_printf(&why, "%s: larger than %u MiB: not a configuration", path, FILE_MAX >> 20);
		st = CC_BAD;
	} else {
		rewind(file);
		st = read_document(&r, file);
	}
	if (file != NULL)
		fclose(file);
	*ret_why = conf_why(&why);
	return st;
}
