/*
 * The ways out.  exchange.to is the main one; when it has taken nothing for exchange.fallback_after though something
 * waits, what it holds is called back and all goes by exchange.fallback.  The next message goes by both ways from then
 * on: the main one keeps its copy in its queue, and when that is reported as delivered, it is back.
 *
 * The spool's cursor moves by reports alone, so a change loses nothing; ids may come twice.  What a copy's report says
 * is kept from the spool: the message's own way answers for it.  Partners are told the way by the signed heartbeat, and
 * readers see which of the two places a message came from.  The courier's one thread.
 */
#include "exchange/channels_own.h"

#include <stdio.h>
#include <stdlib.h>

struct channel {
	struct channels *all;
	const struct cc_output *output;
	void *self;
	const char *name;  /* as configured */
	uint64_t moved;    /* monotonic: it last took something, or began to be waited for */
	bool waited_for;
};

struct channels {
	struct channel main, fallback; /* fallback.output NULL: there is none */
	struct conf conf;              /* of the fall-back */
	uint64_t after;
	struct channel *active;
	bool copy_sent;                /* main holds a copy, by which it shows that it is back */
	uint64_t first, repeat;        /* ticket that went by the fall-back: first of this time; to be told */
	struct channels_figures figures;
	cc_delivered_fn *fn;
	void *ctx;
	char state[1200];
};

/* ---- settings ---- */

enum cc_status
channels_fallback_conf(const struct conf *conf, struct conf *ret_conf)
{
	const struct conf_map *base = &conf->kafka, *over = &conf->exchange_fallback_kafka;
	struct conf_map merged = {.pair = calloc(base->count + over->count + 1, sizeof(struct conf_pair))};

	if (merged.pair == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < base->count; i++) {
		if (conf_map_get(over, base->pair[i].key) == NULL)
			merged.pair[merged.count++] = base->pair[i];
	}
	for (size_t i = 0; i < over->count; i++)
		merged.pair[merged.count++] = over->pair[i];
	*ret_conf = *conf;
	ret_conf->kafka = merged;
	return CC_OK;
}

void
channels_fallback_conf_free(struct conf *conf)
{
	free(conf->kafka.pair);
	conf->kafka = (struct conf_map){NULL, 0};
}

/* ---- changes ---- */

static void
recall(struct channel *channel)
{
	if (channel->output->recall != NULL)
		channel->output->recall(channel->self);
	channel->waited_for = false;
}

static void
change(struct channels *all, struct channel *to)
{
	all->active = to;
	all->figures.fallback = to == &all->fallback;
	all->figures.since = time_now();
	to->waited_for = false;
}

static void
leave_main(struct channels *all)
{
	log_warning("exchange.to: %s has taken nothing for %llu s: messages go by exchange.fallback, %s",
	    all->main.name, (unsigned long long)(all->after / NS_PER_S), all->fallback.name);
	all->figures.changes++;
	all->first = 0;
	all->copy_sent = false;
	change(all, &all->fallback);
	recall(&all->main);
}

static void
return_to_main(struct channels *all)
{
	log_notice("exchange.to: %s takes messages again: exchange.fallback is left", all->main.name);
	all->copy_sent = false;
	change(all, &all->main);
	/* What is on its way there would be known as delivered later, and never be repeated. */
	if (all->fallback.output->pending(all->fallback.self) > 0)
		recall(&all->fallback);
	if (all->first != 0)
		all->repeat = all->first;
}

static bool
has_stalled(const struct channel *channel, uint64_t after)
{
	return channel->waited_for && time_monotonic() - channel->moved > after;
}

static void
on_report(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct channel *channel = ctx;
	struct channels *all = channel->all;
	bool copy = channel == &all->main && all->copy_sent;

	channel->moved = time_monotonic();
	if (status == CC_OK && channel->output->pending(channel->self) == 0)
		channel->waited_for = false;
	if (copy) {
		all->copy_sent = false;
		if (status == CC_OK)
			return_to_main(all);
		return;
	}
	if (channel == &all->fallback && status == CC_OK) {
		all->figures.by_fallback++;
		if (all->first == 0 || ticket < all->first)
			all->first = ticket;
	}
	all->fn(all->ctx, ticket, status);
}

/* ---- the way of a message ---- */

static enum cc_status
send_by(struct channel *channel, const struct cc_message *msg, uint64_t ticket)
{
	if (!channel->waited_for) {
		channel->waited_for = true;
		channel->moved = time_monotonic();
	}
	return channel->output->send(channel->self, msg, ticket);
}

enum cc_status
channels_send(struct channels *all, const struct cc_message *msg, uint64_t ticket)
{
	enum cc_status st = send_by(all->active, msg, ticket);

	/* Set first: a report may come before send() returns. */
	if (st == CC_OK && all->active == &all->fallback && !all->copy_sent) {
		all->copy_sent = true;
		if (all->main.output->send(all->main.self, msg, ticket) != CC_OK)
			all->copy_sent = false;
	}
	return st;
}

void
channels_poll(struct channels *all, int ms)
{
	struct channel *other = all->active == &all->main ? &all->fallback : &all->main;

	all->active->output->poll(all->active->self, ms);
	if (other->output == NULL)
		return;
	other->output->poll(other->self, 0);
	if (all->active == &all->main && has_stalled(&all->main, all->after))
		leave_main(all);
}

size_t
channels_pending(const struct channels *all)
{
	size_t n = all->main.output->pending(all->main.self) - all->copy_sent;

	return all->fallback.output != NULL ? n + all->fallback.output->pending(all->fallback.self) : n;
}

/* ---- figures ---- */

const char *
channels_state(const struct channels *channels)
{
	struct channels *all = (struct channels *)channels;

	if (!all->figures.fallback)
		return all->main.output->state(all->main.self);
	snprintf(all->state, sizeof(all->state), "by exchange.fallback: %s; exchange.to: %s",
	    all->fallback.output->state(all->fallback.self), all->main.output->state(all->main.self));
	return all->state;
}

void
channels_figures(const struct channels *all, struct channels_figures *ret_figures)
{
	*ret_figures = all->figures;
}

uint64_t
channels_repeat(struct channels *all)
{
	uint64_t repeat = all->repeat;

	all->repeat = 0;
	return repeat;
}

/* ---- opening ---- */

static enum cc_status
open_channel(struct channel *channel, struct channels *all, const struct conf *conf, const char *outdir,
    const char *key, const char *name, char **ret_why)
{
	char *place = exchange_place(outdir, name), *colon = place != NULL ? strchr(place, ':') : NULL;
	enum cc_status st;

	if (place == NULL)
		return CC_NOMEM;
	channel->all = all;
	channel->name = name;
	if (colon != NULL)
		channel->output = output_by_name(slice_of(place, (size_t)(colon - place)));
	if (channel->output == NULL) {
		free(place);
		if (asprintf(ret_why, "%s: '%s' is not file:DIR, kafka:HOST:PORT or none", key, name) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	st = channel->output->open(conf, colon + 1, on_report, channel, &channel->self, ret_why);
	free(place);
	return st;
}

/* Another place than the main one; readers do not know our OUTDIR. */
static enum cc_status
check_fallback(const struct conf *conf, char **ret_why)
{
	const char *name = conf->exchange_fallback;
	const char *wrong = strcmp(name, conf->exchange_to) == 0 ? "is exchange.to itself" :
	    strncmp(name, "file:", 5) == 0 && name[5] != '/' ? "is no absolute path" : NULL;

	if (wrong == NULL)
		return CC_OK;
	if (asprintf(ret_why, "exchange.fallback: '%s' %s", name, wrong) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

enum cc_status
channels_open(const struct conf *conf, const char *outdir, cc_delivered_fn *fn, void *ctx,
    struct channels **ret_channels, char **ret_why)
{
	const char *second = conf->exchange_fallback;
	struct channels *all = calloc(1, sizeof(*all));
	enum cc_status st;

	if (all == NULL)
		return CC_NOMEM;
	all->after = conf->exchange_fallback_after;
	all->fn = fn;
	all->ctx = ctx;
	all->active = &all->main;
	all->figures.two = second[0] != '\0' && strcmp(second, "none") != 0;
	st = open_channel(&all->main, all, conf, outdir, "exchange.to", conf->exchange_to, ret_why);
	if (st == CC_OK && all->figures.two)
		st = check_fallback(conf, ret_why);
	if (st == CC_OK && all->figures.two && (st = channels_fallback_conf(conf, &all->conf)) == CC_OK)
		st = open_channel(&all->fallback, all, &all->conf, outdir, "exchange.fallback", second, ret_why);
	if (st != CC_OK) {
		channels_close(all);
		return st;
	}
	*ret_channels = all;
	return CC_OK;
}

void
channels_close(struct channels *all)
{
	if (all == NULL)
		return;
	/* The copy is given back as its way ends, and is nobody's then. */
	if (all->main.self != NULL)
		all->main.output->close(all->main.self);
	if (all->fallback.self != NULL)
		all->fallback.output->close(all->fallback.self);
	channels_fallback_conf_free(&all->conf);
	free(all);
}
