/*
 * The contract of a rule keyword: one const descriptor in a file of this folder, one line in detect/keywords.def.  Its
 * help text becomes the manual.  Parsing only: what runs per packet are the ops and checks that it leaves in the build.
 */
#ifndef DETECT_KW_H
#define DETECT_KW_H

#include "detect/own.h"

enum {
	KW_VALUE = 1,    /* must have a value */
	KW_NO_VALUE = 2, /* must have none */
	KW_QUOTED = 4,   /* the value must stand in quotes */
	KW_NEGATE = 8,   /* "!" may stand before it; without this it is part of the value */
	KW_STICKY = 16,  /* names a buffer */
};

struct keyword {
	const char *name;
	const char *alias; /* other spellings, by blanks; may be NULL */
	unsigned flags;
	/* value: trimmed, without its quotes. */
	enum cc_status (*parse)(struct build *build, const struct keyword *keyword, struct slice value, bool negated);
	const char *target; /* what the keyword stands for: a buffer's name … */
	const char *help;
};

const struct keyword *keyword_find(struct slice name);
extern const struct keyword *const keyword_table[];
extern const unsigned keyword_count;

/* parse.c: what keywords leave behind. */
struct op *build_op(struct build *build, enum op_kind kind); /* in the buffer in force; NULL: refused */
struct check *build_check(struct build *build, bool (*test)(struct run *, const struct check *), unsigned phase);
struct op *build_op_in(struct build *build, const char *buffer, enum op_kind kind); /* in another; NULL: refused */
struct op *build_last(struct build *build, enum op_kind kind);        /* the last one of the buffer in force, or NULL */
struct op *build_last_content(struct build *build);                   /* the last content of the rule, or NULL */
bool build_follows(const struct build *build);                        /* the last op has one before it in its buffer */
int build_var(struct build *build, struct slice name);                /* -1: no such variable */
int build_var_new(struct build *build, struct slice name);            /* -1: refused */
enum cc_status build_sticky(struct build *build, const char *buffer); /* sets the buffer in force */
/* The transforms so far become part of the buffer in force. */
enum cc_status build_buffer_settle(struct build *build);
enum cc_status content_add(struct build *build, struct slice value, bool negated);
enum cc_status content_add_in(struct build *build, const char *buffer, struct slice value, bool negated);
/* content.c: text with |hex| to bytes, of which there are at most as many. */
enum cc_status content_bytes(struct build *build, struct slice text, uint8_t *out, uint16_t *ret_size);
/* captured.c: the groups of op's expression that are kept; text: what stands behind its flags. */
enum cc_status captures_parse(struct build *build, struct op *op, struct slice text);
/* snort.c: what stands behind a content's comma. */
enum cc_status content_modifiers(struct build *build, struct slice text);
/* unknown.c: why a keyword isn't there, or which may be meant; always CC_BAD. */
enum cc_status unknown_refuse(struct build *build, struct slice name);
enum cc_status number_or_refuse(struct build *build, struct slice value, uint64_t max, struct number *ret_number);
void *build_take(struct build *build, size_t size); /* ruleset memory; NULL: refused */
enum cc_status name_id(
    struct build *build, char kind, struct slice name, uint32_t *ret_id); /* flowbits and their like */
enum cc_status packet_check(struct build *build, const struct keyword *keyword,
    bool (*test)(struct run *, const struct check *), struct slice value, uint64_t max);

#endif
