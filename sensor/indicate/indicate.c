/*
 * From a match, or by policy from a protocol event, to the records of what it names: strongest first, one a call.
 *
 * A match names the file, the certificate, the URL and the domain of the attacker's side, the fingerprint or user agent
 * that its rule looked at, and the attacker's address when it is one that partners can meet: outside our networks and
 * nobody's in particular.  A name that was asked for in DNS is the indicator, not the resolver that was asked.  One
 * thread, the worker's; nothing here allocates but from the batch's arena.
 */
#include "indicate/own.h"

#include <stdlib.h>

const char *const indicate_count_name[INDICATE_COUNT] = {
#define COUNT(symbol, name, help) [INDICATE_##symbol] = name,
#include "indicate/counters.def"
#undef COUNT
};

enum { EVENTS_NONE, EVENTS_FILES, EVENTS_ALL }; /* indicate.events */

enum cc_status
indicate_new(const struct conf *conf, const struct flows *flows, struct indicate **ret_indicate, char **ret_why)
{
	struct indicate *indicate = calloc(1, sizeof(*indicate));
	enum cc_status st;

	if (indicate == NULL)
		return CC_NOMEM;
	indicate->conf = conf;
	indicate->flows = flows;
	indicate->places = calloc(app_parser_count > 0 ? app_parser_count : 1, sizeof(*indicate->places));
	st = indicate->places != NULL ? nets_home(conf, &indicate->home, ret_why) : CC_NOMEM;
	if (st == CC_OK)
		st = nets_marked(conf, &indicate->marked, ret_why);
	if (st != CC_OK) {
		indicate_free(indicate);
		return st;
	}
	for (unsigned i = 0; i < app_parser_count; i++)
		places_open(&indicate->places[i], app_parsers[i]);
	*ret_indicate = indicate;
	return CC_OK;
}

void
indicate_free(struct indicate *indicate)
{
	if (indicate == NULL)
		return;
	for (unsigned i = 0; i < INDICATE_INTERFACES; i++)
		free(indicate->interface[i].name);
	nets_free(&indicate->home);
	nets_free(&indicate->marked);
	free(indicate->places);
	free(indicate);
}

void
indicate_switch(struct indicate *indicate, const struct ruleset *set)
{
	if (set != NULL)
		memcpy(indicate->rule_set, ruleset_digest(set), sizeof(indicate->rule_set));
	else
		memset(indicate->rule_set, 0, sizeof(indicate->rule_set));
}

void
indicate_interface(struct indicate *indicate, uint32_t index, const char *name, uint32_t snaplen)
{
	if (index >= INDICATE_INTERFACES)
		return;
	free(indicate->interface[index].name);
	indicate->interface[index].name = strdup(name);
	indicate->interface[index].snaplen = snaplen;
}

/* ---- what is named ---- */

/* What a kind of thing is proven by, in a scene whose flow is proven so far: see README.md. */
static enum cc_proof
proof_of_kind(const struct indicate *indicate, enum cc_kind kind)
{
	switch (kind) {
	case CC_KIND_FILE_SHA256:
		return CC_PROOF_CONTENT;
	case CC_KIND_EMAIL:
		return CC_PROOF_SPOOFABLE;
	case CC_KIND_CERT_SHA256:
	case CC_KIND_SSH_HOST_KEY:
		return indicate->also.keyed ? CC_PROOF_KEYED : indicate->base.proof;
	default:
		return indicate->base.proof;
	}
}

static void
name_it(struct indicate *indicate, enum cc_kind kind, struct slice value)
{
	if (value.size > 0 && indicate->named_count < NAMED_MAX)
		indicate->named[indicate->named_count++] = (struct named){kind, proof_of_kind(indicate, kind), value};
}

/* Names that mean something only where they are used, and those that are addresses written backwards. */
static bool
domain_nameable(struct slice domain)
{
	static const char *const local[] = {".local", ".localdomain", ".lan", ".internal", ".home.arpa",
	    ".in-addr.arpa", ".ip6.arpa", ".localhost", ".invalid"};

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		size_t size = strlen(local[i]);

		if (domain.size > size && memcmp(domain.p + domain.size - size, local[i], size) == 0)
			return false;
	}
	return true;
}

static void
name_address(struct indicate *indicate, struct batch *batch)
{
	static const struct cc_addr none;
	const struct cc_addr *addr = &indicate->base.attacker.addr;
	char *text;

	if (cc_addr_cmp(addr, &none) == 0)
		return;
	if (!net_nameable(addr) || nets_has(&indicate->home, addr)) {
		indicate->counts[INDICATE_NOT_NAMED]++;
		return;
	}
	text = arena_alloc(&batch->arena, CC_ADDR_TEXT);
	if (text == NULL) {
		indicate->counts[INDICATE_NO_MEMORY]++;
		return;
	}
	name_it(indicate, CC_KIND_ADDR, slice_str(cc_addr_text(addr, text)));
}

static bool
begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

/* Fingerprints only of rules that look at them: every browser has one. */
static void
name_seen(struct indicate *indicate, const char *buffer, bool dns, struct batch *batch)
{
	struct cc_record *base = &indicate->base;

	name_it(indicate, CC_KIND_FILE_SHA256, base->file_sha256);
	name_it(indicate, CC_KIND_CERT_SHA256, base->cert_sha256);
	if (begins(buffer, "ja4"))
		name_it(indicate, CC_KIND_JA4, base->ja4);
	if (begins(buffer, "ja3s"))
		name_it(indicate, CC_KIND_JA3S, base->ja3s);
	else if (begins(buffer, "ja3"))
		name_it(indicate, CC_KIND_JA3, base->ja3);
	if (begins(buffer, "http.user_agent"))
		name_it(indicate, CC_KIND_USER_AGENT, base->user_agent);
	if (begins(buffer, "smtp.mail_from"))
		name_it(indicate, CC_KIND_EMAIL, indicate->also.sender);
	if (begins(buffer, "email."))
		name_it(indicate, CC_KIND_EMAIL, indicate->also.from);
	if (begins(buffer, "ssh.hassh") && !begins(buffer, "ssh.hassh.server"))
		name_it(indicate, CC_KIND_HASSH, indicate->also.hassh);
	if (begins(buffer, "ssh.hassh.server"))
		name_it(indicate, CC_KIND_HASSH_SERVER, indicate->also.hassh_server);
	name_it(indicate, CC_KIND_SSH_HOST_KEY, indicate->also.host_key);
	name_it(indicate, CC_KIND_URL, base->url);
	if (base->domain.size > 0 && domain_nameable(base->domain))
		name_it(indicate, CC_KIND_DOMAIN, base->domain);
	if (!dns || base->domain.size == 0)
		name_address(indicate, batch);
}

/* What is named is what was seen: an entry may be a prefix, or a URL without its scheme. */
static struct slice
watched_value(struct indicate *indicate, const struct watch_info *watch, struct batch *batch)
{
	char *text;

	if (watch->kind == CC_KIND_URL && indicate->base.url.size > 0)
		return indicate->base.url;
	if (watch->kind != CC_KIND_ADDR)
		return watch->value;
	text = arena_alloc(&batch->arena, CC_ADDR_TEXT);
	if (text == NULL) {
		indicate->counts[INDICATE_NO_MEMORY]++;
		return slice_of(NULL, 0);
	}
	return slice_str(cc_addr_text(&indicate->base.attacker.addr, text));
}

static enum cc_detector
detector_of(enum match_by by)
{
	return by == MATCH_SIGNATURE ? CC_BY_SIGNATURE : by == MATCH_YARA ? CC_BY_YARA : CC_BY_WATCH;
}

/* What the victim sent is the victim's, unless it was the file itself that matched. */
static bool
victims_file(const struct indicate *indicate, const struct match *match)
{
	return match->by == MATCH_SIGNATURE && !begins(match->buffer, "file") &&
	       (match->file->dir == CC_TO_SERVER) != indicate->base.attacker_is_client;
}

static void
take_match(
    struct indicate *indicate, const struct match *match, const struct packet *pkt, struct batch *batch, uint64_t time)
{
	const struct cc_file *file = match->file;
	const struct cc_tx *tx = match->tx != NULL ? match->tx : file != NULL ? file->tx : NULL;
	const struct places *at = tx != NULL ? places_of(indicate, tx->parser) : NULL;
	struct scene scene = {
	    .flow = match->flow != NULL ? match->flow
		    : file != NULL      ? file->flow
					: NULL,
	    .pkt = match->has_packet ? pkt : NULL,
	    .tx = tx,
	    .file = file,
	    .rule = match->rule,
	    .watch = match->watch,
	    .dir = match->dir,
	    .time = time,
	};

	indicate->counts[INDICATE_MATCHES]++;
	if (match->rule != NULL && (match->rule->noalert || match->rule->action == RULE_PASS))
		return;
	facts_of(indicate, &scene, batch, &indicate->base);
	facts_also(indicate, &scene, &indicate->base, batch, &indicate->also);
	indicate->base.detector = detector_of(match->by);
	indicate->base.class = match->by == MATCH_WATCH ? CC_CLASS_SIGHTING : CC_CLASS_ALERT;
	indicate->base.offset = match->offset;
	indicate->base.buffer = match->buffer != NULL ? slice_str(match->buffer) : slice_of(NULL, 0);
	if (match->watch != NULL) {
		enum cc_kind kind = (enum cc_kind)match->watch->kind;

		indicate->base.severity = 2;
		indicate->base.rule_name = match->watch->comment;
		indicate->base.answer_to = match->watch->answer_to;
		name_it(indicate, kind, watched_value(indicate, match->watch, batch));
	} else {
		if (file != NULL && victims_file(indicate, match))
			indicate->base.file_sha256 = slice_of(NULL, 0);
		name_seen(indicate, match->buffer, at != NULL && at->dns, batch);
	}
	if (indicate->named_count == 0)
		indicate->counts[INDICATE_NOTHING]++;
}

/* Policy: what was seen of the other side, without any rule's word. */
static void
take_event(struct indicate *indicate, struct flow *flow, const struct event *event, const struct packet *pkt,
    struct batch *batch, uint64_t time)
{
	bool file = event->kind == EVENT_FILE_DONE, tx = event->kind == EVENT_DONE;
	struct scene scene = {
	    .flow = flow,
	    .pkt = pkt,
	    .tx = file ? event->file->tx : event->tx,
	    .file = file ? event->file : NULL,
	    .dir = event->dir,
	    .time = time,
	};
	const struct places *at;

	if (!(file && facts_file_whole(event->file)) && !(tx && indicate->conf->indicate_events == EVENTS_ALL))
		return;
	facts_of(indicate, &scene, batch, &indicate->base);
	facts_also(indicate, &scene, &indicate->base, batch, &indicate->also);
	indicate->base.detector = CC_BY_POLICY;
	indicate->base.class = CC_CLASS_EVENT;
	if (file) {
		name_it(indicate, CC_KIND_FILE_SHA256, indicate->base.file_sha256);
		return;
	}
	at = places_of(indicate, event->tx->parser);
	if (at == NULL)
		return;
	if (at->dns || at->http || at->tls)
		name_seen(indicate, at->tls ? "ja4" : NULL, true, batch);
	if (at->mail) {
		name_it(indicate, CC_KIND_EMAIL, indicate->also.sender);
		if (!slice_eq(indicate->also.from, indicate->also.sender))
			name_it(indicate, CC_KIND_EMAIL, indicate->also.from);
	}
	if (at->ssh) {
		name_it(indicate, CC_KIND_HASSH, indicate->also.hassh);
		name_it(indicate, CC_KIND_HASSH_SERVER, indicate->also.hassh_server);
		name_it(indicate, CC_KIND_SSH_HOST_KEY, indicate->also.host_key);
	}
}

/* The next match or event that names anything; false: none is left. */
static bool
next_scene(struct indicate *indicate, struct flow *flow, const struct packet *pkt, struct batch *batch, uint64_t time)
{
	indicate->named_count = indicate->named_next = 0;
	while (indicate->named_count == 0 && indicate->match < batch->match_count)
		take_match(indicate, batch->match[indicate->match++], pkt, batch, time);
	if (indicate->conf->indicate_events == EVENTS_NONE)
		return indicate->named_count > 0;
	while (indicate->named_count == 0 && indicate->event < batch->event_count)
		take_event(indicate, flow, &batch->event[indicate->event++], pkt, batch, time);
	return indicate->named_count > 0;
}

enum cc_status
indicate_next(struct indicate *indicate, struct flow *flow, const struct packet *pkt, struct batch *batch,
    uint64_t time, struct cc_record *ret_rec)
{
	const struct named *named;

	if (indicate->named_next == indicate->named_count && !next_scene(indicate, flow, pkt, batch, time)) {
		indicate->match = indicate->event = 0;
		indicate->named_count = indicate->named_next = 0;
		return CC_END;
	}
	named = &indicate->named[indicate->named_next++];
	*ret_rec = indicate->base;
	ret_rec->kind = named->kind;
	ret_rec->value = named->value;
	ret_rec->proof = named->proof;
	indicate->counts[INDICATE_RECORDS]++;
	return CC_OK;
}

const uint64_t *
indicate_counts(const struct indicate *indicate)
{
	return indicate->counts;
}
