/*
 * What the spool has to remember beyond its segments: how far messages are delivered (file "cursor"), and the last
 * ce_sequence of every lane with that message's digest (file "sequences", written before a segment may go, so that a
 * lane counts and chains on without a gap even when all its messages are gone).  Both are text with a checksum,
 * replaced as a whole. And the file "replay", by which others ask the owner to offer delivered messages again.  The
 * courier's thread.
 */
#include "exchange/spool_own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_MAX (8u << 20)
#define KEY_ROOM 300
#define OTHER_LANES "*" /* among the lanes: where one begins that is not known */

/* The text, its checksum on a line of its own. */
static enum cc_status
store(struct spool *spool, const char *name, struct buf *text)
{
	enum cc_status st;

	buf_printf(text, "crc32c %08x\n", crc32c(0, buf_slice(text)));
	st = text->full ? CC_NOMEM : spool_write_file(spool->dir_fd, name, buf_slice(text));
	if (st == CC_IO)
		snprintf(spool->error, sizeof(spool->error), "%.180s/%s: %s", spool->dir, name, strerror(errno));
	return st;
}

/* CC_ABSENT: no such file; CC_BAD: its checksum is wrong.  Else the text is a C string without the checksum. */
static enum cc_status
load(struct spool *spool, const char *name, struct buf *ret_text)
{
	enum cc_status st = spool_read_file(spool->dir_fd, name, ret_text);
	char should[24];

	if (st != CC_OK)
		return st;
	if (ret_text->size < 16)
		return CC_BAD;
	ret_text->size -= 16;
	snprintf(should, sizeof(should), "crc32c %08x\n", crc32c(0, buf_slice(ret_text)));
	if (memcmp(ret_text->p + ret_text->size, should, 16) != 0)
		return CC_BAD;
	ret_text->p[ret_text->size] = '\0';
	return CC_OK;
}

enum cc_status
spool_cursor_load(struct spool *spool)
{
	struct buf text;
	uint64_t position = 0;
	enum cc_status st;

	buf_open(&text, STATE_MAX);
	st = load(spool, "cursor", &text);
	if (st == CC_OK && (sscanf((const char *)text.p, "position %" SCNu64, &position) != 1 || position == 0))
		st = CC_BAD;
	buf_close(&text);
	if (st == CC_OK) {
		spool->cursor = spool->cursor_written = position;
		return CC_OK;
	}
	if (st == CC_BAD)
		log_warning(
		    "spool: %s/cursor is damaged: messages that partners have already go out again", spool->dir);
	return st == CC_BAD || st == CC_ABSENT ? CC_OK : st;
}

enum cc_status
spool_cursor_write(int dir_fd, uint64_t position)
{
	char memory[80];
	struct buf text;

	buf_over(&text, memory, sizeof(memory));
	buf_printf(&text, "position %020" PRIu64 "\n", position);
	buf_printf(&text, "crc32c %08x\n", crc32c(0, buf_slice(&text)));
	return spool_write_file(dir_fd, "cursor", buf_slice(&text));
}

enum cc_status
spool_cursor_store(struct spool *spool)
{
	enum cc_status st;

	if (spool->cursor == spool->cursor_written)
		return CC_OK;
	/* What lies below the cursor is not read at the next start: its numbers must be in their file. */
	if (spool->numbers_due && (st = spool_sequences_store(spool)) != CC_OK)
		return st;
	st = spool_cursor_write(spool->dir_fd, spool->cursor);
	if (st == CC_IO)
		snprintf(spool->error, sizeof(spool->error), "%.180s/cursor: %s", spool->dir, strerror(errno));
	if (st == CC_OK) {
		spool->cursor_written = spool->cursor;
		spool_fault(spool, "cursor");
	}
	return st;
}

/* ---- sequences ---- */

static struct slice
lane_key(struct slice topic, uint32_t lane, char key[KEY_ROOM])
{
	int size =
	    snprintf(key, KEY_ROOM, "%.*s %u", (int)(topic.size < 256 ? topic.size : 256), (const char *)topic.p, lane);

	return slice_of(key, (size_t)size);
}

static enum cc_status
set_sequence(struct spool *spool, struct slice key, uint64_t sequence, const uint8_t digest[32])
{
	struct lane_end *end = map_get(spool->sequence, key);
	enum cc_status st = CC_OK;

	if (end == NULL) {
		end = calloc(1, sizeof(*end));
		if (end == NULL)
			return CC_NOMEM;
		st = map_put(spool->sequence, key, end, NULL);
		if (st != CC_OK) {
			free(end);
			return st;
		}
	}
	if (sequence >= end->sequence) {
		end->sequence = sequence;
		memcpy(end->digest, digest, 32);
	}
	return CC_OK;
}

enum cc_status
spool_sequence_note(struct spool *spool, const struct cc_message *msg, const uint8_t *digest)
{
	struct slice text = message_header(msg, "ce_sequence");
	uint8_t made[32];
	char key[KEY_ROOM];
	uint64_t n = 0;

	if (text.size == 0 || text.size > 20)
		return CC_OK;
	for (size_t i = 0; i < text.size; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || n > UINT64_MAX / 10 - 1)
			return CC_OK;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (digest == NULL)
		jws_digest(msg, made);
	return set_sequence(spool, lane_key(msg->topic, msg->lane, key), n, digest != NULL ? digest : made);
}

uint64_t
spool_sequence(const struct spool *spool, struct slice topic, uint32_t lane, uint8_t *ret_digest)
{
	char key[KEY_ROOM];
	const struct lane_end *end = map_get(spool->sequence, lane_key(topic, lane, key));

	if (end == NULL)
		end = map_get(spool->sequence, slice_str(OTHER_LANES));
	if (end != NULL && ret_digest != NULL)
		memcpy(ret_digest, end->digest, 32);
	return end != NULL ? end->sequence : 0;
}

/* ---- the machine ---- */

/* Empty where there is no such file: then nothing can be told. */
static void
boot_id(struct buf *out)
{
	int fd = open("/proc/sys/kernel/random", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && spool_read_file(fd, "boot_id", out) != CC_OK)
		buf_clear(out);
	if (fd >= 0)
		close(fd);
}

bool
spool_machine_died(const struct spool *spool)
{
	char memory[2][256];
	struct buf then, now;

	buf_over(&then, memory[0], sizeof(memory[0]));
	buf_over(&now, memory[1], sizeof(memory[1]));
	boot_id(&now);
	return now.size > 0 && spool_read_file(spool->dir_fd, SPOOL_BOOT, &then) == CC_OK &&
	       !slice_eq(buf_slice(&then), buf_slice(&now));
}

void
spool_boot_store(const struct spool *spool)
{
	char memory[256];
	struct buf now;

	buf_over(&now, memory, sizeof(memory));
	boot_id(&now);
	if (now.size > 0)
		(void)spool_write_file(spool->dir_fd, SPOOL_BOOT, buf_slice(&now));
}

enum cc_status
spool_sequences_leap(struct spool *spool)
{
	static const uint8_t none[32];
	struct lane_end *end;
	struct slice key;
	void *box;
	size_t at = 0;
	enum cc_status st;

	while (map_next(spool->sequence, &at, &key, &box)) {
		end = box;
		end->sequence += SPOOL_LEAP;
	}
	if (map_get(spool->sequence, slice_str(OTHER_LANES)) == NULL &&
	    (st = set_sequence(spool, slice_str(OTHER_LANES), SPOOL_LEAP, none)) != CC_OK)
		return st;
	log_warning("spool: %s: the machine died before the disk had all that was sent: the lanes' numbers go on %u "
		    "later, which partners see as a gap",
	    spool->dir, SPOOL_LEAP);
	return spool_sequences_store(spool);
}

void
spool_sequences_text(struct spool *spool, struct buf *ret_text)
{
	struct slice key;
	void *box;
	char digest[KEY_ID];
	size_t at = 0;

	buf_open(ret_text, STATE_MAX);
	while (map_next(spool->sequence, &at, &key, &box)) {
		const struct lane_end *end = box;

		buf_printf(ret_text, "%.*s %" PRIu64 " %s\n", (int)key.size, (const char *)key.p, end->sequence,
		    base64url_text(slice_of(end->digest, 32), digest));
	}
	buf_printf(ret_text, "crc32c %08x\n", crc32c(0, buf_slice(ret_text)));
}

enum cc_status
spool_sequences_store(struct spool *spool)
{
	struct buf text;
	enum cc_status st;

	spool_sequences_text(spool, &text);
	st = text.full ? CC_NOMEM : spool_write_file(spool->dir_fd, SPOOL_SEQUENCES, buf_slice(&text));
	if (st == CC_IO)
		(void)spool_trouble(spool, SPOOL_SEQUENCES);
	if (st == CC_OK) {
		spool->numbers_stored = spool->next;
		spool->numbers_due = false;
	}
	buf_close(&text);
	return st;
}

/* "topic lane number digest"; the digest is missing in a file of before there were signatures. */
static enum cc_status
take_line(struct spool *spool, char *line)
{
	uint8_t digest[32] = {0};
	char *space = strrchr(line, ' ');
	uint64_t n;

	if (space != NULL && key_parse(slice_str(space + 1), digest) == CC_OK) {
		*space = '\0';
		space = strrchr(line, ' ');
	}
	if (space == NULL || uint_parse(space + 1, &n) != CC_OK)
		return CC_OK;
	return set_sequence(spool, slice_of(line, (size_t)(space - line)), n, digest);
}

enum cc_status
spool_sequences_load(struct spool *spool)
{
	struct buf text;
	enum cc_status st;

	buf_open(&text, STATE_MAX);
	st = load(spool, SPOOL_SEQUENCES, &text);
	if (st == CC_OK) {
		char *line, *rest = (char *)text.p;

		while (st == CC_OK && (line = strsep(&rest, "\n")) != NULL) {
			st = take_line(spool, line);
		}
	} else if (st == CC_BAD) {
		log_warning("spool: %s/sequences is damaged: partners may see lanes count anew", spool->dir);
		st = CC_OK;
	} else if (st == CC_ABSENT) {
		st = CC_OK;
	}
	buf_close(&text);
	return st;
}

/* ---- replay ---- */

/* The cursor goes back; what is on disk from there on is offered again.  Readers drop the ids that they know. */
void
spool_replay(struct spool *spool, uint64_t position)
{
	if (position == 0)
		return;
	if (spool->segment_count > 0 && position < spool->segment[0].first)
		position = spool->segment[0].first;
	if (position >= spool->cursor)
		return;
	log_notice("spool: %s: positions %" PRIu64 " to %" PRIu64 " are offered again", spool->dir, position,
	    spool->cursor - 1);
	memset(spool->done, 0, spool->done_room / 8);
	spool->done_count = 0;
	spool->cursor = position;
	spool_rewind(spool);
}

void
spool_replay_asked(struct spool *spool, uint64_t now)
{
	char memory[160];
	struct buf text;
	uint64_t position = 0;
	enum cc_status st;

	if (now < spool->looked + NS_PER_S)
		return;
	spool->looked = now;
	if (faccessat(spool->dir_fd, SPOOL_REPLAY, F_OK, 0) != 0)
		return;
	buf_over(&text, memory, sizeof(memory));
	st = load(spool, SPOOL_REPLAY, &text);
	(void)unlinkat(spool->dir_fd, SPOOL_REPLAY, 0);
	if (st == CC_OK && sscanf((const char *)text.p, "position %" SCNu64, &position) == 1)
		spool_replay(spool, position);
	else
		log_warning("spool: %s/" SPOOL_REPLAY " is damaged and was thrown away", spool->dir);
}

enum cc_status
spool_replay_ask(const char *dir, int dir_fd, uint64_t position)
{
	struct spool spool = {.dir = (char *)(uintptr_t)dir, .dir_fd = dir_fd};
	char memory[80];
	struct buf text;

	buf_over(&text, memory, sizeof(memory));
	buf_printf(&text, "position %020" PRIu64 "\n", position);
	return store(&spool, SPOOL_REPLAY, &text);
}
