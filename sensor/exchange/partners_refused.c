/*
 * What partners told and we did not take, a line each, for the operator: OUTDIR/partners-refused.jsonl and the one
 * before it with
 * ".1", partners.refused_max each; a hundred lines a second at most, so that a flood costs no disk.  The thread of
 * partners.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "exchange/partners_own.h"

#define LINES_A_SECOND 100

struct refused {
	char *path, *before;
	FILE *file; /* NULL: not open now */
	uint64_t size, max;
	unsigned lines; /* in this second */
};

struct refused *
refused_new(const struct conf *conf, const char *outdir)
{
	struct refused *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->max = conf->partners_refused_max;
	if (asprintf(&r->path, "%s/partners-refused.jsonl", outdir) < 0)
		r->path = NULL;
	if (asprintf(&r->before, "%s/partners-refused.jsonl.1", outdir) < 0)
		r->before = NULL;
	if (r->path != NULL && r->before != NULL)
		return r;
	refused_free(r);
	return NULL;
}

void
refused_free(struct refused *r)
{
	if (r == NULL)
		return;
	if (r->file != NULL)
		fclose(r->file);
	free(r->path);
	free(r->before);
	free(r);
}

void
refused_second(struct refused *r)
{
	r->lines = 0;
}

static bool
ready(struct refused *r)
{
	struct stat about;

	if (r->file != NULL && r->size > r->max) {
		fclose(r->file);
		r->file = NULL;
		(void)rename(r->path, r->before);
	}
	if (r->file == NULL && (r->file = fopen(r->path, "ae")) != NULL) {
		(void)fchmod(fileno(r->file), 0600);
		r->size = fstat(fileno(r->file), &about) == 0 ? (uint64_t)about.st_size : 0;
	}
	return r->file != NULL;
}

void
refused_note(struct refused *r, enum exchange_count reason, const char *source, const struct cc_message *msg,
    const struct told *told)
{
	char line[8192], time[40];
	struct buf out;
	struct json json = json_into(&out);

	if (r->lines >= LINES_A_SECOND || !ready(r))
		return;
	r->lines++;
	buf_over(&out, line, sizeof(line));
	json_object(&json, NULL);
	json_text(&json, "time", time_rfc3339_text(time_now(), time));
	json_text(&json, "reason", exchange_count_name[reason]);
	json_text(&json, "source", source);
	json_string(&json, "message", message_header(msg, "ce_id"));
	if (told != NULL && told->known) {
		json_text(&json, "kind", record_kind_text(told->kind));
		json_string(&json, "value", slice_of(told->value, told->size < 1000 ? told->size : 1000));
	}
	json_end_object(&json);
	buf_add_u8(&out, '\n');
	if (!out.full && fwrite(line, 1, out.size, r->file) == out.size && fflush(r->file) == 0)
		r->size += out.size;
}
