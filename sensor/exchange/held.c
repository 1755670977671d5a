/*
 * What did not leave, and why: a line of JSON each in OUTDIR/held-back.jsonl, for the operator alone.  Two files, the
 * older one gives way.  Nothing is read back.  The courier's thread.
 */
#include "exchange/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct held {
	char *path, *before;
	uint64_t max;
	FILE *file;
	uint64_t size;
	bool trouble;
	struct buf line;
};

struct held *
held_new(const struct conf *conf, const char *outdir)
{
	struct held *held = calloc(1, sizeof(*held));

	if (held == NULL)
		return NULL;
	held->max = conf->exchange_held_max;
	buf_open(&held->line, 65536);
	if (asprintf(&held->path, "%s/held-back.jsonl", outdir) < 0)
		held->path = NULL;
	if (asprintf(&held->before, "%s/held-back.jsonl.1", outdir) < 0)
		held->before = NULL;
	if (held->path == NULL || held->before == NULL) {
		held_free(held);
		return NULL;
	}
	return held;
}

void
held_free(struct held *held)
{
	if (held == NULL)
		return;
	if (held->file != NULL)
		fclose(held->file);
	free(held->path);
	free(held->before);
	buf_close(&held->line);
	free(held);
}

/* The file to write to, the old one out of the way when it is full. */
static bool
ready(struct held *held, size_t more)
{
	struct stat about;

	if (held->file != NULL && held->size + more > held->max) {
		fclose(held->file);
		held->file = NULL;
		(void)rename(held->path, held->before);
	}
	if (held->file == NULL) {
		held->file = fopen(held->path, "ae");
		if (held->file == NULL)
			return false;
		(void)fchmod(fileno(held->file), 0600);
		held->size = fstat(fileno(held->file), &about) == 0 ? (uint64_t)about.st_size : 0;
	}
	return true;
}

void
held_note(struct held *held, const struct cc_record *rec, const char *topic, const char *reason)
{
	struct json json = json_into(&held->line);
	char time[40];
	bool good;

	buf_clear(&held->line);
	json_object(&json, NULL);
	json_text(&json, "time", time_rfc3339_text(rec->last, time));
	json_text(&json, "topic", topic);
	json_text(&json, "reason", reason);
	json_text(&json, "tlp", record_tlp_text(rec->tlp));
	json_text(&json, "kind", record_kind_text(rec->kind));
	json_string(&json, "value", rec->value);
	if (rec->rule_name.size > 0)
		json_string(&json, "rule", rec->rule_name);
	json_end_object(&json);
	buf_add_u8(&held->line, '\n');
	good = !held->line.full && ready(held, held->line.size) &&
	       fwrite(held->line.p, 1, held->line.size, held->file) == held->line.size && fflush(held->file) == 0;
	held->size += held->line.size;
	if (!good && !held->trouble)
		log_error("%s: %s: what is held back is counted and not listed", held->path, strerror(errno));
	held->trouble = !good;
}
