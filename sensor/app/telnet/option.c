/*
 * Telnet's options (RFC 855 and those of each option), and: is this Telnet?
 *
 *     IAC | WILL, WONT, DO, DONT | option                  wished for, refused
 *     IAC | SB | option | bytes, 255 twice | IAC | SE      what an option has to say
 */
#include "app/telnet/own.h"

void
telnet_option(struct telnet_state *state, enum cc_dir dir, unsigned command, unsigned option)
{
	struct telnet_options *options = &state->options[dir];

	if (options->count == TELNET_OPTIONS_MAX)
		return;
	options->item[options->count].command = (uint8_t)command;
	options->item[options->count++].option = (uint8_t)option;
}

/* "do:24 will:31 …", in the order in which a side said it: programs differ in that. */
void
telnet_put_options(struct cc_ctx *ctx, struct telnet_state *state)
{
	static const char *const word[] = {"will", "wont", "do", "dont"};

	for (int dir = 0; dir < 2; dir++) {
		const struct telnet_options *options = &state->options[dir];
		uint8_t room[10 * TELNET_OPTIONS_MAX];
		struct buf text;

		buf_over(&text, room, sizeof(room));
		for (unsigned i = 0; i < options->count; i++)
			buf_printf(&text, "%s%s:%u", i > 0 ? " " : "", word[options->item[i].command - TELNET_WILL],
			    options->item[i].option);
		if (options->count > 0)
			cc_put(ctx, state->tx, dir == CC_TO_SERVER ? F_CLIENT_OPTIONS : F_SERVER_OPTIONS,
			    buf_slice(&text));
	}
}

/* Bytes with 255 once. */
static struct slice
unstuff(struct slice raw, uint8_t room[TELNET_VALUE_MAX])
{
	size_t size = 0;

	for (size_t i = 0; i < raw.size && size < TELNET_VALUE_MAX; i++) {
		room[size++] = raw.p[i];
		if (raw.p[i] == TELNET_IAC)
			i++;
	}
	return slice_of(room, size);
}

static void
put_once(struct cc_ctx *ctx, struct telnet_state *state, unsigned field, struct slice value)
{
	struct cc_tx *tx = telnet_tx(ctx, state);

	if (tx != NULL && value.size > 0 && cc_get(tx, field) == NULL) {
		cc_put(ctx, tx, field, value);
		cc_tx_update(ctx, tx, CC_TO_SERVER);
	}
}

/* NEW-ENVIRON (RFC 1572): IS 0 or INFO 2 { VAR 0 or USERVAR 3, name, [VALUE 1, value] }, ESC 2 before any of these. */
static void
put_environ(struct cc_ctx *ctx, struct telnet_state *state, struct slice all)
{
	struct cur c = cur_slice(all);
	unsigned kind = cur_u8(&c);

	if (kind != 0 && kind != 2)
		return;
	while (cur_left(&c) > 0 && state->vars < TELNET_VARS_MAX) {
		uint8_t text[TELNET_VALUE_MAX];
		size_t size = 0, value = 0;

		cur_skip(&c, 1); /* VAR or USERVAR */
		while (cur_left(&c) > 0 && c.p[0] != 0 && c.p[0] != 3) {
			uint8_t byte = cur_u8(&c);

			if (byte == 1 && value == 0) {
				byte = '=';
				value = size + 1;
			} else if (byte == 2) {
				byte = cur_u8(&c);
			}
			if (size < sizeof(text))
				text[size++] = byte;
		}
		if (value == 0 || value > size)
			continue;
		state->vars++;
		cc_put(ctx, telnet_tx(ctx, state), F_ENVIRON, slice_of(text, size));
		if (value == 5 && memcmp(text, "USER", 4) == 0 && size > value) {
			put_once(ctx, state, F_USER, slice_of(text + value, size - value));
			if (text[value] == '-')
				telnet_report(ctx, state, A_USER_IS_OPTION);
		}
	}
	cc_tx_update(ctx, state->tx, CC_TO_SERVER);
}

bool
telnet_suboption(struct cc_ctx *ctx, struct telnet_state *state, enum cc_dir dir, unsigned option, struct slice raw)
{
	uint8_t room[TELNET_VALUE_MAX];
	struct slice value = unstuff(raw, room);

	if (value.size == 0)
		return true;
	switch (option) {
	case TELNET_TERMINAL:
	case TELNET_DISPLAY:
		if (dir == CC_TO_SERVER && value.p[0] == 0)
			put_once(ctx, state, option == TELNET_TERMINAL ? F_TERMINAL : F_DISPLAY,
			    slice_of(value.p + 1, value.size - 1));
		return true;
	case TELNET_OLD_ENVIRON:
	case TELNET_ENVIRON:
		if (dir == CC_TO_SERVER)
			put_environ(ctx, state, value);
		return true;
	case TELNET_ENCRYPT: /* START */
		return value.p[0] != 3;
	case TELNET_START_TLS: /* FOLLOWS */
		state->tls[dir] = state->tls[dir] || value.p[0] == 1;
		return true;
	default:
		return true;
	}
}

/* ---- is this Telnet? ---- */

static bool
option_known(unsigned option)
{
	return option <= 49 || (option >= 138 && option <= 140) || option == 255;
}

static bool
is_text(uint8_t c)
{
	return (c >= ' ' && c < 0x7f) || (c >= 7 && c <= 13) || c == 27 || c == 0;
}

/* A prompt where no option is asked for: only on Telnet's own ports, for others have prompts, too. */
static bool
is_prompt(struct slice in)
{
	static const char *const words[] = {"login:", "username:", "user:", "password:"};
	size_t end = in.size;

	for (size_t i = 0; i < in.size; i++)
		if (!is_text(in.p[i]))
			return false;
	while (end > 0 && in.p[end - 1] == ' ')
		end--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i]);

		if (end >= size && text_eq_nocase(slice_of(in.p + end - size, size), words[i]))
			return true;
	}
	return false;
}

enum cc_status
telnet_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	unsigned iac = cur_u8(&c), command = cur_u8(&c), option = cur_u8(&c);

	if (in.size > 0 && iac != TELNET_IAC) {
		if (cc_other_known(ctx))
			return is_text(in.p[0]) ? CC_OK : CC_BAD;
		if (dir == CC_TO_CLIENT && (cc_server_port(ctx) == 23 || cc_server_port(ctx) == 2323))
			return is_prompt(in) ? CC_OK : is_text(in.p[0]) ? CC_MORE : CC_BAD;
		return CC_BAD;
	}
	if (in.size > 1 && (command < TELNET_SB || command > TELNET_DONT))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (!option_known(option))
		return CC_BAD;
	if (command == TELNET_SB || cur_left(&c) == 0)
		return CC_OK;
	return c.p[0] == TELNET_IAC || is_text(c.p[0]) ? CC_OK : CC_BAD;
}
