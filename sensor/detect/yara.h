/*
 * What YARA's two files share: yara_load.c compiles the rules, yara.c scans with them.  Nobody else knows libyara.
 */
#ifndef DETECT_YARA_H
#define DETECT_YARA_H

#include <stdatomic.h>
#include <yara.h>

#include "detect/own.h"

enum { ON_FILE = 1, ON_STREAM = 2 };

struct yara_rule {
	struct rule_info info;
	unsigned on;
};

/* Shared by all workers and threads; the last one frees it. */
struct yara {
	atomic_int holds;
	struct store store;
	YR_RULES *files, *streams; /* the same rules; NULL: none is for it */
	struct yara_rule *rule;    /* by place in the rules' table */
	uint32_t count;
	size_t window;
	uint8_t digest[32]; /* over the files */
	bool whole;         /* all of them were read */
};

/* What rules may ask of a file besides its bytes. */
#define YARA_EXTERNALS 5
extern const char *const yara_external[YARA_EXTERNALS];

#endif
