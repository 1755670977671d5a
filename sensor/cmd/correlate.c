/*
 * concert correlate: what partners and we have sent, verified, put together to cases.
 *
 * Every message comes by the inbox: what is refused counts by its verdict and nothing else is done with it.  It runs
 * until it is told to end, as a member of a consumer group where there is a broker; nodes, cases and how far was read
 * are in OUTDIR/joint.sqlite by one transaction each, so that whatever ends it, no message counts twice or never.  With
 * --once all that is there is read; without -l nothing is kept then.  Cases are written whole, to a file beside and
 * then in its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#define SHORT_MS 20           /* while there is something that other members wait for */
#define QUIET_KAFKA_MS 3000   /* --once: a broker that says nothing for so long has said all, */
#define QUIET_SLOW_MS 30000   /* and so long, where it has not come to the end of its partitions */
#define COMMIT_MESSAGES 8192 /* at the least, while they come fast */
#define QUIET_NS NS_PER_S     /* after which there is no reason to wait for more */
#define REST 9                /* times as long as it took last, until large cells, or a backlog, are linked again */
#define TAKE_ROUNDS 16       /* of linking, before messages are looked at again */
#define DELIVERY (60 * NS_PER_S) /* of what goes to other members */

static volatile sig_atomic_t stop, reload;

struct correlating {
	const struct cmd_options *options;
	struct trust *trust;
	struct quarantine *quarantine;
	struct agreement *agreement; /* opens answers that are sealed for us; NULL: none */
	struct inbox *inbox;
	struct joint *joint;
	struct buf scratch;
	uint64_t sightings, unreadable;
	bool no_memory; /* for something that was verified: it is read again with the next start */
	/* where something is kept */
	struct joint_state *state;
	struct joint_keep *keep;
	struct joint_members *members; /* NULL: there is one */
	struct reader_resume resume;
	uint64_t before[VERDICT_COUNT]; /* of earlier runs */
	uint64_t before_nodes[JOINT_REFUSED_COUNT];
	uint64_t committed, since;      /* monotonic; messages that came after, */
	uint64_t since_nodes, linked;   /* and nodes of members; monotonic: when some were linked last, 0: never */
	bool waits;                     /* for quiet: cells may wait to be linked, */
	uint64_t rests;                 /* and not before this, monotonic */
	bool behind;                    /* since the last commit more was at hand than is taken in at once, */
	uint64_t settles;               /* and nothing is linked before this, monotonic */
	const char *fault;
	uint64_t countdown;
};

static void
on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

static void
on_reload(int signal)
{
	(void)signal;
	reload = 1;
}

static int
trouble(const char *what, char *why)
{
	fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : what);
	free(why);
	return EXIT_FAILED;
}

/* policy.networks of the trust file, and our own home. */
static void
tell_homes(const struct correlating *c, struct joint *joint)
{
	for (size_t i = 0; i < trust_count(c->trust); i++) {
		const struct trust_organisation *o = trust_at(c->trust, i);
		const char *p = conf_map_get(&o->policy, "networks");
		char prefix[64];

		for (; p != NULL && *p != '\0'; p += strcspn(p, " ,")) {
			p += strspn(p, " ,");
			snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(p, " ,"), p);
			if (prefix[0] != '\0' && joint_home(joint, o->id, prefix) != CC_OK)
				fprintf(stderr, "concert correlate: exchange.trust: %s: '%s' is no network\n", o->id,
				    prefix);
		}
	}
	for (size_t i = 0; i < c->options->conf->indicate_home.count; i++)
		(void)joint_home(joint, c->options->conf->sensor_organisation, c->options->conf->indicate_home.item[i]);
}

static void
take_answer(void *ctx, const struct joint_sighting *sighting)
{
	struct correlating *c = ctx;
	enum cc_status st = joint_add(c->members != NULL ? joint_members_first(c->members) : c->joint, sighting);

	c->no_memory = c->no_memory || st == CC_NOMEM;
	if (st == CC_OK)
		c->sightings++;
	else if (st != CC_FULL)
		c->unreadable++;
}

/* An answer to a request of ours. */
static enum cc_status
open_sealed(void *ctx, struct slice responder, struct slice id, struct slice sealed, struct slice *ret_plain)
{
	const struct correlating *c = ctx;
	const char *why;

	return jwe_open(c->agreement, responder, id, sealed, ret_plain, &why);
}

static void
take(struct correlating *c, const struct cc_message *msg, const struct verified *verified)
{
	struct joint_sighting sighting;
	struct joint_heartbeat heartbeat;
	struct joint_word word;
	enum cc_status st;

	if (verified->verdict != VERDICT_ACCEPTED || verified->key == NULL)
		return;
	st = joint_answers(msg, slice_str(verified->key->organisation->id), &c->scratch, take_answer,
	    c->agreement != NULL ? open_sealed : NULL, c);
	if (st == CC_OK)
		return;
	if (st == CC_ABSENT && (st = joint_read_heartbeat(msg, slice_str(verified->key->organisation->id), &c->scratch,
					&heartbeat)) == CC_OK) {
		heartbeat.read = time_now();
		st = joint_watched(c->members != NULL ? joint_members_first(c->members) : c->joint, &heartbeat);
		c->no_memory = c->no_memory || st == CC_NOMEM;
		return;
	}
	if (st == CC_ABSENT && (st = joint_read_word(msg, slice_str(verified->key->organisation->id), &c->scratch,
					&word)) == CC_OK) {
		st = joint_heard(c->members != NULL ? joint_members_first(c->members) : c->joint, &word);
		c->no_memory = c->no_memory || st == CC_NOMEM;
		return;
	}
	if (st == CC_ABSENT)
		st = joint_read(msg, slice_str(verified->key->organisation->id), &c->scratch, &sighting);
	if (st == CC_OK)
		st = joint_add(c->members != NULL ? joint_members_first(c->members) : c->joint, &sighting);
	c->no_memory = c->no_memory || st == CC_NOMEM;
	if (st == CC_OK)
		c->sightings++;
	else if (st != CC_ABSENT && st != CC_FULL)
		c->unreadable++;
}

/* --once: whether to wait no longer. */
static bool
is_quiet(const struct correlating *c, int quiet)
{
	return quiet >= (reader_has_more(inbox_reader(c->inbox)) ? QUIET_SLOW_MS : QUIET_KAFKA_MS);
}

/* All that there is was read, or nobody was there to say what there is. */
static int
all_is_read(const struct correlating *c)
{
	if (reader_reached(inbox_reader(c->inbox)))
		return EXIT_DONE;
	fprintf(stderr, "concert correlate: nothing was read: no broker has answered\n");
	return EXIT_FAILED;
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
			if (c->no_memory)
				return trouble("no memory", NULL);
		} else if (st == CC_END || (st == CC_MORE && is_quiet(c, quiet += WAIT_MS))) {
			return all_is_read(c);
		} else if (st == CC_BAD) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : "a message that can't be read");
			c->unreadable++;
		} else if (st != CC_MORE) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : cc_status_text(st));
			return EXIT_FAILED;
		}
	}
}

static uint64_t
refused_nodes(const struct correlating *c, unsigned why)
{
	return c->before_nodes[why] +
	       (c->members != NULL ? joint_members_refused(c->members, (enum joint_refused)why) : 0);
}

/* What members are said to have sent; only where some of it was refused. */
static void
put_refused_nodes(const struct correlating *c, struct json *json)
{
	bool any = false;

	for (unsigned why = 0; why < JOINT_REFUSED_COUNT; why++) {
		if (refused_nodes(c, why) == 0)
			continue;
		if (!any)
			json_object(json, "refused_nodes");
		any = true;
		json_uint(json, joint_refused_word[why], refused_nodes(c, why));
	}
	if (any)
		json_end_object(json);
}

static void
put_counts(const struct correlating *c, struct json *json)
{
	const struct verifier *verifier = inbox_verifier(c->inbox);
	const struct joint *first = c->members != NULL ? joint_members_first(c->members) : NULL;

	json_object(json, "messages");
	json_uint(json, "accepted", c->before[VERDICT_ACCEPTED] + verifier_count(verifier, VERDICT_ACCEPTED));
	json_uint(json, "sightings", c->sightings);
	json_uint(json, "unreadable", c->unreadable);
	/* What a partner says beside sights is the first stage's alone. */
	json_uint(json, "left_out", joint_dropped(c->joint) + (first != NULL ? joint_dropped(first) : 0));
	json_uint(json, "unnamed", joint_unnamed(c->joint) + (first != NULL ? joint_unnamed(first) : 0));
	json_uint(json, "ahead", joint_ahead(c->joint) + (first != NULL ? joint_ahead(first) : 0));
	json_object(json, "refused");
	for (unsigned v = 0; v < VERDICT_COUNT; v++) {
		uint64_t count = c->before[v] + verifier_count(verifier, (enum verdict)v);

		if (v != VERDICT_ACCEPTED && count > 0)
			json_uint(json, verdict_word[v], count);
	}
	json_end_object(json);
	put_refused_nodes(c, json);
	json_end_object(json);
}

static bool
flush_to(FILE *out, struct buf *text)
{
	bool good = !text->full && fwrite(text->p, 1, text->size, out) == text->size;

	buf_clear(text);
	return good;
}

struct writing {
	struct buf text;
	struct json json;
	FILE *out;
	bool good;
};

static void
write_kept(void *ctx, const struct joint_case *one)
{
	struct writing *w = ctx;

	json_raw(&w->json, NULL, one->document);
	w->good = w->good && flush_to(w->out, &w->text);
}

/* Case by case, so that memory does not grow with their number. */
static bool
write_cases(const struct correlating *c, FILE *out)
{
	struct writing w = {.out = out, .good = true};
	char when[40];

	buf_open(&w.text, 1u << 30);
	w.json = json_into(&w.text);
	json_object(&w.json, NULL);
	json_uint(&w.json, "version", 1);
	json_text(&w.json, "made", time_rfc3339_text(time_now(), when));
	put_counts(c, &w.json);
	json_array(&w.json, "cases");
	for (size_t i = 0; c->state == NULL && i < joint_cases(c->joint) && w.good; i++) {
		/* What was told without memory is not what was found. */
		if (joint_case_json(c->joint, i, &w.json, NULL) != CC_OK)
			errno = ENOMEM;
		else if (flush_to(out, &w.text))
			continue;
		w.good = false;
	}
	if (c->state != NULL && joint_state_all(c->state, write_kept, &w) != CC_OK)
		w.good = false;
	json_end_array(&w.json);
	json_end_object(&w.json);
	buf_add_u8(&w.text, '\n');
	w.good = w.good && flush_to(out, &w.text);
	buf_close(&w.text);
	return w.good;
}

static int
write_out(const struct correlating *c, const char *path)
{
	char *beside = NULL;
	FILE *out;
	bool good;

	if (path == NULL || strcmp(path, "-") == 0)
		return write_cases(c, stdout) && fflush(stdout) == 0
			   ? EXIT_DONE
			   : trouble("standard output can't be written", NULL);
	if (asprintf(&beside, "%s.new", path) < 0)
		return trouble("no memory", NULL);
	out = fopen(beside, "w");
	good = out != NULL && write_cases(c, out) && fflush(out) == 0 && fsync(fileno(out)) == 0;
	good = good && rename(beside, path) == 0;
	if (!good)
		fprintf(stderr, "concert correlate: %s: %s\n", path, strerror(errno));
	if (out != NULL)
		(void)fclose(out); /* all of it is on the disk, or was never to be */
	if (!good && out != NULL)
		(void)unlink(beside);
	free(beside);
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* ---- kept ---- */

/* Once: a file says that it has been. */
static void
pass_fault(void *ctx, const char *point)
{
	struct correlating *c = ctx;
	char *path = NULL;
	int fd;

	if (c->fault == NULL || strcmp(c->fault, point) != 0 || --c->countdown > 0)
		return;
	c->fault = NULL;
	if (asprintf(&path, "%s/joint.fault", c->options->outdir) < 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	free(path);
	if (fd < 0)
		return;
	close(fd);
	raise(SIGKILL);
}

static bool
set_fault(struct correlating *c)
{
	static const char *const points[] = {
#define FAULT(name, members, help) name,
#include "joint/fault.def"
#undef FAULT
	};
	const char *text = c->options->conf->joint_fault, *colon = strchr(text, ':');
	size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);

	c->countdown = 1;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		if (slice_is(slice_of(text, size), points[i]))
			c->fault = points[i];
	}
	return text[0] == '\0' ||
	       (c->fault != NULL && (colon == NULL || uint_parse(colon + 1, &c->countdown) == CC_OK));
}

static bool
place_next(void *ctx, const char *place, uint64_t *ret_next)
{
	const struct correlating *c = ctx;

	return joint_keep_next(c->keep, place, ret_next);
}

static enum cc_status
open_kept(struct correlating *c, char **ret_why)
{
	enum cc_status st;
	char name[80];

	if (!set_fault(c)) {
		*ret_why = strdup("joint.fault is no point of sensor/joint/fault.def with a count");
		return CC_BAD;
	}
	if ((st = joint_state_open(c->options->conf, c->options->outdir, true, &c->state, ret_why)) != CC_OK ||
	    (st = joint_keep_open(c->state, c->joint, &c->keep, ret_why)) != CC_OK)
		return st;
	for (unsigned v = 0; v < VERDICT_COUNT; v++) {
		snprintf(name, sizeof(name), "verify.%s", verdict_word[v]);
		c->before[v] = joint_keep_count(c->keep, name);
	}
	for (unsigned why = 0; why < JOINT_REFUSED_COUNT; why++) {
		snprintf(name, sizeof(name), "nodes.%s", joint_refused_word[why]);
		c->before_nodes[why] = joint_keep_count(c->keep, name);
	}
	c->sightings = joint_keep_count(c->keep, "sightings");
	c->unreadable = joint_keep_count(c->keep, "unreadable");
	c->resume = (struct reader_resume){.fn = place_next, .ctx = c};
	if (!c->options->once) {
		c->resume.group = c->options->conf->joint_group;
		c->resume.every = c->options->conf->joint_nodes_topic[0] != '\0' ? c->options->conf->joint_commit : 0;
	}
	return CC_OK;
}

#define COUNTS (VERDICT_COUNT + JOINT_REFUSED_COUNT + 2)

static size_t
list_counts(const struct correlating *c, struct joint_count count[COUNTS], char name[COUNTS][48])
{
	size_t n = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++, n++) {
		snprintf(name[n], sizeof(name[n]), "verify.%s", verdict_word[v]);
		count[n] = (struct joint_count){
		    name[n], c->before[v] + verifier_count(inbox_verifier(c->inbox), (enum verdict)v)};
	}
	for (unsigned why = 0; c->members != NULL && why < JOINT_REFUSED_COUNT; why++, n++) {
		snprintf(name[n], sizeof(name[n]), "nodes.%s", joint_refused_word[why]);
		count[n] = (struct joint_count){name[n], refused_nodes(c, why)};
	}
	count[n++] = (struct joint_count){"sightings", c->sightings};
	count[n++] = (struct joint_count){"unreadable", c->unreadable};
	return n;
}

static enum cc_status
commit(struct correlating *c, bool all)
{
	struct joint_count count[COUNTS];
	char name[COUNTS][48];
	struct joint_progress p = {.verifier = inbox_verifier(c->inbox),
	    .count = count,
	    .all = all,
	    .now = time_now(),
	    .fault = pass_fault,
	    .ctx = c};
	struct reader_position *position = inbox_positions(c->inbox, &p.positions);
	uint64_t began, rest;
	enum cc_status st;

	p.position = position;
	if (c->members != NULL && joint_members_position(c->members)->place != NULL)
		p.second = joint_members_position(c->members);
	p.counts = list_counts(c, count, name);
	pass_fault(c, "read");
	if (c->members != NULL && (st = joint_members_send(c->members, time_monotonic() + DELIVERY)) != CC_OK) {
		fprintf(stderr, "concert correlate: %s\n", joint_members_state(c->members));
		return CC_DENIED;
	}
	pass_fault(c, "sent");
	began = time_monotonic();
	p.later = !all && (c->behind || reader_behind(inbox_reader(c->inbox))) && began < c->settles;
	if ((st = joint_keep_commit(c->keep, &p)) != CC_OK)
		return st;
	reader_commit(inbox_reader(c->inbox), position, p.positions);
	if (c->members != NULL)
		joint_members_commit(c->members);
	pass_fault(c, "told");
	for (size_t i = 0; i < p.positions; i++)
		position[i].changed = false;
	c->committed = time_monotonic();
	if (c->since_nodes > 0)
		c->linked = c->committed;
	c->since = c->since_nodes = 0;
	c->behind = false;
	c->waits = !all;
	rest = REST * (c->committed - began);
	if (all)
		c->rests = c->committed + rest;
	if (!joint_keep_waits(c->keep))
		c->settles = c->committed + (rest < c->options->conf->joint_settle ? rest
										   : c->options->conf->joint_settle);
	return CC_OK;
}

/* Where nothing is between what was verified and what was taken in. */
static enum cc_status
commit_if_due(struct correlating *c, bool quiet)
{
	uint64_t now = time_monotonic(), gone = now - c->committed, every = c->options->conf->joint_commit;
	bool some = c->since + c->since_nodes > 0 || joint_keep_waits(c->keep), all;

	if (!inbox_drained(c->inbox))
		return CC_OK;
	all = quiet && now >= c->rests + (reader_behind(inbox_reader(c->inbox)) ? c->options->conf->joint_settle : 0);
	if (!some && !(all && c->waits))
		return CC_OK;
	if (c->since >= COMMIT_MESSAGES || gone >= every || (quiet && gone >= QUIET_NS))
		return commit(c, all);
	/* Somebody waits for what we have seen. */
	return quiet && c->members != NULL && gone >= every / 4 && some ? commit(c, all) : CC_OK;
}

/*
 * What members have sent, where it falls to us to link it: that goes before reading more, which others can do as well.
 * ret_took: how much it was.
 */
static enum cc_status
take_nodes(struct correlating *c, size_t *ret_took)
{
	enum cc_status st = CC_OK;

	*ret_took = 0;
	for (unsigned i = 0; i < TAKE_ROUNDS && st == CC_OK && !stop; i++) {
		size_t count = 0;

		if ((st = joint_members_take(c->members, c->joint, 0, &count)) != CC_OK || count == 0)
			break;
		*ret_took += count;
		c->since_nodes += count;
		c->behind = c->behind || count >= JOINT_TAKE;
		c->linked = time_monotonic();
		if (c->since_nodes >= COMMIT_MESSAGES && (st = commit(c, false)) == CC_OK) {
			/* Who reads for us does so while we link. */
			reader_helps(inbox_reader(c->inbox), false);
			reader_look(inbox_reader(c->inbox));
		}
	}
	return st;
}

static void
reload_trust(struct correlating *c)
{
	char *why = NULL;

	reload = 0;
	if (trust_reload(c->trust, &why) != CC_OK)
		fprintf(stderr, "concert correlate: %s: as before\n", why != NULL ? why : "exchange.trust");
	free(why);
}

/* Who reads sends that often at the least. */
static bool
links(const struct correlating *c)
{
	return c->linked != 0 && time_monotonic() - c->linked < 2 * c->options->conf->joint_commit;
}

/* What we have seen goes, what others have seen comes; who links has no time to read for others. */
static enum cc_status
meet_members(struct correlating *c, size_t *ret_took)
{
	enum cc_status st = joint_members_send_some(c->members, time_monotonic() + DELIVERY);

	if (st == CC_OK)
		st = take_nodes(c, ret_took);
	reader_helps(inbox_reader(c->inbox), !links(c));
	return st;
}

static int
wait_of(const struct correlating *c)
{
	return c->members != NULL && (c->since + c->since_nodes > 0 || links(c)) ? SHORT_MS : WAIT_MS;
}

/* Until it is told to end; with --once until all is read. */
static int
follow(struct correlating *c)
{
	struct cc_message msg;
	struct verified verified;
	const char *why = NULL;
	enum cc_status st = CC_OK;
	int quiet = 0;

	c->committed = time_monotonic();
	c->waits = true;
	while (!stop && st == CC_OK) {
		enum cc_status got;
		size_t took = 0; /* nodes of members */

		if (reload)
			reload_trust(c);
		got = inbox_next(c->inbox, wait_of(c), &msg, &verified, &why);
		if (got == CC_OK) {
			quiet = 0;
			c->since++;
			c->behind = c->behind || inbox_full(c->inbox);
			take(c, &msg, &verified);
			if (c->no_memory)
				return trouble("no memory: what was read since the last commit is read again", NULL);
		} else if (got == CC_BAD) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : "a message that can't be read");
			c->unreadable++;
		} else if (got != CC_END && got != CC_MORE) {
			fprintf(stderr, "concert correlate: %s\n", why != NULL ? why : cc_status_text(got));
			return EXIT_FAILED;
		} else {
			quiet += WAIT_MS;
			if (c->options->once && (got == CC_END || is_quiet(c, quiet)))
				break;
			if (got == CC_END)
				usleep(WAIT_MS * 1000 / 4);
		}
		if (c->members != NULL && inbox_drained(c->inbox))
			st = meet_members(c, &took);
		if (st == CC_OK)
			st = commit_if_due(c, got != CC_OK && took == 0);
	}
	/* What was read and not taken in yet is read again with the next start. */
	if (st == CC_OK && inbox_drained(c->inbox))
		st = commit(c, true);
	if (st != CC_OK)
		fprintf(
		    stderr, "concert correlate: %s\n", st == CC_IO ? joint_state_error(c->state) : cc_status_text(st));
	return st != CC_OK ? EXIT_FAILED : c->options->once ? all_is_read(c) : EXIT_DONE;
}

/* ---- the command ---- */

/* The first of what is read: there members meet. */
static char *
broker_of(const char *from)
{
	while (*from != '\0' && strncmp(from, "kafka:", 6) != 0) {
		from += strcspn(from, "\n");
		from += *from == '\n';
	}
	return *from != '\0' ? strndup(from, strcspn(from, "\n")) : NULL;
}

static enum cc_status
open_all(struct correlating *c, const char *from, char **ret_why)
{
	static const char *const topics[] = {"indicators", "health", "contacts", "notices", "requests"};
	const struct cmd_options *o = c->options;
	bool kept = o->outdir_given || !o->once;
	char *broker;
	enum cc_status st;

	/* Without it what is sealed for us stays shut; that is no trouble of its own. */
	if (agreement_open(o->outdir, false, &c->agreement, ret_why) != CC_OK) {
		free(*ret_why);
		*ret_why = NULL;
	}
	if ((st = trust_open(o->conf, o->outdir, &c->trust, ret_why)) != CC_OK ||
	    (o->outdir_given && (st = quarantine_open(o->conf, o->outdir, &c->quarantine, ret_why)) != CC_OK))
		return st;
	(void)trust_learn_from(o->conf, from, c->trust);
	if ((c->joint = joint_new(o->conf)) == NULL)
		return CC_NOMEM;
	tell_homes(c, c->joint);
	if (!kept)
		return inbox_open(o->conf, from, topics, 5, true, c->trust, c->quarantine, &c->inbox, ret_why);
	if ((st = open_kept(c, ret_why)) != CC_OK || (st = inbox_open_at(o->conf, from, topics, 5, &c->resume, c->trust,
							  c->quarantine, &c->inbox, ret_why)) != CC_OK)
		return st;
	broker = !o->once && o->conf->joint_nodes_topic[0] != '\0' ? broker_of(from) : NULL;
	if (broker != NULL)
		st = joint_members_open(o->conf, o->outdir, broker, c->trust, &c->resume, &c->members, ret_why);
	free(broker);
	if (st != CC_OK)
		return st;
	if (c->members != NULL) {
		joint_members_hear(c->members, &stop);
		tell_homes(c, joint_members_first(c->members));
	}
	return joint_keep_restore(c->keep, inbox_verifier(c->inbox));
}

static void
say_counts(const struct correlating *c)
{
	char count[4][32];

	fprintf(stderr, "%s sightings, %s distinct, %s cases; %s left out\n", thousands_text(c->sightings, count[0]),
	    thousands_text(joint_nodes(c->joint), count[1]), thousands_text(joint_cases(c->joint), count[2]),
	    thousands_text(joint_dropped(c->joint), count[3]));
}

static int
correlate(const struct cmd_options *o, const char *from)
{
	struct correlating c = {.options = o};
	char *why = NULL;
	int code;

	buf_open(&c.scratch, 64u << 20);
	if (open_all(&c, from, &why) != CC_OK) {
		code = trouble(from, why);
	} else {
		code = c.keep != NULL ? follow(&c) : read_all(&c);
		if (code == EXIT_DONE && c.keep == NULL && joint_settle(c.joint) != CC_OK)
			code = trouble("no memory", NULL);
		if (code == EXIT_DONE && (c.keep == NULL || o->out != NULL))
			code = write_out(&c, o->out);
		if (code == EXIT_DONE && !o->quiet)
			say_counts(&c);
	}
	joint_members_close(c.members);
	joint_keep_close(c.keep);
	joint_state_close(c.state);
	joint_free(c.joint);
	inbox_close(c.inbox);
	quarantine_close(c.quarantine);
	agreement_close(c.agreement);
	trust_close(c.trust);
	buf_close(&c.scratch);
	return code;
}

/* From its first moment on it ends well when it is told to; what is read meanwhile is read on. */
static void
hear_signals(void)
{
	struct sigaction act = {.sa_handler = on_stop, .sa_flags = SA_RESTART},
			 again = {.sa_handler = on_reload, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &again, NULL);
}

/* What looks once, and ends by itself, ends by a signal as any other program does. */
static void
hear_no_end(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (stop)
		raise(SIGTERM);
}

int
cmd_correlate(int argc, char **argv)
{
	const struct command *command = &cmd_table[0];
	struct cmd_options o;
	char *from;
	bool absent;
	int code = EXIT_USAGE;

	hear_signals();
	while (command->run != cmd_correlate)
		command++;
	if (cmd_options(command, argc, argv, "c:l:vq", &o)) {
		from = cmd_sources(&o);
		if (optind != argc)
			cmd_usage(command);
		else if (from == NULL)
			fprintf(stderr, "concert correlate: where from?  --exchange file:DIR or kafka:HOST:PORT\n");
		else {
			if (o.once)
				hear_no_end();
			/* One alone is an error; of several the rest is read, and these as soon as they are there. */
			absent = strchr(from, '\n') != NULL && cmd_name_absent(&o, "correlate") && o.once;
			code = correlate(&o, from);
			code = code == EXIT_DONE && absent ? EXIT_FAILED : code;
		}
		free(from);
	}
	cmd_options_close(&o);
	return code;
}
