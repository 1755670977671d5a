/*
 * One line, one write() to standard error: "concert[inspect]: warning: text".  Where standard error is the journal's
 * stream, the line begins with its priority, "<4>" (sd-daemon(3)).  Text from the network may be in a message, so
 * control characters are escaped: no line breaks, no terminal sequences.  Any thread; errno is kept.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"

#define LINE_MAX_SIZE 2048

/* Written by log_open() alone, before there are threads; the level is read everywhere. */
static struct {
	char process[32]; /* "[inspect]" or "" */
	bool journal;
	_Atomic int level;
} state = {"", false, LOG_LEVEL_NOTICE};

/* JOURNAL_STREAM is "device:inode" of the stream that was handed over (systemd.exec(5)). */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
	       st.st_dev == device && st.st_ino == inode;
}

void
log_open(const char *process, enum log_level level)
{
	if (process == NULL || strcmp(process, "concert") == 0)
		state.process[0] = '\0';
	else
		snprintf(state.process, sizeof(state.process), "[%s]", process);
	state.journal = is_journal(STDERR_FILENO);
	atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

enum log_level
log_level(void)
{
	return (enum log_level)atomic_load_explicit(&state.level, memory_order_relaxed);
}

/* Copies text and escapes what a terminal or a line reader could mistake; the end of what was written. */
static char *
write_clean(const char *text, char *to, const char *to_end)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);

	while (p < end) {
		size_t size = utf8_char_size(p, end);
		bool odd =
		    size == 0 || (size == 1 && (*p < 0x20 || *p == 0x7f)) || (size == 2 && *p == 0xc2 && p[1] < 0xa0);

		if (odd && (size_t)(to_end - to) > 4) {
			to += snprintf(to, 5, "\\x%02x", (unsigned)*p++);
		} else if (!odd && (size_t)(to_end - to) >= size) {
			memcpy(to, p, size);
			to += size;
			p += size;
		} else {
			break;
		}
	}
	return to;
}

static void
write_line(enum log_level level, const char *format, va_list args)
{
	static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
	static const char *const priorities[] = {"<3>", "<4>", "<5>", "<6>", "<7>"};
	char text[LINE_MAX_SIZE], line[LINE_MAX_SIZE + 64], *to;
	int kept = errno, head;
	ssize_t written;

	if ((int)level > atomic_load_explicit(&state.level, memory_order_relaxed))
		return;
	(void)vsnprintf(text, sizeof(text), format, args);
	head = snprintf(line, sizeof(line), "%sconcert%s: %s: ", state.journal ? priorities[level] : "", state.process,
	    words[level]);
	to = write_clean(text, line + head, line + sizeof(line) - 1);
	*to++ = '\n';
	do
		written = write(STDERR_FILENO, line, (size_t)(to - line));
	while (written < 0 && errno == EINTR);
	errno = kept;
}

void
log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_ERROR, format, args);
	va_end(args);
}

void
log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_WARNING, format, args);
	va_end(args);
}

void
log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_NOTICE, format, args);
	va_end(args);
}

void
log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_INFO, format, args);
	va_end(args);
}

void
log_debug(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_LEVEL_DEBUG, format, args);
	va_end(args);
}
