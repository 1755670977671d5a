/* The spool: what was written whole comes back whole, whatever happens to the bytes behind or between. */
#include "exchange/exchange.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

static char dir[64];

static void
fresh_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/spool_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
}

static void
empty_dir(bool remove)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		unlinkat(dirfd(d), entry->d_name, 0);
	if (d != NULL)
		closedir(d);
	if (remove)
		rmdir(dir);
}

static struct conf *
conf_of(const char *first, const char *second)
{
	struct conf *conf = conf_new();
	const char *const sets[] = {"spool.fsync=never", first, second};
	char *why = NULL;

	for (size_t i = 0; i < 3; i++) {
		if (sets[i] != NULL)
			CHECK(conf_set(conf, sets[i], &why) == CC_OK);
	}
	return conf;
}

static struct spool *
open_it(const struct conf *conf)
{
	struct spool *spool = NULL;
	char *why = NULL;
	enum cc_status st = spool_open(conf, dir, &spool, &why);

	if (st != CC_OK)
		printf("%s\n", why != NULL ? why : cc_status_text(st));
	free(why);
	CHECK(st == CC_OK);
	return spool;
}

/* Message n: its value says so, and its size differs from others'. */
static enum cc_status
append(struct spool *spool, unsigned n, enum cc_class class, uint64_t *ret_position)
{
	char value[2000], sequence[24], id[24];
	struct cc_message msg = {.topic = slice_str("concert.indicators"),
	    .key = slice_str("domain:a.example"),
	    .class = class,
	    .lane = n % 4};

	memset(value, 'x', sizeof(value));
	snprintf(id, sizeof(id), "id-%u", n);
	snprintf(sequence, sizeof(sequence), "%llu",
	    (unsigned long long)spool_sequence(spool, msg.topic, msg.lane, NULL) + 1);
	memcpy(value, id, strlen(id));
	msg.value = slice_of(value, 40 + n * 7 % 900);
	msg.header[0] = (struct cc_header){"ce_id", slice_str(id)};
	msg.header[1] = (struct cc_header){"ce_sequence", slice_str(sequence)};
	msg.header_count = 2;
	return spool_append(spool, &msg, NULL, ret_position);
}

static unsigned
number(const struct cc_message *msg)
{
	struct slice id = message_header(msg, "ce_id");
	char text[24] = "";

	CHECK(id.size > 3 && id.size < sizeof(text));
	memcpy(text, id.p, id.size < sizeof(text) ? id.size : 0);
	CHECK(memcmp(msg->value.p, text, id.size) == 0);
	return (unsigned)strtoul(text + 3, NULL, 10);
}

/* Reads all that is there; the messages' numbers, and how many. */
static unsigned
read_all(struct spool *spool, unsigned *numbers, uint64_t *positions, unsigned max)
{
	struct cc_message msg;
	uint64_t position;
	unsigned count = 0;

	while (spool_next(spool, &msg, &position) == CC_OK && count < max) {
		numbers[count] = number(&msg);
		if (positions != NULL)
			positions[count] = position;
		count++;
	}
	return count;
}

TEST(keeps_order_and_cursor)
{
	struct conf *conf = conf_of("spool.segment=64k", "spool.keep=0");
	struct spool *spool;
	unsigned numbers[1000];
	uint64_t positions[1000], position;

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 1000; i++) {
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
		CHECK_UINT(position, i + 1);
	}
	CHECK_UINT(read_all(spool, numbers, positions, 1000), 1000);
	CHECK_UINT(numbers[999], 999);
	/* Out of order: the cursor waits for the first. */
	for (unsigned i = 1; i < 700; i++)
		spool_delivered(spool, positions[i]);
	CHECK_UINT(spool_waiting(spool), 1000 - 699);
	spool_rewind(spool);
	CHECK_UINT(read_all(spool, numbers, positions, 1000), 301);
	CHECK_UINT(numbers[0], 0);
	CHECK_UINT(numbers[1], 700);
	spool_delivered(spool, 1);
	spool_close(spool);

	spool = open_it(conf);
	CHECK_UINT(spool_waiting(spool), 300);
	CHECK_UINT(read_all(spool, numbers, positions, 1000), 300);
	CHECK_UINT(numbers[0], 700);
	for (unsigned i = 0; i < 300; i++)
		spool_delivered(spool, positions[i]);
	CHECK_UINT(spool_waiting(spool), 0);
	CHECK(spool_bytes(spool) < 130 * 1024);
	/* New ones after all old ones went, and their segments with them. */
	CHECK(append(spool, 1000, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_UINT(position, 1001);
	CHECK_UINT(read_all(spool, numbers, positions, 10), 1);
	CHECK_UINT(numbers[0], 1000);
	CHECK_UINT(spool_sequence(spool, slice_str("concert.indicators"), 0, NULL), 251);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

static size_t
read_file(const char *path, uint8_t *to, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, to, max) : -1;

	close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void
write_file(const char *path, const uint8_t *from, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(write(fd, from, size) == (ssize_t)size);
	close(fd);
}

/* Cut at every byte: every whole message is there, the next one goes behind, and its sequence goes on. */
TEST(recovers_from_any_cut)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct spool *spool;
	static uint8_t bytes[20000];
	unsigned numbers[32];
	uint64_t position;
	size_t size, ends[13] = {0};
	char path[128];

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 12; i++) {
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
		ends[i + 1] = spool_bytes(spool);
	}
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/00000000000000000001.seg", dir);
	size = read_file(path, bytes, sizeof(bytes));
	CHECK_UINT(size, ends[12]);
	log_open("test", LOG_LEVEL_ERROR);
	for (size_t cut = 0; cut <= size; cut++) {
		unsigned whole = 0;

		while (whole < 12 && ends[whole + 1] <= cut)
			whole++;
		empty_dir(false);
		write_file(path, bytes, cut);
		spool = open_it(conf);
		if (spool == NULL)
			break;
		CHECK_UINT(spool_waiting(spool), whole);
		CHECK(append(spool, 99, CC_CLASS_ALERT, &position) == CC_OK);
		CHECK_UINT(position, whole + 1);
		CHECK_UINT(read_all(spool, numbers, NULL, 32), whole + 1);
		CHECK_UINT(numbers[whole], 99);
		CHECK_UINT(spool_sequence(spool, slice_str("concert.indicators"), 3, NULL), (whole + 0) / 4 + 1);
		spool_close(spool);
		if (test_failures > 0)
			break;
	}
	empty_dir(true);
	conf_free(conf);
}

/* One byte flipped anywhere costs at most the message that it is in. */
TEST(one_flip_costs_one_message)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct spool *spool;
	static uint8_t bytes[20000];
	unsigned numbers[32];
	uint64_t position;
	size_t size;
	char path[128];

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 8; i++)
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/00000000000000000001.seg", dir);
	size = read_file(path, bytes, sizeof(bytes));
	for (size_t at = 0; at < size; at++) {
		unsigned count;

		empty_dir(false);
		bytes[at] ^= 0x41;
		write_file(path, bytes, size);
		bytes[at] ^= 0x41;
		spool = open_it(conf);
		if (spool == NULL)
			break;
		count = read_all(spool, numbers, NULL, 32);
		CHECK_UINT(count, 7);
		for (unsigned i = 1; i < count; i++)
			CHECK(numbers[i] > numbers[i - 1]);
		CHECK(append(spool, 50, CC_CLASS_ALERT, &position) == CC_OK);
		CHECK_UINT(read_all(spool, numbers, NULL, 32), 1);
		CHECK_UINT(numbers[0], 50);
		spool_close(spool);
		if (test_failures > 0) {
			printf("flip at %zu\n", at);
			break;
		}
	}
	empty_dir(true);
	conf_free(conf);
}

/* A flip in a segment before the last: what follows is read, and the cursor passes over the lost position. */
TEST(damage_does_not_hold_the_cursor)
{
	struct conf *conf = conf_of("spool.segment=64k", "spool.keep=0");
	struct spool *spool;
	static uint8_t bytes[200000];
	static unsigned numbers[600];
	static uint64_t positions[600];
	uint64_t position;
	unsigned count;
	size_t size;
	char path[128];

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 400; i++)
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/00000000000000000001.seg", dir);
	size = read_file(path, bytes, sizeof(bytes));
	bytes[size / 2] ^= 1;
	write_file(path, bytes, size);
	spool = open_it(conf);
	count = read_all(spool, numbers, positions, 600);
	CHECK_UINT(count, 399);
	CHECK_UINT(numbers[398], 399);
	CHECK_UINT(positions[398], 400);
	for (unsigned i = 0; i < count; i++)
		spool_delivered(spool, positions[i]);
	CHECK_UINT(spool_waiting(spool), 0);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

TEST(damaged_cursor_sends_again)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct spool *spool;
	unsigned numbers[32];
	uint64_t positions[32], position;
	char path[128];

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 8; i++)
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_UINT(read_all(spool, numbers, positions, 32), 8);
	for (unsigned i = 0; i < 5; i++)
		spool_delivered(spool, positions[i]);
	CHECK(spool_tick(spool, UINT64_MAX / 2) == CC_OK);
	spool_close(spool);
	spool = open_it(conf);
	CHECK_UINT(spool_waiting(spool), 3);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/cursor", dir);
	write_file(path, (const uint8_t *)"position 7\ncrc32c 00000000\n", 27);
	spool = open_it(conf);
	CHECK_UINT(spool_waiting(spool), 8);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

/* Events go first, alerts last, and what is delivered makes room. */
TEST(sheds_by_priority)
{
	struct conf *conf = conf_of("spool.max=1m", "spool.segment=64k");
	struct spool *spool;
	static unsigned numbers[6000];
	static uint64_t positions[6000];
	uint64_t position, event_bytes, sighting_bytes;
	unsigned n = 0, count;

	fresh_dir();
	spool = open_it(conf);
	while (append(spool, n, CC_CLASS_EVENT, &position) == CC_OK)
		n++;
	event_bytes = spool_bytes(spool);
	while (append(spool, n, CC_CLASS_SIGHTING, &position) == CC_OK)
		n++;
	sighting_bytes = spool_bytes(spool);
	while (append(spool, n, CC_CLASS_ALERT, &position) == CC_OK)
		n++;
	CHECK(event_bytes > 800 * 1000 && event_bytes < 850 * 1000);
	CHECK(sighting_bytes > 900 * 1000 && sighting_bytes < 950 * 1000);
	CHECK(spool_bytes(spool) <= 1 << 20);
	CHECK_UINT(spool_shed(spool, CC_CLASS_EVENT), 1);
	CHECK_UINT(spool_shed(spool, CC_CLASS_SIGHTING), 1);
	CHECK_UINT(spool_shed(spool, CC_CLASS_ALERT), 1);
	count = read_all(spool, numbers, positions, 6000);
	CHECK_UINT(count, n);
	for (unsigned i = 0; i < count / 2; i++)
		spool_delivered(spool, positions[i]);
	CHECK(append(spool, n, CC_CLASS_EVENT, &position) == CC_OK);
	CHECK_UINT(position, n + 1);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

TEST(one_owner)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct spool *spool, *other = NULL;
	char *why = NULL;

	fresh_dir();
	spool = open_it(conf);
	CHECK(spool_open(conf, dir, &other, &why) == CC_DENIED);
	CHECK(why != NULL && strstr(why, dir) != NULL);
	free(why);
	spool_close(spool);
	spool = open_it(conf);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

static void
count_visit(void *ctx, const struct cc_message *msg, uint64_t position)
{
	unsigned *count = ctx;

	CHECK_UINT(number(msg) + 1, position);
	++*count;
}

/* Delivered messages stay for replay, and can be read while the owner writes. */
TEST(visit_sees_all)
{
	struct conf *conf = conf_of("spool.segment=64k", NULL);
	struct spool *spool;
	unsigned numbers[400], count = 0;
	uint64_t positions[400], position;
	char *why = NULL;

	fresh_dir();
	spool = open_it(conf);
	for (unsigned i = 0; i < 300; i++)
		CHECK(append(spool, i, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_UINT(read_all(spool, numbers, positions, 400), 300);
	for (unsigned i = 0; i < 300; i++)
		spool_delivered(spool, positions[i]);
	CHECK(spool_visit(dir, count_visit, &count, &why) == CC_OK);
	CHECK_UINT(count, 300);
	CHECK(spool_visit("/nonexistent", count_visit, &count, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "/nonexistent") != NULL);
	free(why);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

/* Lanes count on when all their messages are delivered and gone. */
TEST(sequences_outlive_segments)
{
	struct conf *conf = conf_of("spool.segment=64k", "spool.keep=0");
	struct spool *spool;
	unsigned numbers[64];
	uint64_t positions[64], position;

	fresh_dir();
	for (unsigned round = 0; round < 30; round++) {
		unsigned count;

		spool = open_it(conf);
		for (unsigned i = 0; i < 40; i++)
			CHECK(append(spool, round * 40 + i, CC_CLASS_ALERT, &position) == CC_OK);
		count = read_all(spool, numbers, positions, 64);
		CHECK_UINT(count, 40);
		for (unsigned i = 0; i < count; i++)
			spool_delivered(spool, positions[i]);
		CHECK_UINT(spool_sequence(spool, slice_str("concert.indicators"), 1, NULL), (round + 1) * 10);
		spool_close(spool);
	}
	empty_dir(true);
	conf_free(conf);
}

/*
 * A file size limit stands for a full disk: the write is cut in the middle of a message.  The trouble has the file's
 * name, nothing that was written is lost, and it goes on when there is room again.
 */
TEST(full_disk)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct rlimit limit = {10000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	struct spool *spool;
	unsigned numbers[100], n = 0, count;
	uint64_t position;
	enum cc_status st;

	fresh_dir();
	spool = open_it(conf);
	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	while ((st = append(spool, n, CC_CLASS_ALERT, &position)) == CC_OK && n < 99)
		n++;
	CHECK(st == CC_IO && n > 5);
	CHECK(append(spool, n, CC_CLASS_ALERT, &position) == CC_IO);
	CHECK(strstr(spool_error(spool), dir) != NULL);
	CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
	CHECK(append(spool, n, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_TEXT(spool_error(spool), "");
	CHECK_UINT(position, n + 1);
	count = read_all(spool, numbers, NULL, 100);
	CHECK_UINT(count, n + 1);
	for (unsigned i = 0; i < count; i++)
		CHECK_UINT(numbers[i], i);
	spool_close(spool);
	spool = open_it(conf);
	CHECK_UINT(spool_waiting(spool), n + 1);
	spool_close(spool);
	empty_dir(true);
	conf_free(conf);
}

/* What is delivered is offered again, asked for beside a running owner or without one; its figures say so. */
TEST(replay)
{
	struct conf *conf = conf_of("spool.segment=64k", NULL);
	struct spool *spool;
	struct spool_figures figures;
	unsigned numbers[64];
	uint64_t positions[64], position, from = 0;
	bool owned = false;
	char *why = NULL;

	fresh_dir();
	spool = open_it(conf);
	for (unsigned n = 0; n < 20; n++)
		CHECK(append(spool, n, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_UINT(read_all(spool, numbers, positions, 64), 20);
	for (unsigned n = 0; n < 20; n++)
		spool_delivered(spool, positions[n]);
	CHECK_UINT(spool_waiting(spool), 0);
	CHECK(spool_replay_from(conf, dir, 15, 0, &from, &owned, &why) == CC_OK);
	CHECK(owned && from == 15);
	CHECK(spool_figures(dir, &figures, &why) == CC_OK);
	CHECK(figures.owned && figures.replay_asked);
	CHECK(spool_tick(spool, time_monotonic() + 2 * NS_PER_S) == CC_OK);
	CHECK_UINT(spool_waiting(spool), 6);
	CHECK_UINT(read_all(spool, numbers, positions, 64), 6);
	CHECK_UINT(numbers[0], 14);
	/* A position ahead of the cursor, or of nothing, changes nothing. */
	spool_replay(spool, 18);
	spool_replay(spool, 0);
	CHECK_UINT(spool_waiting(spool), 6);
	for (unsigned n = 0; n < 6; n++)
		spool_delivered(spool, positions[n]);
	spool_close(spool);
	CHECK(spool_replay_from(conf, dir, 3, 0, &from, &owned, &why) == CC_OK);
	CHECK(!owned);
	CHECK(spool_figures(dir, &figures, &why) == CC_OK);
	CHECK(!figures.owned && !figures.replay_asked);
	CHECK_UINT(figures.waiting, 18);
	CHECK_UINT(figures.messages, 20);
	spool = open_it(conf);
	CHECK_UINT(read_all(spool, numbers, positions, 64), 18);
	CHECK_UINT(numbers[0], 2);
	spool_close(spool);
	empty_dir(true);
	CHECK(spool_replay_from(conf, dir, 3, 0, &from, &owned, &why) == CC_IO);
	free(why);
	conf_free(conf);
}

/* What was sent and lost by the disk has numbers that nobody may have again. */
TEST(numbers_leap_after_the_machine_died)
{
	static const struct {
		const char *sets, *name, *text;
		bool leaps;
	} cases[] = {
	    {"spool.fsync=interval", "boot", "another start\n", true},
	    {"spool.fsync=always", "boot", "another start\n", false},
	    {"spool.fsync=interval", NULL, NULL, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf = conf_of(cases[i].sets, NULL);
		struct slice topic = slice_str("concert.indicators");
		struct spool *spool;
		uint64_t position, known, other;
		char path[128], command[160];
		uint8_t digest[32];
		FILE *file;

		fresh_dir();
		spool = open_it(conf);
		for (unsigned n = 0; n < 9; n++)
			CHECK(append(spool, n, CC_CLASS_ALERT, &position) == CC_OK);
		known = spool_sequence(spool, topic, 1, NULL);
		CHECK_UINT(spool_sequence(spool, topic, 60, NULL), 0);
		spool_close(spool);
		snprintf(path, sizeof(path), "%s/boot", dir);
		CHECK(access(path, F_OK) != 0);
		if (cases[i].name != NULL && (file = fopen(path, "w")) != NULL) {
			fputs(cases[i].text, file);
			fclose(file);
		}
		spool = open_it(conf);
		CHECK_UINT(spool_sequence(spool, topic, 1, digest), known + (cases[i].leaps ? 1u << 20 : 0));
		CHECK(append(spool, 60, CC_CLASS_ALERT, &position) == CC_OK); /* lane 0 */
		spool_close(spool);
		/* Once; and lanes that begin later know of it. */
		spool = open_it(conf);
		CHECK_UINT(spool_sequence(spool, topic, 1, NULL), known + (cases[i].leaps ? 1u << 20 : 0));
		other = spool_sequence(spool, topic, 60, digest);
		CHECK_UINT(other, cases[i].leaps ? 1u << 20 : 0);
		spool_close(spool);
		snprintf(command, sizeof(command), "rm -rf %s", dir);
		CHECK(system(command) == 0);
		conf_free(conf);
	}
}

/* Less is on disk than was delivered. */
TEST(numbers_leap_when_the_end_is_gone)
{
	struct conf *conf = conf_of(NULL, NULL);
	struct slice topic = slice_str("concert.indicators");
	struct cc_message msg;
	struct spool *spool;
	uint64_t position;
	char path[128], command[160];

	fresh_dir();
	spool = open_it(conf);
	for (unsigned n = 0; n < 40; n++)
		CHECK(append(spool, n, CC_CLASS_ALERT, &position) == CC_OK);
	while (spool_next(spool, &msg, &position) == CC_OK)
		spool_delivered(spool, position);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/%020d.seg", dir, 1);
	CHECK(truncate(path, 5000) == 0);
	spool = open_it(conf);
	CHECK(spool_sequence(spool, topic, 1, NULL) > 1u << 20);
	CHECK(append(spool, 41, CC_CLASS_ALERT, &position) == CC_OK);
	CHECK_UINT(position, 41);
	spool_close(spool);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
	conf_free(conf);
}

TESTS(T(numbers_leap_after_the_machine_died), T(numbers_leap_when_the_end_is_gone), T(replay), T(full_disk),
    T(keeps_order_and_cursor), T(recovers_from_any_cut), T(one_flip_costs_one_message),
    T(damage_does_not_hold_the_cursor), T(damaged_cursor_sends_again), T(sheds_by_priority), T(one_owner),
    T(visit_sees_all), T(sequences_outlive_segments))
