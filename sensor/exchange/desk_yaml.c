/*
 * YAML as JSON: what operators write by hand (contacts entry, policy) is read by the code that reads the same from a
 * message.  Every scalar is a string.  JSON is YAML, so a file may be that.  Any thread.
 */
#include "exchange/desk_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 12
#define NODES_MAX 20000
#define FILE_MAX (1u << 20)

struct turn {
	yaml_document_t *doc;
	const char *path;
	unsigned nodes;
	char **ret_why;
};

static json_t *
fail(struct turn *turn, const yaml_node_t *node, const char *what)
{
	if (*turn->ret_why == NULL &&
	    asprintf(turn->ret_why, "%s:%zu: %s", turn->path, node->start_mark.line + 1, what) < 0)
		*turn->ret_why = NULL;
	return NULL;
}

/* Aliases may point to what holds them: depth and number of nodes end that. */
static json_t *
value_of(struct turn *turn, const yaml_node_t *node, unsigned depth)
{
	json_t *value;

	if (++turn->nodes > NODES_MAX || depth > DEPTH_MAX)
		return fail(turn, node, "this is too deep, or too much");
	if (node->type == YAML_SCALAR_NODE) {
		value = json_stringn((const char *)node->data.scalar.value, node->data.scalar.length);
		return value != NULL ? value : fail(turn, node, "this is no UTF-8 text");
	}
	if (node->type == YAML_SEQUENCE_NODE) {
		value = json_pack("[]");
		for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
		     item++) {
			json_t *one = value_of(turn, yaml_document_get_node(turn->doc, *item), depth + 1);

			if (one == NULL || json_array_append_new(value, one) != 0) {
				json_decref(value);
				return NULL;
			}
		}
		return value;
	}
	value = json_pack("{}");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(turn->doc, pair->key);
		const char *text = name->type == YAML_SCALAR_NODE ? (const char *)name->data.scalar.value : NULL;
		json_t *one = NULL;

		if (text == NULL || strlen(text) != name->data.scalar.length)
			(void)fail(turn, name, "a name is a word");
		else if (json_object_get(value, text) != NULL)
			(void)fail(turn, name, "this name stands here twice");
		else
			one = value_of(turn, yaml_document_get_node(turn->doc, pair->value), depth + 1);
		if (one == NULL || json_object_set_new(value, text, one) != 0) {
			(void)fail(turn, name, "this name is no UTF-8 text");
			json_decref(value);
			return NULL;
		}
	}
	return value;
}

enum cc_status
desk_yaml(const char *path, json_t **ret_value, char **ret_why)
{
	struct turn turn = {.path = path, .ret_why = ret_why};
	FILE *file = fopen(path, "re");
	char *text = file != NULL ? malloc(FILE_MAX) : NULL;
	size_t size = text != NULL ? fread(text, 1, FILE_MAX, file) : 0;
	bool broken = file == NULL || ferror(file);
	yaml_parser_t parser;
	yaml_document_t doc;
	yaml_node_t *root;
	enum cc_status st = CC_BAD;

	*ret_why = NULL;
	*ret_value = NULL;
	if (broken && asprintf(ret_why, "%s: %s", path, strerror(errno)) < 0)
		*ret_why = NULL;
	else if (size == FILE_MAX && asprintf(ret_why, "%s: larger than a megabyte", path) < 0)
		*ret_why = NULL;
	if (file != NULL)
		fclose(file);
	if (broken || text == NULL || size == FILE_MAX) {
		free(text);
		return broken ? CC_IO : text == NULL ? CC_NOMEM : CC_BAD;
	}
	if (!yaml_parser_initialize(&parser)) {
		free(text);
		return CC_NOMEM;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &doc)) {
		if (asprintf(ret_why, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			parser.problem != NULL ? parser.problem : "is no YAML") < 0)
			*ret_why = NULL;
	} else {
		turn.doc = &doc;
		root = yaml_document_get_root_node(&doc);
		if (root == NULL || root->type != YAML_MAPPING_NODE) {
			if (asprintf(ret_why, "%s: has no names with values", path) < 0)
				*ret_why = NULL;
		} else if ((*ret_value = value_of(&turn, root, 0)) != NULL) {
			st = CC_OK;
		}
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	free(text);
	return st;
}
