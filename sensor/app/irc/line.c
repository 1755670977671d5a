/*
 * A line of IRC (RFC 1459, RFC 2812, IRCv3's tags), and: is this IRC?  Bytes in, slices of them out; no state.
 *
 *     [@tags SPACE] [:source SPACE] command {SPACE param} [SPACE :text] CR LF
 *
 * Spaces are taken as they come: programs put several, and before the line.
 */
#include "app/irc/own.h"

struct slice
irc_word(struct slice *text)
{
	struct slice word = *text;
	size_t size = 0;

	while (size < text->size && text->p[size] != ' ')
		size++;
	word.size = size;
	while (size < text->size && text->p[size] == ' ')
		size++;
	*text = slice_of(text->p + size, text->size - size);
	return word;
}

struct slice
irc_text(const struct irc_line *line)
{
	return line->has_text ? line->param[line->count - 1] : slice_of("", 0);
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters, or three digits. */
static bool
command_right(struct irc_line *line)
{
	uint64_t number;

	if (line->command.size == 3 && digits_parse(line->command, 999, &number)) {
		line->number = (unsigned)number;
		return number > 0;
	}
	for (size_t i = 0; i < line->command.size; i++)
		if (!is_letter(line->command.p[i]))
			return false;
	return line->command.size > 0 && line->command.size <= 16;
}

bool
irc_read(struct slice text, struct irc_line *ret_line)
{
	struct irc_line line = {.count = 0};

	while (text.size > 0 && text.p[0] == ' ')
		text = slice_of(text.p + 1, text.size - 1);
	if (text.size > 0 && text.p[0] == '@') {
		line.tags = irc_word(&text);
		line.tags = slice_of(line.tags.p + 1, line.tags.size - 1);
	}
	if (text.size > 0 && text.p[0] == ':') {
		line.source = irc_word(&text);
		line.source = slice_of(line.source.p + 1, line.source.size - 1);
		if (line.source.size == 0)
			return false;
	}
	line.command = irc_word(&text);
	if (!command_right(&line))
		return false;
	while (text.size > 0 && line.count < IRC_PARAMS) {
		if (text.p[0] == ':' || line.count == IRC_PARAMS - 1) {
			size_t drop = text.p[0] == ':';

			line.param[line.count++] = slice_of(text.p + drop, text.size - drop);
			line.has_text = true;
			break;
		}
		line.param[line.count++] = irc_word(&text);
	}
	*ret_line = line;
	return true;
}

/* ---- is this IRC? ---- */

static bool
nick_right(struct slice nick)
{
	for (size_t i = 0; i < nick.size; i++) {
		uint8_t c = nick.p[i];
		bool special = (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7d);

		if (!is_letter(c) && !special && (i == 0 || ((c < '0' || c > '9') && c != '-')) && c < 0x80)
			return false;
	}
	return nick.size > 0 && nick.size <= IRC_NAME_MAX;
}

static bool
is_channel(struct slice name)
{
	return name.size > 1 && (name.p[0] == '#' || name.p[0] == '&' || name.p[0] == '+' || name.p[0] == '!');
}

enum { NO, MAYBE, SURE };

struct judged {
	const char *command;
	uint8_t least;             /* parameters */
	uint8_t client, server;    /* whose word it is: NO, MAYBE, SURE */
};

static const struct judged judged[] = {
	{"NICK", 1, SURE, SURE}, {"USER", 4, SURE, NO}, {"USER", 1, MAYBE, NO}, {"PASS", 1, MAYBE, NO},
	{"CAP", 1, SURE, SURE},
	{"JOIN", 1, MAYBE, SURE}, {"PART", 1, MAYBE, SURE}, {"PRIVMSG", 2, SURE, SURE}, {"NOTICE", 2, SURE, SURE},
	{"MODE", 1, MAYBE, SURE}, {"TOPIC", 1, MAYBE, SURE}, {"KICK", 2, MAYBE, SURE}, {"INVITE", 2, MAYBE, SURE},
	{"PING", 0, MAYBE, MAYBE}, {"PONG", 0, MAYBE, MAYBE}, {"QUIT", 0, MAYBE, SURE}, {"ERROR", 1, NO, SURE},
	{"WHO", 0, MAYBE, NO}, {"WHOIS", 1, MAYBE, NO}, {"USERHOST", 1, SURE, NO}, {"LUSERS", 0, SURE, NO},
	{"MOTD", 0, SURE, NO},
	{"LIST", 0, MAYBE, NO}, {"OPER", 2, SURE, NO}, {"AWAY", 0, MAYBE, SURE}, {"AUTHENTICATE", 1, MAYBE, MAYBE},
	{"STARTTLS", 0, MAYBE, NO}, {"WEBIRC", 4, SURE, NO}, {"TAGMSG", 1, MAYBE, SURE}, {"ISON", 1, SURE, NO},
};

static unsigned
judge(const struct irc_line *line, enum cc_dir dir)
{
	if (line->number > 0)
		return dir == CC_TO_CLIENT && line->source.size > 0 && line->count > 0 ? SURE : NO;
	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		const struct judged *at = &judged[i];

		if (!text_eq_nocase(line->command, at->command) || line->count < at->least)
			continue;
		if (text_eq_nocase(line->command, "NICK") && !nick_right(line->param[0]))
			return NO;
		if (dir == CC_TO_SERVER && at->client == MAYBE && line->count > 0 && is_channel(line->param[0]))
			return SURE;
		if (dir == CC_TO_SERVER)
			return at->client;
		/* A server signs what it says, but for its greeting and its last word. */
		if (line->source.size == 0 && at->server == SURE && !text_eq_nocase(line->command, "NOTICE") &&
		    !text_eq_nocase(line->command, "ERROR"))
			return MAYBE;
		return at->server;
	}
	return NO;
}

/* May the beginning of a line become one of ours? */
static bool
may_begin(struct slice text)
{
	size_t i = 0;

	while (i < text.size && text.p[i] == ' ')
		i++;
	return text.size < 1024 && (i == text.size || text.p[i] == ':' || text.p[i] == '@' || is_letter(text.p[i]));
}

enum cc_status
irc_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	while (in.size > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.size);
		size_t size = lf != NULL ? (size_t)(lf - in.p) : in.size;
		struct slice text = slice_of(in.p, size);
		struct irc_line line;
		unsigned is;

		if (lf == NULL)
			return may_begin(text) && memchr(text.p, 0, text.size) == NULL ? CC_MORE : CC_BAD;
		in = slice_of(lf + 1, in.size - size - 1);
		if (text.size > 0 && text.p[text.size - 1] == '\r')
			text.size--;
		if (text.size == 0)
			continue;
		if (memchr(text.p, 0, text.size) != NULL || !irc_read(text, &line))
			return CC_BAD;
		is = judge(&line, dir);
		if (is == NO)
			return CC_BAD;
		if (is == SURE || cc_other_known(ctx))
			return CC_OK;
	}
	return CC_MORE;
}
