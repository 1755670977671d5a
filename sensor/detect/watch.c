/*
 * Watch lists on the packets' way: addresses of flows, values of transactions and hashes of files are looked up in the
 * operator's list and that of partners.
 */
#include "detect/watch.h"

static void
told(struct run *run, const struct entry *entry, const char *buffer)
{
	struct watch_info *info = arena_alloc(&run->batch->arena, sizeof(*info));
	const uint8_t *p = (const uint8_t *)(entry + 1) + entry->key_size;
	struct match *match;

	detect_count_add(run->detect, DETECT_WATCH_HITS, 1);
	run->buffer = NULL;
	match = info != NULL ? alert_push(run) : NULL;
	if (match == NULL)
		return;
	*info = (struct watch_info){.kind = entry->kind, .value = slice_of(p, entry->value_size)};
	info->source = slice_of(p + entry->value_size, entry->source_size);
	p += entry->value_size + entry->source_size;
	info->comment = slice_of(p, entry->comment_size);
	info->answer_to = slice_of(p + entry->comment_size, entry->answer_size);
	match->by = MATCH_WATCH;
	match->watch = info;
	match->buffer = buffer;
}

static bool
ask(struct run *run, const struct watch *watch, enum cc_kind kind, uint8_t bits, struct slice key, const char *buffer)
{
	const struct entry *entry;

	if (key.size == 0)
		return false;
	detect_count_add(run->detect, DETECT_WATCH_LOOKUPS, 1);
	entry = watch_find(watch, (uint8_t)kind, bits, key, NULL);
	if (entry == NULL)
		return false;
	told(run, entry, buffer);
	return true;
}

static void
ask_addr(struct run *run, const struct watch *watch, struct cc_addr addr)
{
	for (int bits = 128; bits >= 0; bits--) {
		if (bits < 128)
			addr.b[bits / 8] = (uint8_t)(addr.b[bits / 8] & ~(0x80 >> bits % 8));
		if (watch->has_bits[bits] && ask(run, watch, CC_KIND_ADDR, (uint8_t)bits, slice_of(addr.b, 16), "ip"))
			return;
	}
}

/* The operator's list and that of partners; either may be missing. */
#define EACH_LIST(run, watch)                                                                                          \
	for (const struct watch *lists[] = {(run)->detect->set->watch, (run)->detect->live}, **list = lists;           \
	     list < lists + 2; list++)                                                                                 \
		if (((watch) = *list) != NULL)

void
watch_flow(struct run *run)
{
	const struct watch *watch;

	EACH_LIST(run, watch) {
		if (!watch->has[CC_KIND_ADDR])
			continue;
		ask_addr(run, watch, run->flow->side[CC_TO_SERVER].addr);
		ask_addr(run, watch, run->flow->side[CC_TO_CLIENT].addr);
	}
}

/* The domain, then what it is a sub-domain of. */
static void
ask_domain(struct run *run, const struct watch *watch, struct slice text, const char *buffer)
{
	uint8_t out[VALUE_MAX];
	struct slice domain = watch_domain(text, out);

	while (domain.size > 0) {
		const uint8_t *dot;

		if (ask(run, watch, CC_KIND_DOMAIN, 0, domain, buffer))
			return;
		dot = memchr(domain.p, '.', domain.size);
		if (dot == NULL)
			return;
		domain = slice_of(dot + 1, domain.size - (size_t)(dot + 1 - domain.p));
	}
}

static void
ask_url(struct run *run, const struct watch *watch, const struct cc_tx *tx, struct slice host, const uint8_t *part)
{
	uint8_t out[VALUE_MAX];

	for (unsigned i = 0; i < tx->count; i++) {
		const struct cc_value *value = &tx->value[i];

		if (part[value->field] != PART_URI || host.size + value->size > VALUE_MAX)
			continue;
		lower_copy(out, host);
		memcpy(out + host.size, value->bytes, value->size);
		if (ask(run, watch, CC_KIND_URL, 0, slice_of(out, host.size + value->size), "http.uri"))
			return;
	}
}

static void
ask_value(struct run *run, const struct watch *watch, const struct cc_tx *tx, const struct cc_value *value,
    const uint8_t *part)
{
	struct slice bytes = slice_of(value->bytes, value->size);
	const char *buffer = tx->parser->fields[value->field].buffer;
	uint8_t out[VALUE_MAX], bits;
	enum cc_kind kind;

	if (buffer == NULL)
		buffer = tx->parser->fields[value->field].eve;
	switch ((enum part)part[value->field]) {
	case PART_HOST:
		if (watch->has[CC_KIND_URL])
			ask_url(run, watch, tx, bytes, part);
		/* fall through */
	case PART_DOMAIN:
		if (watch->has[CC_KIND_DOMAIN])
			ask_domain(run, watch, bytes, buffer);
		return;
	case PART_JA3:
		kind = CC_KIND_JA3;
		break;
	case PART_JA3S:
		kind = CC_KIND_JA3S;
		break;
	case PART_JA4:
		kind = CC_KIND_JA4;
		break;
	case PART_CERT:
		kind = CC_KIND_CERT_SHA256;
		break;
	case PART_AGENT:
		kind = CC_KIND_USER_AGENT;
		break;
	case PART_MAIL:
		kind = CC_KIND_EMAIL;
		break;
	case PART_HASSH:
		kind = CC_KIND_HASSH;
		break;
	case PART_HASSH_SERVER:
		kind = CC_KIND_HASSH_SERVER;
		break;
	case PART_HOST_KEY:
		kind = CC_KIND_SSH_HOST_KEY;
		break;
	default:
		return;
	}
	if (watch->has[kind])
		ask(run, watch, kind, 0, watch_key(kind, bytes, &bits, out), buffer);
}

void
watch_tx(struct run *run, struct cc_tx *tx, uint32_t from)
{
	const struct watch *watch;
	const uint8_t *part;

	EACH_LIST(run, watch) {
		part = NULL;
		for (unsigned p = 0; p < app_parser_count && p < 64; p++)
			part = app_parsers[p] == tx->parser ? watch->part[p] : part;
		for (uint32_t i = from; part != NULL && i < tx->count; i++) {
			const struct cc_value *value = &tx->value[i];

			if (part[value->field] != PART_NONE && tx->parser->fields[value->field].type == CC_BYTES)
				ask_value(run, watch, tx, value, part);
		}
	}
}

void
watch_file(struct run *run, struct cc_file *file)
{
	const struct watch *watch;

	EACH_LIST(run, watch) {
		if (watch_wants_files(watch) && file->has_sha256)
			ask(run, watch, CC_KIND_FILE_SHA256, 0, slice_of(file->sha256, 32), "file");
	}
}
