/*
 * concert correlate: what partners and we have sent, verified, put together to cases.
 *
 * Every message comes by the inbox: what is refused counts by its verdict and nothing else is done with it.  With --once all
 * that is there is read and the cases are written whole, to a file beside and then in its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "exchange/exchange.h"
#include "joint/joint.h"

int cmd_correlate(int argc, char **argv);

#define WAIT_MS 200
#define QUIET_KAFKA_MS 3000

struct correlating {
	const struct cmd_options *options;
	struct trust *trust;
	struct quarantine *quarantine;
	struct inbox *inbox;
	struct joint *joint;
	struct buf scratch;
	uint64_t sightings, unreadable;
};

static int
trouble(const char *what, char *why)
{
	fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : what);
	free(why);
	return EXIT_FAILED;
}

/* policy.networks of the trust file, and our own home. */
static void
tell_homes(struct correlating *c)
{
	for (size_t i = 0; i < trust_count(c->trust); i++) {
		const struct trust_organisation *o = trust_at(c->trust, i);
		const char *p = conf_map_get(&o->policy, "networks");
		char prefix[64];

		for (; p != NULL && *p != '\0'; p += strcspn(p, " ,")) {
			p += strspn(p, " ,");
			snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(p, " ,"), p);
			if (prefix[0] != '\0' && joint_home(c->joint, o->id, prefix) != CC_OK)
				fprintf(stderr, "concert correlate: exchange.trust: %s: '%s' is no network\n", o->id, prefix);
		}
	}
	for (size_t i = 0; i < c->options->conf->indicate_home.count; i++)
		(void)joint_home(c->joint, c->options->conf->sensor_organisation, c->options->conf->indicate_home.item[i]);
}

static void
take(struct correlating *c, const struct cc_message *msg, const struct verified *verified)
{
	struct joint_sighting sighting;
	enum cc_status st;

	if (verified->verdict != VERDICT_ACCEPTED || verified->key == NULL)
		return;
	st = joint_read(msg, slice_str(verified->key->organisation->id), &c->scratch, &sighting);
	if (st == CC_OK)
		st = joint_add(c->joint, &sighting);
	if (st == CC_OK)
		c->sightings++;
	else if (st != CC_ABSENT && st != CC_FULL)
		c->unreadable++;
}

static int
read_all(struct correlating *c)
{
	struct cc_message msg;
	struct verified verified;
	const char *why = NULL;
	int quiet = 0;

	for (;;) {
		enum cc_status st = inbox_next(c->inbox, WAIT_MS, &msg, &verified, &why);

		if (st == CC_OK) {
			quiet = 0;
			take(c, &msg, &verified);
		} else if (st == CC_END || (st == CC_MORE && (quiet += WAIT_MS) >= QUIET_KAFKA_MS)) {
			return EXIT_DONE;
		} else if (st == CC_BAD) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : "a message that can't be read");
			c->unreadable++;
		} else if (st != CC_MORE) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : cc_status_text(st));
			return EXIT_FAILED;
		}
	}
}

static void
put_counts(const struct correlating *c, struct json *json)
{
	const struct verifier *verifier = inbox_verifier(c->inbox);

	json_object(json, "messages");
	json_uint(json, "accepted", verifier_count(verifier, VERDICT_ACCEPTED));
	json_uint(json, "sightings", c->sightings);
	json_uint(json, "unreadable", c->unreadable);
	json_uint(json, "left_out", joint_dropped(c->joint));
	json_object(json, "refused");
	for (unsigned v = 0; v < VERDICT_COUNT; v++) {
		if (v != VERDICT_ACCEPTED && verifier_count(verifier, (enum verdict)v) > 0)
			json_uint(json, verdict_word[v], verifier_count(verifier, (enum verdict)v));
	}
	json_end_object(json);
	json_end_object(json);
}

static bool
flush_to(FILE *out, struct buf *text)
{
	bool good = !text->full && fwrite(text->p, 1, text->size, out) == text->size;

	buf_clear(text);
	return good;
}

/* Case by case, so that memory does not grow with their number. */
static bool
write_cases(const struct correlating *c, FILE *out)
{
	struct buf text;
	struct json json;
	char when[40];
	bool good = true;

	buf_open(&text, 1u << 30);
	json = json_into(&text);
	json_object(&json, NULL);
	json_uint(&json, "version", 1);
	json_text(&json, "made", time_rfc3339_text(time_now(), when));
	put_counts(c, &json);
	json_array(&json, "cases");
	for (size_t i = 0; i < joint_cases(c->joint) && good; i++) {
		joint_case_json(c->joint, i, &json, NULL);
		good = flush_to(out, &text);
	}
	json_end_array(&json);
	json_end_object(&json);
	buf_add_u8(&text, '\n');
	good = flush_to(out, &text) && good;
	buf_close(&text);
	return good;
}

static int
write_out(const struct correlating *c, const char *path)
{
	char *beside = NULL;
	FILE *out;
	bool good;

	if (path == NULL || strcmp(path, "-") == 0)
		return write_cases(c, stdout) && fflush(stdout) == 0 ? EXIT_DONE : trouble("standard output can't be written", NULL);
	if (asprintf(&beside, "%s.new", path) < 0)
		return trouble("no memory", NULL);
	out = fopen(beside, "w");
	good = out != NULL && write_cases(c, out);
	good = out != NULL && fflush(out) == 0 && fsync(fileno(out)) == 0 && fclose(out) == 0 && good;
	good = good && rename(beside, path) == 0;
	if (!good)
		fprintf(stderr, "concert correlate: %s: %s\n", path, strerror(errno));
	free(beside);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static int
correlate(const struct cmd_options *o, const char *from)
{
	static const char *const topics[] = {"indicators"};
	struct correlating c = {.options = o};
	char *why = NULL, count[4][32];
	int code;

	buf_open(&c.scratch, 64u << 20);
	if (trust_open(o->conf, o->outdir, &c.trust, &why) != CC_OK ||
	    (o->outdir_given && quarantine_open(o->conf, o->outdir, &c.quarantine, &why) != CC_OK) ||
	    inbox_open(o->conf, from, topics, 1, true, c.trust, c.quarantine, &c.inbox, &why) != CC_OK) {
		code = trouble(from, why);
	} else if ((c.joint = joint_new(o->conf)) == NULL) {
		code = trouble("no memory", NULL);
	} else {
		tell_homes(&c);
		code = read_all(&c);
		if (code == EXIT_DONE && joint_settle(c.joint) != CC_OK)
			code = trouble("no memory", NULL);
		if (code == EXIT_DONE)
			code = write_out(&c, o->out);
		if (code == EXIT_DONE && !o->quiet)
			fprintf(stderr, "%s sightings, %s distinct, %s cases; %s left out\n", thousands_text(c.sightings, count[0]),
			    thousands_text(joint_nodes(c.joint), count[1]), thousands_text(joint_cases(c.joint), count[2]),
			    thousands_text(joint_dropped(c.joint), count[3]));
	}
	joint_free(c.joint);
	inbox_close(c.inbox);
	quarantine_close(c.quarantine);
	trust_close(c.trust);
	buf_close(&c.scratch);
	return code;
}

int
cmd_correlate(int argc, char **argv)
{
	const struct command *command = &cmd_table[0];
	struct cmd_options o;
	int code = EXIT_USAGE;

	while (command->run != cmd_correlate)
		command++;
	if (cmd_options(command, argc, argv, "c:l:vq", &o)) {
		const char *from = o.conf->exchange_to;

		if (!o.once || optind != argc)
			cmd_usage(command);
		else if (strcmp(from, "none") == 0 || strcmp(from, "file:") == 0)
			fprintf(stderr, "concert correlate: where from?  --exchange file:DIR or kafka:HOST:PORT\n");
		else
			code = correlate(&o, from);
	}
	cmd_options_close(&o);
	return code;
}
