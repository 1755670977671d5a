/*
 * Who logs in: the server's prompts tell what the client's next line is.  Typed bytes may come one by one, with
 * corrections. The password is never kept; only whether there was one.
 */
#include "app/telnet/own.h"

static bool
ends(const struct telnet_state *state, const char *word)
{
	size_t size = strlen(word);

	return state->tail_size >= size && memcmp(state->tail + state->tail_size - size, word, size) == 0;
}

/* The server's text without spaces, as far as its last letters. */
static void
tail_add(struct telnet_state *state, uint8_t c)
{
	if (c <= ' ' || c >= 0x7f)
		return;
	if (c >= 'A' && c <= 'Z')
		c |= 0x20;
	if (state->tail_size == TELNET_TAIL) {
		memmove(state->tail, state->tail + 1, TELNET_TAIL - 1);
		state->tail_size--;
	}
	state->tail[state->tail_size++] = c;
}

static void
result(struct cc_ctx *ctx, struct telnet_state *state, bool success)
{
	cc_put_uint(ctx, telnet_tx(ctx, state), F_SUCCESS, success);
	state->asked = ASKED_NOTHING;
	telnet_tell(ctx, state);
}

/* Words that end an attempt, as they come by. */
static void
judge(struct cc_ctx *ctx, struct telnet_state *state)
{
	static const char *const bad[] = {"incorrect", "failed", "denied", "invalid", "failure", "badpassword"};
	static const char *const good[] = {"lastlogin", "welcome", "busybox"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) && state->asked == ASKED_RESULT; i++)
		if (ends(state, bad[i]))
			result(ctx, state, false);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) && state->asked == ASKED_RESULT; i++)
		if (ends(state, good[i]))
			result(ctx, state, true);
}

void
telnet_shown(struct cc_ctx *ctx, struct telnet_state *state, struct slice text)
{
	/* The name that is typed is shown again: that is no prompt. */
	if (state->asked == ASKED_USER && state->user_size > 0)
		return;
	for (size_t i = 0; i < text.size; i++) {
		if (text.p[i] == '\n')
			state->tail_size = 0;
		tail_add(state, text.p[i]);
		if (state->asked == ASKED_RESULT)
			judge(ctx, state);
	}
	if (ends(state, "lastlogin:"))
		return;
	if (ends(state, "login:") || ends(state, "username:") || ends(state, "user:") || ends(state, "loginname:")) {
		if (state->asked == ASKED_RESULT)
			result(ctx, state, false);
		state->asked = ASKED_USER;
		state->user_size = 0;
	} else if (ends(state, "password:") || ends(state, "passwd:") || ends(state, "passcode:")) {
		if (state->asked == ASKED_RESULT)
			result(ctx, state, false);
		state->asked = ASKED_PASSWORD;
		state->typed_password = false;
	} else if (state->asked == ASKED_RESULT &&
		   (ends(state, "$") || ends(state, "#") || ends(state, ">") || ends(state, "%"))) {
		result(ctx, state, true);
	}
}

static void
line_end(struct cc_ctx *ctx, struct telnet_state *state)
{
	struct cc_tx *tx;

	if (state->asked == ASKED_USER) {
		if (state->user_size > 0) {
			tx = telnet_tx(ctx, state);
			if (tx != NULL && cc_get(tx, F_USER) == NULL)
				cc_put(ctx, tx, F_USER, slice_of(state->user, state->user_size));
			cc_tx_update(ctx, tx, CC_TO_SERVER);
		}
		state->asked = ASKED_NOTHING;
	} else if (state->asked == ASKED_PASSWORD) {
		(void)telnet_tx(ctx, state);
		if (state->typed_password)
			telnet_report(ctx, state, A_CREDENTIALS);
		state->asked = ASKED_RESULT;
	}
	state->tail_size = 0;
}

void
telnet_typed(struct cc_ctx *ctx, struct telnet_state *state, struct slice text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.p[i];
		bool again = state->cr && (c == '\n' || c == 0);

		state->cr = c == '\r';
		if (again)
			continue;
		if (c == '\r' || c == '\n') {
			line_end(ctx, state);
		} else if (state->asked == ASKED_PASSWORD) {
			state->typed_password = true;
		} else if (state->asked == ASKED_USER) {
			if (c == 0x08 || c == 0x7f)
				state->user_size = (uint8_t)(state->user_size - (state->user_size > 0));
			else if (c >= ' ' && state->user_size < TELNET_USER_MAX)
				state->user[state->user_size++] = c;
		}
	}
}
