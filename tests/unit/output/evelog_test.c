/* The event log: whole lines only. */
#include "output/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

static char path[80];

static size_t
content(char *to, size_t max)
{
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(to, 1, max - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	to[n] = '\0';
	return n;
}

static void
begin(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/evelog_test.XXXXXX");
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static struct evelog *
open_it(void)
{
	struct evelog *log = NULL;
	char *why = NULL;

	CHECK(evelog_open(path, &log, &why) == CC_OK);
	free(why);
	return log;
}

TEST(appends_and_mends)
{
	char text[4096];
	struct evelog *log;

	begin("{\"a\":1}\n{\"cut");
	log = open_it();
	CHECK(evelog_line(log, slice_str("{\"b\":2}")) == CC_OK);
	CHECK(evelog_line(log, slice_str("{\"c\":\n3}")) == CC_BAD);
	CHECK(evelog_flush(log) == CC_OK);
	content(text, sizeof(text));
	CHECK_TEXT(text, "{\"a\":1}\n{\"b\":2}\n");
	CHECK(evelog_close(log) == CC_OK);
	unlink(path);
}

/* A tail longer than one read, and no newline at all. */
TEST(mends_long_tails)
{
	static char text[20000], now[20000];
	struct evelog *log;

	memset(text, 'x', sizeof(text) - 1);
	text[5] = '\n';
	begin(text);
	log = open_it();
	CHECK(evelog_close(log) == CC_OK);
	CHECK_UINT(content(now, sizeof(now)), 6);
	unlink(path);
	text[5] = 'x';
	begin(text);
	log = open_it();
	CHECK(evelog_close(log) == CC_OK);
	CHECK_UINT(content(now, sizeof(now)), 0);
	unlink(path);
}

TEST(reopens_after_rotation)
{
	char text[4096], other[100];
	struct evelog *log;

	begin("");
	log = open_it();
	CHECK(evelog_line(log, slice_str("one")) == CC_OK);
	snprintf(other, sizeof(other), "%s.1", path);
	CHECK(rename(path, other) == 0);
	CHECK(evelog_reopen(log) == CC_OK);
	CHECK(evelog_line(log, slice_str("two")) == CC_OK);
	CHECK(evelog_close(log) == CC_OK);
	content(text, sizeof(text));
	CHECK_TEXT(text, "two\n");
	unlink(path);
	memcpy(path, other, sizeof(path));
	content(text, sizeof(text));
	CHECK_TEXT(text, "one\n");
	unlink(path);
}

/* /dev/full stands for a disk that is: the line is refused at last, nothing is counted as written. */
TEST(full_disk)
{
	static uint8_t line[200000];
	struct evelog *log = NULL;
	char *why = NULL;
	enum cc_status st = CC_OK;

	memset(line, 'x', sizeof(line));
	CHECK(evelog_open("/dev/full", &log, &why) == CC_OK);
	for (int i = 0; i < 10 && log != NULL; i++)
		st = evelog_line(log, slice_of(line, sizeof(line)));
	CHECK(st == CC_IO);
	CHECK(evelog_flush(log) == CC_IO);
	CHECK(evelog_close(log) == CC_IO);
	CHECK(evelog_open("/nonexistent/eve.json", &log, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "/nonexistent/eve.json") != NULL);
	free(why);
}

TESTS(T(appends_and_mends), T(mends_long_tails), T(reopens_after_rotation), T(full_disk))
