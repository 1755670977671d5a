/*
 * concert keys: the key that the sensor signs with.  Its fingerprint is what people compare by telephone before a
 * partner puts it into his trust file; `show --trust` prints the stanza for that file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cmd/desk.h"
#include "exchange/exchange.h"

int cmd_keys(int argc, char **argv);

static const char *
state_of(const struct key_entry *e, bool present, uint64_t now)
{
	if (e->revoked != 0 && now >= e->revoked)
		return "revoked";
	if (e->until != 0 && now > e->until)
		return "ended";
	return present ? "signs" : "valid";
}

static void
print_time(const char *name, uint64_t time)
{
	char text[40];

	if (time != 0)
		printf("%s%s\n", name, time_rfc3339_text(time, text));
}

static void
print_text(const struct key_list *list)
{
	uint64_t now = time_now();

	for (size_t i = list->count; i > 0; i--) {
		const struct key_entry *e = &list->entry[i - 1];

		printf("fingerprint  %s\n", e->kid);
		printf("jwk          {\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}\n", e->x);
		print_time("from         ", e->from);
		print_time("until        ", e->until);
		print_time("revoked at   ", e->revoked);
		printf("state        %s\n", state_of(e, i == list->count, now));
		if (i > 1)
			putchar('\n');
	}
}

static void
print_json(const struct conf *conf, const struct key_list *list, const struct agreement *agreement)
{
	struct buf out;
	struct json json = json_into(&out);
	const char *old;
	uint64_t until;

	buf_open(&out, 1u << 20);
	json_object(&json, NULL);
	json_text(&json, "organisation", conf->sensor_organisation);
	json_text(&json, "sensor", conf->sensor_name);
	json_text(&json, "fingerprint", list->entry[list->count - 1].kid);
	json_text(&json, "state", state_of(&list->entry[list->count - 1], true, time_now()));
	keys_json(&json, list);
	if (agreement != NULL)
		agreement_json(&json, "agreement", agreement_x(agreement), 0);
	if (agreement != NULL && (old = agreement_old_x(agreement, &until))[0] != '\0')
		agreement_json(&json, "agreement_old", old, until);
	json_end_object(&json);
	printf("%.*s\n", (int)out.size, (const char *)out.p);
	buf_close(&out);
}

/* What a partner puts into his exchange.trust. */
static void
print_trust(const struct conf *conf, const struct key_list *list, const struct agreement *agreement)
{
	uint64_t now = time_now();

	printf("organisations:\n  - id: %s\n    receive: green\n    keys:\n", conf->sensor_organisation);
	for (size_t i = 0; i < list->count; i++) {
		const struct key_entry *e = &list->entry[i];

		if (e->until != 0 && now > e->until)
			continue;
		printf("      - fingerprint: %s\n        x: %s\n", e->kid, e->x);
		print_time("        from: ", e->from);
		print_time("        until: ", e->until);
		print_time("        revoked_at: ", e->revoked);
	}
	if (agreement != NULL)
		printf("    agreement:\n      fingerprint: %s\n      x: %s\n", agreement_kid(agreement),
		    agreement_x(agreement));
}

static enum cc_status
show(const struct cmd_options *o, char **ret_why)
{
	struct agreement *agreement = NULL;
	struct key_list list;
	uint64_t until;
	enum cc_status st = keys_load(o->conf, o->outdir, &list, ret_why);

	if (st == CC_OK && (st = agreement_open(o->outdir, false, &agreement, ret_why)) == CC_ABSENT)
		st = CC_OK; /* made by the first of the desk's commands, or by `keys make` */
	if (st != CC_OK)
		return st;
	if (o->trust)
		print_trust(o->conf, &list, agreement);
	else if (o->json)
		print_json(o->conf, &list, agreement);
	else
		print_text(&list);
	if (agreement != NULL && !o->trust && !o->json) {
		printf("\nagreement    %s\njwk          {\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"%s\"}\n",
		    agreement_kid(agreement), agreement_x(agreement));
		if (agreement_old_x(agreement, &until)[0] != '\0')
			print_time("before it    another, which opens until ", until);
	}
	agreement_close(agreement);
	return CC_OK;
}

static enum cc_status
revoke_key(const struct cmd_options *o, const char *kid, const char *when, char **ret_why)
{
	uint64_t at = time_now();
	struct key_entry entry;

	if (when != NULL && time_rfc3339_parse(when, &at) != CC_OK) {
		if (asprintf(ret_why, "'%s' is no time like 2026-01-31T23:59:59Z", when) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	return keys_revoke(o->conf, o->outdir, kid, at, &entry, ret_why);
}

/* The address behind a pseudonym of ours; nobody learns it without a line in the audit log. */
static enum cc_status
reveal(const struct cmd_options *o, const char *pseudonym, const char *reason, char **ret_why)
{
	struct victims *victims = NULL;
	struct cc_addr addr;
	char text[CC_ADDR_TEXT];
	const char *wrong = NULL;
	struct buf line;
	struct json json = json_into(&line);
	enum cc_status st = victims_open(o->conf, o->outdir, &victims, ret_why);

	if (st == CC_OK && (st = victims_reveal(victims, slice_str(pseudonym), &addr, &wrong)) != CC_OK &&
	    (*ret_why = strdup(wrong)) == NULL)
		st = CC_NOMEM;
	victims_close(victims);
	if (st != CC_OK)
		return st;
	cc_addr_text(&addr, text);
	st = audit_note(o->outdir, "reveal",
	    (const char *const[]){"to", "here", "pseudonym", pseudonym, "address", text, "why", reason, NULL}, ret_why);
	if (st != CC_OK)
		return st;
	buf_open(&line, 65536);
	json_object(&json, NULL);
	json_text(&json, "pseudonym", pseudonym);
	json_text(&json, "address", text);
	json_end_object(&json);
	if (o->json)
		printf("%.*s\n", (int)line.size, (const char *)line.p);
	else
		puts(text);
	buf_close(&line);
	return CC_OK;
}

static enum cc_status
act(const struct cmd_options *o, const char *word, bool of_agreement, char *const *rest, int count, char **ret_why)
{
	struct agreement *agreement = NULL;
	struct key *key = NULL;
	enum cc_status st = CC_OK;

	if (strcmp(word, "make") == 0 && (st = key_open(o->conf, o->outdir, true, &key, ret_why)) == CC_OK)
		st = agreement_open(o->outdir, true, &agreement, ret_why);
	if (strcmp(word, "rotate") == 0 && of_agreement)
		st = agreement_rotate(o->conf, o->outdir, time_now(), ret_why);
	else if (strcmp(word, "rotate") == 0)
		st = keys_rotate(o->conf, o->outdir, time_now(), &key, ret_why);
	else if (strcmp(word, "revoke") == 0)
		st = revoke_key(o, count > 0 ? rest[0] : NULL, count > 1 ? rest[1] : NULL, ret_why);
	key_close(key);
	agreement_close(agreement);
	return st == CC_OK ? show(o, ret_why) : st;
}

int
cmd_keys(int argc, char **argv)
{
	static const char *const words[] = {"make", "show", "rotate", "revoke", "reveal"};
	struct cmd_word own[] = {{.name = "why"}, {.name = "agreement", .flag = true}};
	const struct command *command = &cmd_table[0];
	const char *word = NULL;
	struct cmd_options o;
	char *why = NULL;
	int code = EXIT_USAGE;
	bool reveals;

	while (command->run != cmd_keys)
		command++;
	if (!cmd_words(&argc, argv, own, 2))
		return code;
	if (cmd_options(command, argc, argv, "c:l:v", &o)) {
		for (size_t i = 0; i < 5 && optind < argc; i++) {
			if (strcmp(argv[optind], words[i]) == 0)
				word = words[i];
		}
		reveals = word != NULL && strcmp(word, "reveal") == 0;
		if (word == NULL ||
		    argc - optind > (strcmp(word, "revoke") == 0 ? 3
					: reveals                ? 2
								 : 1) ||
		    (reveals && argc - optind < 2)) {
			cmd_usage(command);
		} else {
			enum cc_status st = reveals ? reveal(&o, argv[optind + 1], cmd_value(own, 2, "why"), &why)
						    : act(&o, word, own[1].count > 0, argv + optind + 1, argc - optind - 1, &why);

			code = st == CC_OK ? EXIT_DONE : st == CC_BAD ? EXIT_USAGE : EXIT_FAILED;
			if (st != CC_OK)
				fprintf(stderr, "concert keys: %s%s\n", why != NULL ? why : cc_status_text(st),
				    st != CC_BAD && strcmp(word, "show") == 0 ? " (concert keys make makes one)" : "");
		}
	}
	free(why);
	cmd_options_close(&o);
	return code;
}
