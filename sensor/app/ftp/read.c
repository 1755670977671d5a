/*
 * FTP's lines and what stands in them (RFC 959, RFC 2428), read without state.  Bytes in, slices of them out.
 */
#include "app/ftp/own.h"

struct word {
	const char *text;
	enum ftp_word word;
	bool own; /* no other protocol with lines of text has it */
};

static const struct word words[] = {
	{"USER", FTP_USER, false}, {"PASS", FTP_PASS, false}, {"AUTH", FTP_AUTH, false}, {"PORT", FTP_PORT, true},
	{"EPRT", FTP_EPRT, true}, {"PASV", FTP_PASV, true}, {"EPSV", FTP_EPSV, true}, {"REST", FTP_REST, false},
	{"RETR", FTP_RETR, false}, {"STOR", FTP_STOR, true}, {"STOU", FTP_STOU, true}, {"APPE", FTP_APPE, true},
	{"LIST", FTP_LIST, false}, {"NLST", FTP_NLST, true}, {"MLSD", FTP_MLSD, true}, {"TYPE", FTP_TYPE, true},
	{"ABOR", FTP_OTHER, false}, {"ACCT", FTP_OTHER, false}, {"ADAT", FTP_OTHER, true}, {"ALLO", FTP_OTHER, true},
	{"AUTH_USER", FTP_OTHER, false}, {"CCC", FTP_OTHER, false}, {"CDUP", FTP_OTHER, true},
	{"CLNT", FTP_OTHER, true}, {"CONF", FTP_OTHER, false}, {"CSID", FTP_OTHER, true}, {"CWD", FTP_OTHER, true},
	{"DELE", FTP_OTHER, false}, {"DSIZ", FTP_OTHER, false}, {"ENC", FTP_OTHER, false}, {"ESTA", FTP_OTHER, false},
	{"ESTP", FTP_OTHER, false}, {"FEAT", FTP_OTHER, true}, {"HASH", FTP_OTHER, false},
	{"HELP", FTP_OTHER, false}, {"HOST", FTP_OTHER, false}, {"LANG", FTP_OTHER, false}, {"LPRT", FTP_OTHER, true},
	{"LPSV", FTP_OTHER, true}, {"MACB", FTP_OTHER, true}, {"MDTM", FTP_OTHER, true}, {"MFCT", FTP_OTHER, true},
	{"MFF", FTP_OTHER, true}, {"MFMT", FTP_OTHER, true}, {"MIC", FTP_OTHER, false}, {"MKD", FTP_OTHER, true},
	{"MLST", FTP_OTHER, true}, {"MODE", FTP_OTHER, false}, {"NOOP", FTP_OTHER, false},
	{"OPTS", FTP_OTHER, true}, {"PBSZ", FTP_OTHER, true}, {"PROT", FTP_OTHER, true}, {"PWD", FTP_OTHER, true},
	{"QUIT", FTP_OTHER, false}, {"REIN", FTP_OTHER, true}, {"RMD", FTP_OTHER, true}, {"RNFR", FTP_OTHER, true},
	{"RNTO", FTP_OTHER, true}, {"SITE", FTP_OTHER, true}, {"SIZE", FTP_OTHER, true}, {"SMNT", FTP_OTHER, true},
	{"STAT", FTP_OTHER, false}, {"STRU", FTP_OTHER, true}, {"SYST", FTP_OTHER, true}, {"THMB", FTP_OTHER, false},
	{"XCUP", FTP_OTHER, true}, {"XCRC", FTP_OTHER, true}, {"XCWD", FTP_OTHER, true}, {"XMD5", FTP_OTHER, true},
	{"XMKD", FTP_OTHER, true}, {"XPWD", FTP_OTHER, true}, {"XRMD", FTP_OTHER, true},
};

const char *
ftp_word_text(enum ftp_word word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].word == word)
			return words[i].text;
	return "";
}

enum cc_status
ftp_next_line(bool *in_line, struct cur *in, struct slice *ret_line, bool *ret_cut)
{
	while (cur_left(in) > 0) {
		struct slice rest = cur_rest(in);
		const uint8_t *end = memchr(rest.p, '\n', rest.size);
		size_t size = end != NULL ? (size_t)(end - rest.p) : rest.size;
		bool was_in = *in_line;

		if (end == NULL && !was_in && size < FTP_LINE_MAX)
			return CC_MORE;
		cur_skip(in, size + (end != NULL ? 1 : 0));
		*in_line = end == NULL;
		if (was_in)
			continue;
		*ret_cut = size >= FTP_LINE_MAX;
		if (*ret_cut)
			size = FTP_LINE_MAX;
		while (size > 0 && rest.p[size - 1] == '\r')
			size--;
		*ret_line = slice_of(rest.p, size);
		return CC_OK;
	}
	return CC_MORE;
}

/* Telnet's orders (RFC 854) stand before ABOR, from clients that want to be heard. */
static void
skip_telnet(struct cur *c)
{
	while (cur_left(c) >= 2 && c->p[0] == 0xff)
		cur_skip(c, c->p[1] >= 251 && c->p[1] <= 254 && cur_left(c) >= 3 ? 3 : 2);
	while (cur_left(c) > 0 && c->p[0] == 0xf2) /* the mark that urgent data left behind */
		cur_skip(c, 1);
}

static uint8_t
upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

void
ftp_command_read(struct slice line, struct ftp_command *ret_command)
{
	struct cur c = cur_slice(line);
	size_t size = 0;

	*ret_command = (struct ftp_command){.word = FTP_UNKNOWN};
	skip_telnet(&c);
	while (cur_left(&c) > 0 && c.p[0] != ' ' && c.p[0] != '\t' && size < FTP_WORD_MAX)
		ret_command->upper[size++] = (char)upper(cur_u8(&c));
	while (cur_left(&c) > 0 && (c.p[0] == ' ' || c.p[0] == '\t'))
		cur_skip(&c, 1);
	ret_command->argument = cur_rest(&c);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].text, ret_command->upper) == 0) {
			ret_command->word = words[i].word;
			ret_command->own = words[i].own;
		}
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

void
ftp_line_read(struct slice line, struct ftp_line *ret_line)
{
	*ret_line = (struct ftp_line){.text = line};
	if (line.size < 3 || line.p[0] < '1' || line.p[0] > '6' || !is_digit(line.p[1]) || !is_digit(line.p[2]))
		return;
	if (line.size > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return;
	ret_line->code = (line.p[0] - '0') * 100u + (line.p[1] - '0') * 10u + (line.p[2] - '0');
	ret_line->more = line.size > 3 && line.p[3] == '-';
	ret_line->text = line.size > 4 ? slice_of(line.p + 4, line.size - 4) : slice_of(line.p, 0);
}

/* A decimal number of at most five digits. */
static bool
number(struct cur *c, unsigned max, unsigned *ret_number)
{
	unsigned n = 0, digits = 0;

	while (cur_left(c) > 0 && is_digit(c->p[0]) && digits < 5) {
		n = n * 10 + (cur_u8(c) - '0');
		digits++;
	}
	*ret_number = n;
	return digits > 0 && n <= max;
}

static bool
six_numbers(struct cur *c, uint8_t ret_six[6])
{
	for (unsigned i = 0; i < 6; i++) {
		unsigned n;

		if (i > 0 && cur_u8(c) != ',')
			return false;
		if (!number(c, 255, &n))
			return false;
		ret_six[i] = (uint8_t)n;
	}
	return true;
}

bool
ftp_port_read(struct slice text, bool whole, struct cc_addr *ret_addr, uint16_t *ret_port)
{
	struct cur c = cur_slice(text);
	uint8_t six[6];

	for (; cur_left(&c) > 0; cur_skip(&c, 1)) {
		struct cur at = c;

		if (!is_digit(c.p[0]) || !six_numbers(&at, six)) {
			if (whole)
				return false;
			while (cur_left(&c) > 1 && is_digit(c.p[0]) && is_digit(c.p[1]))
				cur_skip(&c, 1);
			continue;
		}
		while (cur_left(&at) > 0 && at.p[0] == ' ')
			cur_skip(&at, 1);
		*ret_addr = cc_addr4(six);
		*ret_port = (uint16_t)(six[4] << 8 | six[5]);
		return !whole || cur_left(&at) == 0;
	}
	return false;
}

/* Up to the next delimiter, which is taken, too. */
static struct slice
part(struct cur *c, uint8_t delimiter)
{
	struct slice rest = cur_rest(c);
	const uint8_t *end = rest.size > 0 ? memchr(rest.p, delimiter, rest.size) : NULL;

	if (end == NULL) {
		c->bad = true;
		return slice_of(NULL, 0);
	}
	rest.size = (size_t)(end - rest.p);
	cur_skip(c, rest.size + 1);
	return rest;
}

bool
ftp_eprt_read(struct slice text, struct cc_addr *ret_addr, uint16_t *ret_port)
{
	struct cur c = cur_slice(text), digits;
	uint8_t delimiter = cur_u8(&c);
	struct slice family = part(&c, delimiter), host = part(&c, delimiter), port = part(&c, delimiter);
	char room[CC_ADDR_TEXT];
	unsigned n;

	digits = cur_slice(port);
	if (c.bad || (!slice_is(family, "1") && !slice_is(family, "2")) || host.size == 0 || host.size >= sizeof(room))
		return false;
	memcpy(room, host.p, host.size);
	room[host.size] = '\0';
	if (!number(&digits, 65535, &n) || cur_left(&digits) > 0 || cc_addr_parse(room, ret_addr) != CC_OK)
		return false;
	*ret_port = (uint16_t)n;
	return true;
}

bool
ftp_epsv_read(struct slice text, uint16_t *ret_port)
{
	struct cur c = cur_slice(text);
	uint8_t delimiter;
	unsigned n;

	(void)part(&c, '(');
	delimiter = cur_u8(&c);
	if (c.bad || cur_u8(&c) != delimiter || cur_u8(&c) != delimiter || !number(&c, 65535, &n) ||
	    cur_u8(&c) != delimiter)
		return false;
	*ret_port = (uint16_t)n;
	return !c.bad;
}
