/*
 * What the courier does with each entry of a ring: an indicator's record to the exchange, a line to the EVE log, a file
 * to OUTDIR/files, evidence to its thread; and what the sensor had looked at by then.  Nothing in an entry is taken on
 * trust: what is malformed is left out, and said.  The courier's one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/courier_own.h"
#include "engine/process.h"

#define COVERAGE_NS (10 * NS_PER_S)        /* live: how often coverage is said anew */

void
courier_say_lost(struct courier *c, const char *what)
{
	if (!c->failed)
		log_error("%s", what);
	c->failed = true;
	__atomic_store_n(&c->shared->courier_failed, 1, __ATOMIC_RELAXED);
}

/* What the sensor had looked at when this was seen: by packet number, so that it does not depend on timing. */
void
courier_coverage_of_files(struct courier *c, uint64_t key, uint64_t until)
{
	char text[256], from_text[40], until_text[40];
	uint64_t from = c->shared->first_time < until ? c->shared->first_time : until; /* files may go back in time */
	struct buf out;

	if (key >= KEY_END)
		key = 0;
	buf_over(&out, text, sizeof(text));
	buf_printf(&out, "{\"from\":\"%s\",\"until\":\"%s\"", time_rfc3339_text(from, from_text),
	    time_rfc3339_text(until, until_text));
	if (key > 0)
		buf_printf(&out, ",\"packets\":%llu", (unsigned long long)(key / 2));
	buf_add_text(&out, ",\"lost_kernel\":0,\"lost_interface\":0,\"lost_ring\":0}");
	exchange_coverage(c->exchange, buf_slice(&out));
}

/* To the memory of what was looked at, an hour a span; packets and lost are those since the start. */
void
courier_remember_coverage(struct courier *c, uint64_t now, uint64_t packets, uint64_t lost)
{
	const uint64_t hour = 3600 * NS_PER_S;

	if (c->span == 0 || now < c->span || packets < c->span_packets || lost < c->span_lost) {
		c->span = now;
		c->span_packets = packets;
		c->span_lost = lost;
		return;
	}
	listen_coverage(c->listen, c->span, now, packets - c->span_packets, lost - c->span_lost);
	if (now / hour != c->span / hour) {
		c->span = now;
		c->span_packets = packets;
		c->span_lost = lost;
	}
}

uint64_t
courier_lost(const uint64_t *counts)
{
	return counts[AT_CAPTURE + CAPTURE_KERNEL_DROPS] + counts[AT_CAPTURE + CAPTURE_INTERFACE_DROPS] +
	       counts[AT_ENGINE + ENGINE_RING_LOST_ALERT] + counts[AT_ENGINE + ENGINE_RING_LOST_SIGHTING] +
	       counts[AT_ENGINE + ENGINE_RING_LOST_EVENT];
}

void
courier_coverage_live(struct courier *c, uint64_t now)
{
	uint64_t counts[COUNTS_ALL];
	char text[512], from_text[40], until_text[40];
	struct buf out;

	if (c->covered != 0 && now - c->covered < COVERAGE_NS)
		return;
	c->covered = now;
	shared_counts(c->shared, counts);
	buf_over(&out, text, sizeof(text));
	buf_printf(&out,
	    "{\"from\":\"%s\",\"until\":\"%s\",\"packets\":%llu,\"lost_kernel\":%llu,\"lost_interface\":%llu,\"lost_"
	    "ring\":%llu}",
	    time_rfc3339_text(c->shared->started, from_text), time_rfc3339_text(now, until_text),
	    (unsigned long long)counts[AT_CAPTURE + CAPTURE_PACKETS],
	    (unsigned long long)counts[AT_CAPTURE + CAPTURE_KERNEL_DROPS],
	    (unsigned long long)counts[AT_CAPTURE + CAPTURE_INTERFACE_DROPS],
	    (unsigned long long)(counts[AT_ENGINE + ENGINE_RING_LOST_ALERT] +
				 counts[AT_ENGINE + ENGINE_RING_LOST_SIGHTING] +
				 counts[AT_ENGINE + ENGINE_RING_LOST_EVENT]));
	exchange_coverage(c->exchange, buf_slice(&out));
	if (__atomic_load_n(&c->shared->inspect_ready, __ATOMIC_RELAXED) != 0)
		courier_remember_coverage(c, now, counts[AT_CAPTURE + CAPTURE_PACKETS], courier_lost(counts));
	else
		c->span = 0;
}

/* What a piece stands behind. */
static void
note_evidence(struct courier *c, const struct cc_record *rec)
{
	char text[2300];
	struct buf out;

	buf_over(&out, text, sizeof(text));
	buf_printf(&out, "%s:", record_kind_text(rec->kind));
	buf_add_slice(&out, rec->value);
	if (!pieces_note(c->pieces, rec->evidence_sha256, buf_slice(&out)))
		courier_say_lost(c, "not enough memory for what a piece of evidence stands behind");
}

static void
take_evidence(struct courier *c, const struct head *head)
{
	struct cur cur = cur_slice(head->body);
	uint64_t time = cur_u64(&cur);
	const uint8_t *sha256 = cur_bytes(&cur, 32);

	if (cur.bad)
		courier_say_lost(c, "a piece of evidence that inspect sent is malformed: left out");
	else if (!pieces_put(c->pieces, sha256, slice_of(cur.p, cur_left(&cur)), time))
		courier_say_lost(c, "not enough memory for a piece of evidence: left out");
}

static void
take_record(struct courier *c, const struct head *head)
{
	struct cc_record rec;

	if (record_decode(head->body, &rec) != CC_OK) {
		courier_say_lost(c, "a record that inspect sent is malformed: left out");
		return;
	}
	if (!c->live)
		courier_coverage_of_files(c, head->key, rec.last);
	c->shared->records++;
	listen_record(c->listen, &rec);
	if (c->pieces != NULL && rec.evidence_size > 0)
		note_evidence(c, &rec);
	if (exchange_record(c->exchange, &rec) != CC_OK)
		courier_say_lost(c, "an indicator could not be spooled; see the message before this one");
}

/* Bytes that earlier runs kept: files.store_max is for all of them. */
uint64_t
courier_stored_before(const char *outdir)
{
	char dir[4096], *const paths[] = {process_path(outdir, "files", dir, sizeof(dir)), NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t sum = 0;
	FTSENT *entry;

	while (tree != NULL && (entry = fts_read(tree)) != NULL) {
		if (entry->fts_info == FTS_F)
			sum += (uint64_t)entry->fts_statp->st_size;
	}
	if (tree != NULL)
		fts_close(tree);
	return sum;
}

/* OUTDIR/files/ab/abcd…: by hash, once; written beside and renamed, so that a name means a whole file. */
static void
take_file(struct courier *c, const struct head *head)
{
	char hex[65], dir[4096], path[4200], part[4208];
	struct slice content = slice_of(head->body.p + 32, head->body.size - 32);
	uint8_t digest[32];
	bool done;
	int fd;

	sha256_of(content, digest);
	if (memcmp(digest, head->body.p, 32) != 0)
		return;
	hex_text(slice_of(digest, 32), hex);
	process_path(c->outdir, "files", dir, sizeof(dir) - 4);
	mkdir(dir, 0750);
	snprintf(dir + strlen(dir), 4, "/%.2s", hex);
	mkdir(dir, 0750);
	snprintf(path, sizeof(path), "%s/%s", dir, hex);
	snprintf(part, sizeof(part), "%s.part", path);
	if (access(path, F_OK) == 0)
		return;
	if (c->stored + content.size > c->conf->files_store_max) {
		if (!c->store_full)
			log_warning("files.store_max is used up: extracted files are not kept any more");
		c->store_full = true;
		return;
	}
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	done = fd >= 0 && write(fd, content.p, content.size) == (ssize_t)content.size && rename(part, path) == 0;
	if (!done) {
		log_error("%s: %s", path, strerror(errno));
		courier_say_lost(c, "an extracted file could not be kept");
		unlink(part);
	}
	if (fd >= 0)
		close(fd);
	if (done)
		c->stored += content.size;
}

static void
take_line(struct courier *c, const struct head *head)
{
	static const char alert[] = "\"event_type\":\"alert\"";

	c->shared->events++;
	if (memmem(head->body.p, head->body.size < 256 ? head->body.size : 256, alert, sizeof(alert) - 1) != NULL)
		c->shared->alerts++;
	if (c->eve != NULL && evelog_line(c->eve, head->body) != CC_OK)
		courier_say_lost(c, "the EVE log could not be written: lines are missing from it");
}

static void
take_entry(struct courier *c, const struct head *head)
{
	switch (head->kind) {
	case RING_RECORD:
		take_record(c, head);
		break;
	case RING_EVE:
		take_line(c, head);
		break;
	case RING_FILE:
		if (head->body.size > 32)
			take_file(c, head);
		break;
	case RING_EVIDENCE:
		take_evidence(c, head);
		break;
	case RING_SEEN:
		if (listen_seen(c->listen, head->body) != CC_OK)
			courier_say_lost(c, "what inspect says of addresses is malformed: left out");
		break;
	case RING_NOTE:
		log_notice("%.*s", (int)head->body.size, (const char *)head->body.p);
		break;
	default:
		courier_say_lost(c, "an entry of an unknown kind is in a ring: left out");
	}
}

/* A writer that turned bad could still change an entry while it is read: what is acted on is a copy. */
void
courier_take(struct courier *c, const struct head *head)
{
	struct head mine = *head;

	if (mine.body.size > c->copy_room) {
		uint8_t *copy = realloc(c->copy, mine.body.size);

		if (copy == NULL) {
			courier_say_lost(c, "not enough memory for an entry: left out");
			return;
		}
		c->copy = copy;
		c->copy_room = mine.body.size;
	}
	if (mine.body.size > 0)
		memcpy(c->copy, mine.body.p, mine.body.size);
	mine.body.p = c->copy;
	take_entry(c, &mine);
}
