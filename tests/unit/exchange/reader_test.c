/* The file exchange from both ends: several writers in one folder, a reader that follows, damage that is told. */
#include "exchange/exchange.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

extern const struct cc_output file_output;

static char dir[64];

static enum cc_status reported_as;

static void
report(void *ctx, uint64_t ticket, enum cc_status status)
{
	unsigned *count = ctx;

	(void)ticket;
	reported_as = status;
	++*count;
}

static struct conf *
conf_of(const char *sensor)
{
	struct conf *conf = conf_new();
	char set[64], *why = NULL;

	snprintf(set, sizeof(set), "sensor.name=%s", sensor);
	CHECK(conf_set(conf, set, &why) == CC_OK);
	CHECK(conf_set(conf, "spool.segment=64k", &why) == CC_OK);
	CHECK(conf_set(conf, "spool.fsync=never", &why) == CC_OK);
	return conf;
}

static void
send_some(const struct conf *conf, const char *topic, unsigned from, unsigned count)
{
	unsigned reported = 0;
	void *self = NULL;
	char *why = NULL, id[32], value[500];

	CHECK(file_output.open(conf, dir, report, &reported, &self, &why) == CC_OK);
	memset(value, 'v', sizeof(value));
	for (unsigned i = from; i < from + count; i++) {
		struct cc_message msg = {
		    .topic = slice_str(topic), .key = slice_str("k"), .value = slice_of(value, sizeof(value))};

		snprintf(id, sizeof(id), "%s-%u", conf->sensor_name, i);
		msg.header[0] = (struct cc_header){"ce_id", slice_str(id)};
		msg.header[1] = (struct cc_header){
		    "ce_time", slice_str(i % 2 == 0 ? "2026-01-01T00:00:00Z" : "2026-03-01T00:00:00Z")};
		msg.header_count = 2;
		CHECK(file_output.send(self, &msg, i + 1) == CC_OK);
	}
	file_output.poll(self, 1);
	CHECK_UINT(reported, count);
	CHECK(reported_as == CC_OK);
	file_output.close(self);
}

static struct reader *
open_reader(const struct conf *conf, const char *const *topics, size_t count, bool from_start)
{
	struct reader *reader = NULL;
	char from[100], *why = NULL;

	snprintf(from, sizeof(from), "file:%s", dir);
	CHECK(reader_open(conf, from, topics, count, from_start, &reader, &why) == CC_OK);
	return reader;
}

/* How many come; indicators of each sensor in order. */
static unsigned
read_some(struct reader *reader, unsigned *bad)
{
	struct cc_message msg;
	const char *trouble = NULL;
	unsigned count = 0, last[2] = {0, 0};
	enum cc_status st;

	while ((st = reader_next(reader, 0, &msg, &trouble)) == CC_OK || st == CC_BAD) {
		struct slice id;
		char text[32] = "";
		unsigned n, who;

		if (st == CC_BAD) {
			++*bad;
			CHECK(strstr(trouble, dir) != NULL);
			continue;
		}
		id = message_header(&msg, "ce_id");
		memcpy(text, id.p, id.size < 31 ? id.size : 31);
		n = (unsigned)strtoul(text + 2, NULL, 10) + 1;
		who = text[0] == 'a' ? 0 : 1;
		if (slice_is(msg.topic, "concert.indicators")) {
			CHECK(n > last[who]);
			last[who] = n;
		}
		count++;
	}
	CHECK(st == CC_END);
	return count;
}

static void
begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/reader_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
}

static void
end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

TEST(two_writers_and_a_follower)
{
	static const char *const indicators[] = {"indicators"};
	struct conf *a = conf_of("a"), *b = conf_of("b");
	struct reader *all, *some, *late;
	unsigned bad = 0;

	begin();
	send_some(a, "concert.indicators", 0, 300); /* several segments */
	send_some(b, "concert.indicators", 0, 200);
	send_some(b, "concert.health", 200, 10);
	send_some(b, "other.indicators", 210, 10);
	all = open_reader(a, NULL, 0, true);
	some = open_reader(a, indicators, 1, true);
	late = open_reader(a, NULL, 0, false);
	CHECK_UINT(read_some(all, &bad), 510);
	CHECK_UINT(read_some(some, &bad), 500);
	CHECK_UINT(read_some(late, &bad), 0);
	/* Appended to old segments and to new ones. */
	send_some(a, "concert.indicators", 300, 200);
	send_some(b, "concert.notices", 220, 5);
	CHECK_UINT(read_some(all, &bad), 205);
	CHECK_UINT(read_some(some, &bad), 200);
	CHECK_UINT(read_some(late, &bad), 205);
	CHECK_UINT(read_some(all, &bad), 0);
	CHECK_UINT(bad, 0);
	reader_close(all);
	reader_close(some);
	reader_close(late);
	conf_free(a);
	conf_free(b);
	end();
}

/* A writer that was cut off goes on behind its last whole message; a flipped byte costs one message and is told. */
TEST(mends_and_tells)
{
	struct conf *a = conf_of("a");
	struct reader *reader;
	char path[200];
	struct stat st;
	unsigned bad = 0;
	int fd;

	begin();
	send_some(a, "concert.indicators", 0, 20);
	snprintf(path, sizeof(path), "%s/concert.indicators/org.example+a-00000001.ccm", dir);
	CHECK(stat(path, &st) == 0);
	CHECK(truncate(path, st.st_size - 7) == 0);
	send_some(a, "concert.indicators", 20, 20);
	fd = open(path, O_RDWR);
	CHECK(pwrite(fd, "!", 1, 100) == 1);
	close(fd);
	reader = open_reader(a, NULL, 0, true);
	CHECK_UINT(read_some(reader, &bad), 38);
	CHECK_UINT(bad, 1);
	reader_close(reader);
	conf_free(a);
	end();
}

/* The fall-back's folder is made by whoever first has to go there: it is looked for, and read from its start. */
TEST(fallback_that_comes_later)
{
	struct conf *conf = conf_of("a");
	struct reader *reader = NULL;
	char text[200], main_dir[64], *why = NULL;
	unsigned bad = 0;

	begin();
	snprintf(main_dir, sizeof(main_dir), "%s", dir);
	snprintf(text, sizeof(text), "exchange.to=file:%s/", main_dir);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	snprintf(text, sizeof(text), "exchange.fallback=file:%s/later", main_dir);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	CHECK(reader_open(conf, conf->exchange_to, NULL, 0, false, &reader, &why) == CC_OK);
	CHECK_UINT(read_some(reader, &bad), 0);
	send_some(conf, "concert.health", 0, 3);
	CHECK_UINT(read_some(reader, &bad), 3);
	CHECK(snprintf(dir, sizeof(dir), "%.50s/later", main_dir) < (int)sizeof(dir));
	CHECK(mkdir(dir, 0755) == 0);
	send_some(conf, "concert.health", 3, 4);
	CHECK_UINT(read_some(reader, &bad), 4);
	reader_close(reader);

	/* By a name below OUTDIR it is still the main place, with its fall-back. */
	CHECK(conf_set(conf, "exchange.to=file:", &why) == CC_OK);
	snprintf(text, sizeof(text), "exchange.fallback=file:%s", dir);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	snprintf(text, sizeof(text), "%s/exchange", main_dir);
	CHECK(mkdir(text, 0755) == 0);
	snprintf(text, sizeof(text), "file:%s/exchange", main_dir);
	CHECK(reader_open(conf, text, NULL, 0, true, &reader, &why) == CC_OK);
	CHECK_UINT(read_some(reader, &bad), 4);
	reader_close(reader);
	snprintf(dir, sizeof(dir), "%s", main_dir);
	conf_free(conf);
	end();
}

TEST(refuses)
{
	struct conf *conf = conf_of("a");
	struct reader *reader = NULL;
	char *why = NULL;

	CHECK(reader_open(conf, "file:/nonexistent", NULL, 0, true, &reader, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "/nonexistent") != NULL);
	free(why);
	CHECK(reader_open(conf, "pigeon:x", NULL, 0, true, &reader, &why) == CC_BAD);
	CHECK(why != NULL && strstr(why, "pigeon") != NULL);
	free(why);
	conf_free(conf);
}

/* Topic names come from messages: none may leave the folder. */
TEST(no_way_out_of_the_folder)
{
	static const char *const topics[] = {"../x", "a/b", ".hidden", ""};
	struct conf *conf = conf_of("a");
	unsigned settled = 0;
	void *self = NULL;
	char *why = NULL;

	begin();
	CHECK(file_output.open(conf, dir, report, &settled, &self, &why) == CC_OK);
	for (size_t i = 0; i < 4; i++) {
		struct cc_message msg = {.topic = slice_str(topics[i]), .value = slice_str("v")};

		/* Settled at once, as one that can never be delivered. */
		CHECK(file_output.send(self, &msg, i + 1) == CC_OK);
		CHECK(reported_as == CC_BAD);
	}
	CHECK_UINT(settled, 4);
	file_output.close(self);
	CHECK(rmdir(dir) == 0);
	conf_free(conf);
}

/* By the message's own time, as a file has no other. */
TEST(since_a_time)
{
	struct conf *conf = conf_of("one");
	struct reader *reader;
	struct cc_message msg;
	const char *trouble;
	uint64_t since = 0;
	unsigned count = 0;
	char command[100];

	snprintf(dir, sizeof(dir), "/tmp/reader_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	send_some(conf, "concert.indicators", 0, 20);
	CHECK(time_rfc3339_parse("2026-02-01T00:00:00Z", &since) == CC_OK);
	reader = open_reader(conf, NULL, 0, true);
	reader_since(reader, since);
	while (reader_next(reader, 0, &msg, &trouble) == CC_OK) {
		CHECK(slice_is(message_header(&msg, "ce_time"), "2026-03-01T00:00:00Z"));
		count++;
	}
	CHECK_UINT(count, 10);
	reader_close(reader);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

TESTS(T(since_a_time), T(two_writers_and_a_follower), T(mends_and_tells), T(fallback_that_comes_later), T(refuses),
    T(no_way_out_of_the_folder))
