/*
 * The buffers that rules can name: the packet's own, those of files, and one for each field of a parser's table that
 * has a buffer name.  A buffer with transforms is a buffer of its own, shared by the rules that ask for the same.
 */
#include <stdlib.h>

#include "detect/own.h"

static const struct {
	const char *old, *name;
} spelling[] = {
    {"file_data", "file.data"},
    {"filename", "file.name"},
    {"filemagic", "file.magic"},
    {"dns_query", "dns.query"},
    {"tls_sni", "tls.sni"},
    {"tls_cert_subject", "tls.cert_subject"},
    {"tls_cert_issuer", "tls.cert_issuer"},
    {"tls_cert_serial", "tls.cert_serial"},
    {"tls_cert_fingerprint", "tls.cert_fingerprint"},
    {"ja3_hash", "ja3.hash"},
    {"ja3_string", "ja3.string"},
    {"ja3s_hash", "ja3s.hash"},
    {"ja3s_string", "ja3s.string"},
    {"ja4_hash", "ja4.hash"},
    {"http_request_line", "http.request_line"},
    {"http_response_line", "http.response_line"},
    {"http_start", "http.start"},
    {"http_protocol", "http.protocol"},
    {"http_header_names", "http.header_names"},
    {"http_accept", "http.accept"},
    {"http_accept_lang", "http.accept_lang"},
    {"http_accept_enc", "http.accept_enc"},
    {"http_connection", "http.connection"},
    {"http_content_len", "http.content_len"},
    {"http_content_type", "http.content_type"},
    {"http_referer", "http.referer"},
    {"http_server", "http.server"},
    {"http_location", "http.location"},
    {"dce_stub_data", "dcerpc.stub_data"},
    {"ssh_proto", "ssh.proto"},
    {"ssh_software", "ssh.software"},
    {"smb_share", "smb.share"},
    {"smb_named_pipe", "smb.named_pipe"},
    {"base64.data", "base64_data"},
    {"dns.opcode", "dns.opcode"},
};

static struct buffer *
buffer_new(struct common *common, const char *name, enum source source)
{
	struct buffer *buffer = &common->buffer[common->buffer_count];

	/* The map holds the number, one up, as a pointer: 0 is "not there". */
	if (common->buffer_count == BUFFERS_MAX ||
	    map_put(common->buffers, slice_str(name), (void *)(uintptr_t)(common->buffer_count + 1), NULL) != CC_OK)
		return NULL;
	*buffer = (struct buffer){.name = name, .source = source, .dirs = DIR_BOTH};
	common->buffer_count++;
	return buffer;
}

/* Its number by its own name; -1: none. */
static int
number_of(const struct common *common, struct slice name)
{
	return (int)(uintptr_t)map_get(common->buffers, name) - 1;
}

static enum cc_status
field_add(struct common *common, unsigned parser, unsigned index, const struct cc_field *field)
{
	int at = number_of(common, slice_str(field->buffer));
	struct buffer *buffer = at >= 0 ? &common->buffer[at] : buffer_new(common, field->buffer, SRC_FIELD);
	struct buffer_field *more;
	uint8_t dirs = (uint8_t)(((field->flags & CC_REQUEST) != 0 ? DIR_TS : 0) |
				 ((field->flags & CC_RESPONSE) != 0 ? DIR_TC : 0));

	if (buffer == NULL)
		return CC_NOMEM;
	if (buffer->source != SRC_FIELD)
		return CC_OK; /* a buffer of files, that the parser names, too */
	if (dirs == 0)
		dirs = DIR_BOTH;
	more = store_take(&common->store, (buffer->field_count + 1u) * sizeof(*more));
	if (more == NULL)
		return CC_NOMEM;
	if (buffer->field_count > 0)
		memcpy(more, buffer->field, buffer->field_count * sizeof(*more));
	more[buffer->field_count] = (struct buffer_field){(uint8_t)parser, (uint8_t)index, dirs};
	buffer->dirs = buffer->field_count == 0 ? dirs : (uint8_t)(buffer->dirs | dirs);
	buffer->field = more;
	buffer->field_count++;
	buffer->parsers |= 1ull << parser;
	buffer->multi = buffer->multi || (field->flags & CC_MULTI) != 0;
	buffer->number = field->type == CC_UINT || field->type == CC_FLAG;
	buffer->flag = field->type == CC_FLAG;
	buffer->ends = (field->flags & CC_ENDS) != 0;
	for (unsigned i = 0; i < app_parsers[parser]->words_count; i++) {
		if (app_parsers[parser]->words[i].field == index)
			buffer->words = &app_parsers[parser]->words[i];
	}
	return CC_OK;
}

static enum cc_status
aliases_add(struct common *common, const struct cc_parser *parser)
{
	for (unsigned i = 0; i < parser->alias_count; i++) {
		uintptr_t at = (uintptr_t)map_get(common->buffers, slice_str(parser->aliases[i].buffer));

		if (at != 0 && map_put(common->buffers, slice_str(parser->aliases[i].alias), (void *)at, NULL) != CC_OK)
			return CC_NOMEM;
	}
	return CC_OK;
}

enum cc_status
buffers_open(struct common *common)
{
	static const struct {
		const char *name;
		enum source source;
		uint8_t dirs;
		enum header_part part;
	} table[] = {
	    {"pkt_data", SRC_PAYLOAD, DIR_BOTH, 0},
	    {"base64_data", SRC_BASE64, DIR_BOTH, 0},
	    {"file.data", SRC_FILE, DIR_BOTH, 0},
	    {"http.request_body", SRC_FILE, DIR_TS, 0},
	    {"http.response_body", SRC_FILE, DIR_TC, 0},
	    {"file.name", SRC_FILE_NAME, DIR_BOTH, 0},
	    {"file.magic", SRC_FILE_TYPE, DIR_BOTH, 0},
	    {"ipv4.hdr", SRC_HEADER, DIR_BOTH, PART_IPV4},
	    {"ipv6.hdr", SRC_HEADER, DIR_BOTH, PART_IPV6},
	    {"tcp.hdr", SRC_HEADER, DIR_BOTH, PART_TCP},
	    {"udp.hdr", SRC_HEADER, DIR_BOTH, PART_UDP},
	    {"icmpv4.hdr", SRC_HEADER, DIR_BOTH, PART_ICMPV4},
	    {"icmpv6.hdr", SRC_HEADER, DIR_BOTH, PART_ICMPV6},
	    {"ip.src", SRC_HEADER, DIR_BOTH, PART_SRC},
	    {"ip.dst", SRC_HEADER, DIR_BOTH, PART_DST},
	};
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buffer *buffer = buffer_new(common, table[i].name, table[i].source);

		if (buffer == NULL)
			return CC_NOMEM;
		buffer->dirs = table[i].dirs;
		buffer->part = table[i].part;
		for (unsigned k = 0; k < app_parser_count && k < 64; k++) {
			if (strncmp(table[i].name, "http.", 5) == 0 && strncmp(app_parsers[k]->name, "http", 4) == 0)
				buffer->parsers |= 1ull << k;
		}
	}
	for (unsigned i = 0; i < app_parser_count && i < 64 && st == CC_OK; i++) {
		for (unsigned f = 0; f < app_parsers[i]->field_count && st == CC_OK; f++) {
			if (app_parsers[i]->fields[f].buffer != NULL)
				st = field_add(common, i, f, &app_parsers[i]->fields[f]);
		}
	}
	for (unsigned i = 0; i < app_parser_count && i < 64 && st == CC_OK; i++)
		st = aliases_add(common, app_parsers[i]);
	for (uint32_t i = 0; i < common->buffer_count; i++)
		common->buffer[i].lower = strcmp(common->buffer[i].name, "http.host") == 0;
	return st;
}

int
buffer_find(const struct ruleset *set, struct slice name)
{
	struct common *common = set->common;
	char lower[64];
	int at;

	if (name.size >= sizeof(lower))
		return -1;
	lower_copy((uint8_t *)lower, name);
	lower[name.size] = '\0';
	pthread_mutex_lock(&common->lock);
	at = number_of(common, slice_str(lower));
	for (size_t i = 0; at < 0 && i < sizeof(spelling) / sizeof(spelling[0]); i++) {
		if (strcmp(lower, spelling[i].old) == 0)
			at = number_of(common, slice_str(spelling[i].name));
	}
	pthread_mutex_unlock(&common->lock);
	return at;
}

/* What the rule that named them first lends its transforms goes with that rule: so they get all of their own. */
static bool
transforms_settle(struct common *common, struct buffer *buffer)
{
	for (unsigned i = 0; i < buffer->transform_count; i++) {
		struct transform *transform = &buffer->transform[i];

		if (transform->argument.size > 0) {
			transform->argument = store_copy(&common->store, transform->argument);
			if (transform->argument.p == NULL)
				return false;
		}
		if (transform->regex != NULL)
			transform->regex->users++; /* for as long as the buffer is there */
	}
	return true;
}

static int
transformed(struct common *common, const struct buffer *like, struct slice name, bool make)
{
	struct buffer *fresh;
	struct slice copy;
	int at;

	pthread_mutex_lock(&common->lock);
	at = number_of(common, name);
	if (at < 0 && make) {
		copy = store_copy(&common->store, name);
		fresh = copy.p != NULL ? buffer_new(common, (const char *)copy.p, like->source) : NULL;
		if (fresh != NULL) {
			*fresh = *like;
			if (transforms_settle(common, fresh))
				at = (int)common->buffer_count - 1;
		}
	}
	pthread_mutex_unlock(&common->lock);
	return at;
}

static int
frame_buffer(struct common *common, unsigned parser, unsigned kind, struct slice name, bool make)
{
	struct buffer *fresh;
	struct slice copy;
	int at;

	pthread_mutex_lock(&common->lock);
	at = number_of(common, name);
	if (at < 0 && make) {
		copy = store_copy(&common->store, name);
		fresh = copy.p != NULL ? buffer_new(common, (const char *)copy.p, SRC_FRAME) : NULL;
		if (fresh != NULL) {
			fresh->multi = true;
			fresh->parsers = 1ull << parser;
			fresh->frame_parser = (uint8_t)parser;
			fresh->frame_kind = (uint8_t)kind;
			at = (int)common->buffer_count - 1;
		}
	}
	pthread_mutex_unlock(&common->lock);
	return at;
}

int
buffer_of_frame(struct build *build, unsigned parser, unsigned kind)
{
	const struct cc_parser *p = app_parsers[parser];
	char text[96];
	int at, size;

	size = snprintf(text, sizeof(text), "frame:%s.%s", p->name, p->frames[kind].name);
	at = frame_buffer(build->set->common, parser, kind, slice_of(text, (size_t)size), false);
	if (at < 0) {
		build_turn(build);
		at = frame_buffer(build->set->common, parser, kind, slice_of(text, (size_t)size), true);
	}
	return at;
}

int
buffer_with(struct build *build, unsigned buffer, const struct transform *transform, unsigned count)
{
	struct common *common = build->set->common;
	struct buffer made = common->buffer[buffer];
	struct buf text;
	int at;

	buf_open(&text, 65536);
	buf_add_text(&text, made.name);
	for (unsigned i = 0; i < count; i++) {
		if (made.transform_count >= TRANSFORMS_MAX)
			break;
		made.transform[made.transform_count++] = transform[i];
		buf_add_text(&text, "+");
		buf_add_text(&text, transform[i].name);
		for (size_t k = 0; k < transform[i].argument.size; k++)
			buf_printf(&text, "%02x", transform[i].argument.p[k]);
	}
	buf_add_u8(&text, 0);
	made.lower = false;
	if (text.full) {
		buf_close(&text);
		return -1;
	}
	at = transformed(common, &made, slice_of(text.p, text.size - 1), false);
	if (at < 0) {
		build_turn(build);
		at = transformed(common, &made, slice_of(text.p, text.size - 1), true);
	}
	buf_close(&text);
	return at;
}

enum cc_status
buffers_settle(struct ruleset *set)
{
	struct common *common = set->common;

	set->buffer = malloc(common->buffer_count * sizeof(set->buffer[0]));
	if (set->buffer == NULL)
		return CC_NOMEM;
	memcpy(set->buffer, common->buffer, common->buffer_count * sizeof(set->buffer[0]));
	set->buffer_count = common->buffer_count;
	return CC_OK;
}

/* A field's buffers that rules wait for, so that a value finds them by its index. */
static enum cc_status
fields_index(struct ruleset *set)
{
	size_t total = 0, at = 0;

	for (uint32_t b = 0; b < set->buffer_count; b++)
		total += set->buffer[b].field_count;
	set->field_buffer = store_take(&set->store, (total + 1) * sizeof(set->field_buffer[0]));
	if (set->field_buffer == NULL)
		return CC_NOMEM;
	for (unsigned p = 0; p < app_parser_count && p < 64; p++) {
		set->by_field[p] =
		    store_take(&set->store, (app_parsers[p]->field_count + 1) * sizeof(struct field_buffers));
		if (set->by_field[p] == NULL)
			return CC_NOMEM;
		for (unsigned f = 0; f < app_parsers[p]->field_count; f++) {
			set->by_field[p][f].first = (uint16_t)at;
			for (uint32_t b = 0; b < set->buffer_count; b++) {
				const struct buffer *buffer = &set->buffer[b];

				if (!buffer->patterns && buffer->always_count == 0)
					continue;
				for (unsigned i = 0; i < buffer->field_count; i++) {
					if (buffer->field[i].parser == p && buffer->field[i].field == f)
						set->field_buffer[at++] = (uint16_t)b;
				}
			}
			set->by_field[p][f].count = (uint16_t)(at - set->by_field[p][f].first);
		}
	}
	return CC_OK;
}

enum cc_status
buffers_index(struct ruleset *set)
{
	set->file_buffer = store_take(&set->store, set->buffer_count * sizeof(set->file_buffer[0]));
	set->meta_buffer = store_take(&set->store, set->buffer_count * sizeof(set->meta_buffer[0]));
	set->frame_buffer = store_take(&set->store, set->buffer_count * sizeof(set->frame_buffer[0]));
	if (set->file_buffer == NULL || set->meta_buffer == NULL || set->frame_buffer == NULL)
		return CC_NOMEM;
	for (uint32_t b = 0; b < set->buffer_count; b++) {
		const struct buffer *buffer = &set->buffer[b];

		if (!buffer->patterns && buffer->always_count == 0)
			continue;
		if (buffer->source == SRC_FRAME)
			set->frame_buffer[set->frame_buffer_count++] = (uint16_t)b;
		if (buffer->source == SRC_FILE)
			set->file_buffer[set->file_buffer_count++] = (uint16_t)b;
		if (buffer->source == SRC_FILE_NAME || buffer->source == SRC_FILE_TYPE)
			set->meta_buffer[set->meta_buffer_count++] = (uint16_t)b;
	}
	return fields_index(set);
}
