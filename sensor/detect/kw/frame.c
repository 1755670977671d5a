/* frame: the range that a parser gives a name to becomes the buffer in force; "stream" is all of a side. */
#include "detect/kw/kw.h"

static int
kind_find(const struct cc_parser *parser, struct slice name)
{
	for (unsigned i = 0; i < parser->frame_count; i++) {
		if (slice_is(name, parser->frames[i].name))
			return (int)i;
	}
	return -1;
}

/* All of a side is what stream rules look at. */
static enum cc_status
stream_frame(struct build *build, uint64_t apps)
{
	build->rule.apps = build->rule.apps != 0 ? build->rule.apps & apps : apps;
	build->rule.flow |= FLOW_ONLY_STREAM;
	build->rule.protos &= PROTO_TCP;
	return build_sticky(build, "pkt_data");
}

/* The parsers among `apps` that know the frame; "stream" is known to each that reads TCP. */
static enum cc_status
frame_of(struct build *build, uint64_t apps, struct slice name, bool *ret_found)
{
	bool stream = slice_is(name, "stream");
	uint64_t streams = 0;

	*ret_found = true;
	for (unsigned i = 0; i < app_parser_count && i < 64; i++) {
		int kind = (apps >> i & 1) != 0 ? kind_find(app_parsers[i], name) : -1;

		if ((apps >> i & 1) != 0 && app_parsers[i]->tcp)
			streams |= 1ull << i;
		if (kind >= 0) {
			int buffer = buffer_of_frame(build, i, (unsigned)kind);

			if (buffer < 0)
				return build_refuse(build, "no memory");
			return build_sticky(build, build->set->buffer[buffer].name);
		}
	}
	if (stream && streams != 0)
		return stream_frame(build, streams);
	*ret_found = false;
	return CC_OK;
}

static void
names_print(struct buf *out, uint64_t apps)
{
	for (unsigned i = 0; i < app_parser_count && i < 64; i++) {
		for (unsigned k = 0; (apps >> i & 1) != 0 && k < app_parsers[i]->frame_count; k++)
			buf_printf(out, "%s, ", app_parsers[i]->frames[k].name);
		if ((apps >> i & 1) != 0 && app_parsers[i]->tcp && !out->full)
			buf_add_text(out, "stream, ");
	}
	out->size -= out->size >= 2 ? 2 : 0;
}

static enum cc_status
frame_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	const uint8_t *dot = memchr(value.p, '.', value.size);
	uint64_t apps = build->rule.apps, named = 0;
	struct slice short_name = value;
	char room[400];
	struct buf names;
	enum cc_status st;
	bool found = false;

	(void)keyword, (void)negated;
	if ((build->rule.protos & (PROTO_TCP | PROTO_UDP)) == 0)
		return build_refuse(build, "frames are of TCP and UDP; the rule's protocol is another");
	if (apps != 0) {
		st = frame_of(build, apps, value, &found);
		if (found || st != CC_OK)
			return st;
	}
	if (dot != NULL) {
		named = protocol_apps(slice_of(value.p, (size_t)(dot - value.p)));
		short_name = slice_of(dot + 1, value.size - (size_t)(dot + 1 - value.p));
	}
	if (named != 0 && apps != 0 && (named & apps) == 0)
		return build_refuse(build, "the frame is of another protocol than the rule's header");
	if (named != 0) {
		st = frame_of(build, named, short_name, &found);
		if (found || st != CC_OK)
			return st;
	}
	if (named == 0 && apps == 0)
		return build_refuse(build,
		    dot == NULL ? "write it with its protocol, such as tls.pdu, for the rule's header names none"
				: "what stands before the dot is no protocol that this sensor parses");
	buf_over(&names, room, sizeof(room));
	names_print(&names, named != 0 ? named : apps);
	return build_refuse(build, "no frame of that name; there are %.*s", (int)names.size, (const char *)names.p);
}

const struct keyword kw_frame = {"frame", NULL, KW_VALUE, frame_parse, NULL,
    "The range of a side's bytes that a parser names: frame:tls.pdu, or with the protocol in the header frame:pdu"};
