/* Lines to the operator: their form, the level, what hostile text turns into; one write() each. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/test.h"

#include "base/log.h"

static int kept_stderr, far_end;

/* A datagram socket in place of standard error: each write() arrives by itself. */
static void
catch_begin(void)
{
	int fds[2] = {-1, -1};

	CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	kept_stderr = dup(STDERR_FILENO);
	CHECK(dup2(fds[0], STDERR_FILENO) >= 0);
	close(fds[0]);
	far_end = fds[1];
}

static const char *
caught(void)
{
	static char line[8192];
	ssize_t size = read(far_end, line, sizeof(line) - 1);

	line[size > 0 ? size : 0] = '\0';
	return line;
}

static void
catch_end(void)
{
	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
	close(far_end);
}

TEST(form)
{
	catch_begin();
	log_open("inspect", LOG_LEVEL_DEBUG);
	errno = ENOENT;
	log_warning("%s: line %d: %m", "concert.yaml", 7);
	CHECK(errno == ENOENT);
	CHECK_TEXT(caught(), "concert[inspect]: warning: concert.yaml: line 7: No such file or directory\n");
	log_error("a");
	CHECK_TEXT(caught(), "concert[inspect]: error: a\n");
	log_notice("b");
	CHECK_TEXT(caught(), "concert[inspect]: notice: b\n");
	log_info("c");
	CHECK_TEXT(caught(), "concert[inspect]: info: c\n");
	log_debug("d");
	CHECK_TEXT(caught(), "concert[inspect]: debug: d\n");
	log_open("concert", LOG_LEVEL_NOTICE);
	log_notice("ready");
	CHECK_TEXT(caught(), "concert: notice: ready\n");
	catch_end();
}

TEST(level)
{
	catch_begin();
	log_open("inspect", LOG_LEVEL_WARNING);
	CHECK(log_level() == LOG_LEVEL_WARNING);
	log_notice("not this");
	log_debug("nor this");
	log_error("this");
	CHECK_TEXT(caught(), "concert[inspect]: error: this\n");
	CHECK_TEXT(caught(), "");
	catch_end();
}

TEST(hostile_text)
{
	static char longest[100000];
	const char *line;

	catch_begin();
	log_open("inspect", LOG_LEVEL_DEBUG);
	log_info("%s", "a\nconcert: error: no\r\x1b[2J\x7f \xc3\xa9 \xc2\x9b \xff");
	CHECK_TEXT(
	    caught(), "concert[inspect]: info: a\\x0aconcert: error: no\\x0d\\x1b[2J\\x7f \xc3\xa9 \\xc2\\x9b \\xff\n");
	memset(longest, '\n', sizeof(longest) - 1);
	log_info("%s", longest);
	line = caught();
	CHECK(strlen(line) < 4096 && line[strlen(line) - 1] == '\n' && strchr(line, '\n') == line + strlen(line) - 1);
	CHECK_TEXT(caught(), "");
	catch_end();
}

TEST(journal)
{
	catch_begin();
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("inspect", LOG_LEVEL_DEBUG);
	log_error("not the journal's");
	CHECK_TEXT(caught(), "concert[inspect]: error: not the journal's\n");
	unsetenv("JOURNAL_STREAM");
	log_open("inspect", LOG_LEVEL_DEBUG);
	catch_end();
}

TESTS(T(form), T(level), T(hostile_text), T(journal))
