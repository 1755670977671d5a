/*
 * Reader, verifier and quarantine in one: messages come out one by one, each with what was found out about it.
 *
 * As many as are there are read and judged together, copied into memory of ours, since that is where the chain saves
 * signatures; nothing waits for more to come.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exchange/jws_own.h"

#define BATCH 4096
#define ROOM (32u << 20) /* of a batch's bytes; a larger message comes alone */

struct inbox {
	struct reader *reader;
	struct verifier *verifier;
	struct quarantine *quarantine;
	struct cc_message msg[BATCH];
	struct verified verified[BATCH];
	size_t count, at;
	uint8_t *memory;
	size_t used, room;
	struct cc_message held; /* read, without room in the batch: the reader's until its next call */
	bool holds, resumes;
	unsigned held_place;
	uint64_t held_next;
	unsigned place[BATCH]; /* of the message, in position */
	uint64_t next[BATCH];
	struct reader_position *position; /* of what was given out */
	size_t positions, position_last;
	enum cc_status status; /* the reader's answer behind the batch; CC_OK: none */
	char why[600];
};

static enum cc_status
open_inbox(const struct conf *conf, const char *from, const char *const *topics, size_t count, bool from_start,
    const struct reader_resume *resume, const struct trust *trust, struct quarantine *quarantine,
    struct inbox **ret_inbox, char **ret_why)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	enum cc_status st;

	*ret_why = NULL;
	if (inbox == NULL)
		return CC_NOMEM;
	inbox->quarantine = quarantine;
	st = verifier_new(conf, trust, &inbox->verifier);
	if (st == CC_OK && resume != NULL)
		st = reader_open_at(conf, from, topics, count, resume, &inbox->reader, ret_why);
	else if (st == CC_OK)
		st = reader_open(conf, from, topics, count, from_start, &inbox->reader, ret_why);
	inbox->resumes = resume != NULL;
	if (st == CC_OK && (inbox->memory = malloc(ROOM)) == NULL)
		st = CC_NOMEM;
	inbox->room = ROOM;
	if (st != CC_OK) {
		inbox_close(inbox);
		return st;
	}
	*ret_inbox = inbox;
	return CC_OK;
}

enum cc_status
inbox_open(const struct conf *conf, const char *from, const char *const *topics, size_t count, bool from_start,
    const struct trust *trust, struct quarantine *quarantine, struct inbox **ret_inbox, char **ret_why)
{
	return open_inbox(conf, from, topics, count, from_start, NULL, trust, quarantine, ret_inbox, ret_why);
}

enum cc_status
inbox_open_at(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    const struct reader_resume *resume, const struct trust *trust, struct quarantine *quarantine,
    struct inbox **ret_inbox, char **ret_why)
{
	return open_inbox(conf, from, topics, count, true, resume, trust, quarantine, ret_inbox, ret_why);
}

struct reader_position *
inbox_positions(struct inbox *inbox, size_t *ret_count)
{
	*ret_count = inbox->positions;
	return inbox->position;
}

bool
inbox_drained(const struct inbox *inbox)
{
	return inbox->at == inbox->count;
}

bool
inbox_full(const struct inbox *inbox)
{
	return inbox->count == BATCH || inbox->holds;
}

struct reader *
inbox_reader(struct inbox *inbox)
{
	return inbox->reader;
}

/* The number of the place that the reader is at; they are asked for one behind the other. */
static enum cc_status
note_where(struct inbox *inbox)
{
	char place[READER_PLACE];
	size_t at = inbox->position_last;

	reader_where(inbox->reader, place, &inbox->held_next);
	if (at >= inbox->positions || strcmp(inbox->position[at].place, place) != 0) {
		for (at = 0; at < inbox->positions && strcmp(inbox->position[at].place, place) != 0; at++)
			;
	}
	if (at == inbox->positions) {
		struct reader_position *more = realloc(inbox->position, (at + 1) * sizeof(*more));

		if (more == NULL)
			return CC_NOMEM;
		inbox->position = more;
		if ((more[at].place = strdup(place)) == NULL)
			return CC_NOMEM;
		more[at].changed = false;
		inbox->positions++;
	}
	inbox->position_last = at;
	inbox->held_place = (unsigned)at;
	return CC_OK;
}

void
inbox_close(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	reader_close(inbox->reader);
	verifier_free(inbox->verifier);
	for (size_t i = 0; i < inbox->positions; i++)
		free(inbox->position[i].place);
	free(inbox->position);
	free(inbox->memory);
	free(inbox);
}

void
inbox_since(struct inbox *inbox, uint64_t since)
{
	reader_since(inbox->reader, since);
}

struct verifier *
inbox_verifier(struct inbox *inbox)
{
	return inbox->verifier;
}

static size_t
size_of(const struct cc_message *msg)
{
	size_t size = msg->topic.size + msg->key.size + msg->value.size;

	for (unsigned i = 0; i < msg->header_count; i++)
		size += msg->header[i].value.size;
	return size;
}

static struct slice
copy(struct inbox *inbox, struct slice from)
{
	uint8_t *to = inbox->memory + inbox->used;

	if (from.size > 0)
		memcpy(to, from.p, from.size);
	inbox->used += from.size;
	return slice_of(to, from.size);
}

/* False: no room beside what is there. */
static bool
take(struct inbox *inbox, const struct cc_message *from)
{
	size_t size = size_of(from);
	struct cc_message *msg = &inbox->msg[inbox->count];

	if (size > inbox->room - inbox->used) {
		uint8_t *more = inbox->count == 0 ? realloc(inbox->memory, size) : NULL;

		if (more == NULL)
			return false;
		inbox->memory = more;
		inbox->room = size;
	}
	*msg = *from;
	msg->topic = copy(inbox, from->topic);
	msg->key = copy(inbox, from->key);
	msg->value = copy(inbox, from->value);
	for (unsigned i = 0; i < from->header_count; i++)
		msg->header[i].value = copy(inbox, from->header[i].value);
	inbox->count++;
	return true;
}

static enum cc_status
fill(struct inbox *inbox, int ms)
{
	enum cc_status st = CC_OK;

	inbox->count = inbox->at = inbox->used = 0;
	while (inbox->count < BATCH) {
		const char *why = NULL;

		if (!inbox->holds && (st = reader_next(inbox->reader, ms, &inbox->held, &why)) != CC_OK) {
			snprintf(inbox->why, sizeof(inbox->why), "%s", why != NULL ? why : "");
			break;
		}
		if (!inbox->holds && inbox->resumes && note_where(inbox) != CC_OK)
			return CC_NOMEM;
		inbox->place[inbox->count] = inbox->held_place;
		inbox->next[inbox->count] = inbox->held_next;
		inbox->holds = !take(inbox, &inbox->held);
		if (inbox->holds) {
			if (inbox->count > 0)
				break;
			inbox->holds = false;
			return CC_NOMEM;
		}
		ms = 0;
	}
	if (inbox->count == 0)
		return st;
	inbox->status = st;
	verifier_check(inbox->verifier, inbox->msg, inbox->count, time_now(), inbox->verified);
	return CC_OK;
}

enum cc_status
inbox_next(struct inbox *inbox, int ms, struct cc_message *ret_msg, struct verified *ret_verified, const char **ret_why)
{
	enum cc_status st;

	*ret_why = inbox->why;
	if (inbox->at == inbox->count) {
		/* What the reader said behind the batch, unless it only was that there is no more for now. */
		st = inbox->status;
		inbox->status = CC_OK;
		if (st != CC_OK && st != CC_MORE && st != CC_END)
			return st;
		if ((st = fill(inbox, ms)) != CC_OK)
			return st;
	}
	if (inbox->resumes) {
		struct reader_position *position = &inbox->position[inbox->place[inbox->at]];

		position->next = inbox->next[inbox->at];
		position->changed = true;
	}
	*ret_msg = inbox->msg[inbox->at];
	*ret_verified = inbox->verified[inbox->at++];
	if (inbox->quarantine != NULL && (ret_verified->verdict > VERDICT_DUPLICATE))
		quarantine_put(inbox->quarantine, ret_msg, ret_verified, time_now());
	return CC_OK;
}
