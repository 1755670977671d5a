/*
 * Is this FTP?  Its first lines look like those of SMTP (220), POP3 and IRC (USER, PASS), so a side is taken only at a
 * line that none of them has: a greeting that says so, a code or a command of FTP's own.  Where the other side is known
 * already, or the port is FTP's, a line that FTP has is enough.
 */
#include "app/ftp/own.h"

#define TEXT_MAX 512    /* of a greeting's line that words are looked for in */
#define COMMAND_MAX 512 /* of a command without an end that is waited for */

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Is word, in lower case, somewhere in text? */
static bool
says(struct slice text, const char *word)
{
	size_t size = strlen(word), end = text.size < TEXT_MAX ? text.size : TEXT_MAX;

	for (size_t i = 0; i + size <= end; i++) {
		size_t k = 0;

		while (k < size && lower(text.p[i + k]) == (uint8_t)word[k])
			k++;
		if (k == size)
			return true;
	}
	return false;
}

static bool
is_text(struct slice line)
{
	size_t end = line.size < TEXT_MAX ? line.size : TEXT_MAX;

	for (size_t i = 0; i < end; i++)
		if ((line.p[i] < ' ' && line.p[i] != '\t' && line.p[i] != 0x1b) || line.p[i] == 0x7f)
			return false;
	return true;
}

/* Codes that SMTP lacks; POP3 and IRC have none. */
static bool
code_own(unsigned code)
{
	static const uint16_t own[] = {110, 120, 125, 150, 200, 202, 212, 213, 215, 225, 226, 227, 228, 229, 230, 231,
	    232, 234, 257, 331, 332, 350, 425, 426, 434, 522, 532, 536, 0};

	for (unsigned i = 0; own[i] != 0; i++)
		if (own[i] == code)
			return true;
	return false;
}

/* A reply in the middle of a connection that none but FTP's servers would give. */
static bool
reply_sure(const struct ftp_line *line)
{
	struct cc_addr addr;
	uint16_t port;

	switch (line->code) {
	case 227:
		return ftp_port_read(line->text, false, &addr, &port);
	case 229:
		return ftp_epsv_read(line->text, &port);
	case 331:
		return says(line->text, "password") || says(line->text, "anonymous");
	case 230:
		return says(line->text, "logged in") || says(line->text, "login");
	case 125:
	case 150:
		return says(line->text, "data connection") || says(line->text, "opening");
	case 226:
		return says(line->text, "transfer");
	default:
		return false;
	}
}

/* What a greeting's line says: CC_OK FTP, CC_BAD something else, CC_MORE neither. */
static enum cc_status
greeting(const struct ftp_line *line)
{
	bool mail = says(line->text, "smtp"), ftp = says(line->text, "ftp");

	if (mail)
		return ftp ? CC_MORE : CC_BAD;
	return ftp || says(line->text, "filezilla") ? CC_OK : CC_MORE;
}

static enum cc_status
probe_server(struct slice in, bool likely)
{
	struct cur c = cur_slice(in);
	struct ftp_line line;
	struct slice text;
	unsigned first = 0, count = 0, own = 0;
	bool in_line = false, cut, in_greeting = true;

	if (in.size > 0 && (in.p[0] < '1' || in.p[0] > '5'))
		return CC_BAD;
	for (; ftp_next_line(&in_line, &c, &text, &cut) == CC_OK; count++) {
		ftp_line_read(text, &line);
		if (!is_text(text) || (count == 0 && line.code == 0))
			return CC_BAD;
		if (count == 0)
			first = line.code;
		if (count == 0 && likely && !says(text, "smtp"))
			return line.code == 220 || line.code == 421 || line.code == 530 || code_own(line.code) ? CC_OK :
			    CC_BAD;
		if (first == 220 && in_greeting) {
			enum cc_status st = greeting(&line);

			if (st != CC_MORE)
				return st;
			in_greeting = line.code != 220 || line.more;
			continue;
		}
		if (reply_sure(&line) || (code_own(line.code) && (first == 220 || ++own == 2)))
			return CC_OK;
		if (line.code == 250 && first == 220)
			return CC_BAD;
	}
	for (size_t i = 0; count == 0 && i < in.size && i < 3; i++)
		if (in.p[i] < '0' || in.p[i] > '9')
			return CC_BAD;
	return CC_MORE;
}

/* An argument as this command has it: for words that are short and could be anybody's. */
static bool
argument_fits(const struct ftp_command *command)
{
	struct slice arg = command->argument;
	struct cc_addr addr;
	uint16_t port;

	switch (command->word) {
	case FTP_PORT:
		return ftp_port_read(arg, true, &addr, &port);
	case FTP_EPRT:
		return ftp_eprt_read(arg, &addr, &port);
	case FTP_TYPE:
		return arg.size > 0 && memchr("AaEeIiLl", arg.p[0], 8) != NULL && (arg.size == 1 || arg.p[1] == ' ');
	case FTP_PASV:
		return arg.size == 0;
	default:
		return true;
	}
}

/* "AUTH PLAIN" is mail's; IRC's USER has four arguments. */
static enum cc_status
command_probe(const struct ftp_command *command, bool likely)
{
	struct slice arg = command->argument;
	const uint8_t *space = arg.size > 0 ? memchr(arg.p, ' ', arg.size) : NULL;

	if (command->word == FTP_UNKNOWN || (!likely && !is_text(arg)))
		return CC_BAD;
	if (command->word == FTP_AUTH)
		return text_eq_nocase(arg, "tls") || text_eq_nocase(arg, "ssl") || text_eq_nocase(arg, "tls-c")
			   ? CC_OK
			   : CC_BAD;
	if (command->own)
		return argument_fits(command) ? CC_OK : CC_BAD;
	if (likely)
		return CC_OK;
	if (command->word == FTP_USER && space != NULL)
		return CC_BAD;
	return CC_MORE;
}

static enum cc_status
probe_client(struct slice in, bool likely)
{
	struct cur c = cur_slice(in);
	struct ftp_command command;
	struct slice text;
	bool in_line = false, cut;
	unsigned count = 0;

	for (; ftp_next_line(&in_line, &c, &text, &cut) == CC_OK; count++) {
		enum cc_status st;

		ftp_command_read(text, &command);
		st = command_probe(&command, likely);
		if (st != CC_MORE)
			return st;
	}
	if (cur_left(&c) == 0)
		return CC_MORE;
	text = cur_rest(&c);
	while (text.size > 0 && text.p[text.size - 1] == '\r')
		text.size--;
	ftp_command_read(text, &command);
	if (command.argument.size > COMMAND_MAX) /* its end isn't worth waiting for */
		return command_probe(&command, likely);
	/* A word that isn't whole yet may become one. */
	return command.word != FTP_UNKNOWN || (command.argument.size == 0 && text.size < 10 && is_text(text)) ?
	    CC_MORE : CC_BAD;
}

enum cc_status
ftp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	bool likely = cc_other_known(ctx) || cc_server_port(ctx) == 21;

	if (dir == CC_TO_SERVER)
		return probe_client(in, likely);
	return probe_server(in, likely);
}
