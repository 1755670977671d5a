/*
 * The old way to name a buffer: a word behind the content, http_uri, that moves the content there.  Where it stands
 * before any content it names the buffer for what follows, as in Snort 3, and so do all others of that rule.
 */
#include "detect/kw/kw.h"

/* Snort 3's "http_header: field name": one header's value, where that is a buffer of ours with the same bytes. */
static enum cc_status
header_field(struct build *build, struct slice value)
{
	static const struct {
		const char *name, *buffer;
	} table[] = {{"user-agent", "http.user_agent"}, {"referer", "http.referer"}, {"host", "http.host.raw"},
	    {"content-type", "http.content_type"}, {"content-length", "http.content_len"}, {"accept", "http.accept"},
	    {"accept-encoding", "http.accept_enc"}, {"accept-language", "http.accept_lang"},
	    {"connection", "http.connection"}, {"location", "http.location"}, {"server", "http.server"}};
	struct slice rest = value, word;

	slice_split(&rest, ' ', &word);
	rest = slice_trim(rest);
	if (!slice_is_nocase(word, "field") || rest.size == 0 || memchr(rest.p, ',', rest.size) != NULL)
		return build_refuse(build, "takes no value, or Snort 3's \"field name\" alone");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (slice_is_nocase(rest, table[i].name))
			return build_sticky(build, table[i].buffer);
	}
	return build_refuse(build,
	    "the header \"%.*s\" has no buffer of its own; look in http_header for its whole line",
	    (int)(rest.size < 40 ? rest.size : 40), rest.p);
}

static enum cc_status
modifier_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = build_last_content(build);
	int at = buffer_find(build->set, slice_str(keyword->target));
	size_t index;

	(void)negated;
	if (at < 0)
		return build_refuse(build, "needs a parser of HTTP");
	if (value.size > 0) {
		build->buffers_first = true;
		return header_field(build, value);
	}
	if (build->op_count == 0 || build->buffers_first) {
		build->buffers_first = true;
		return build_sticky(build, keyword->target);
	}
	if (op == NULL)
		return build_refuse(
		    build, "needs a content before it; as a buffer for what follows write %s", keyword->target);
	if (build->buffer != 0)
		return build_refuse(build,
		    "stands behind a content of another buffer; write pkt_data before that content, or %s",
		    keyword->target);
	index = (size_t)(op - build->op);
	if (build->op_buffer[index] != 0)
		return build_refuse(build, "the content before has a buffer already");
	if ((op->flags & OF_RAWBYTES) != 0)
		return build_refuse(build, "can't stand with rawbytes on the same content");
	build->op_buffer[index] = (uint16_t)at;
	build->op_instance[index] = 0;
	return CC_OK;
}

#define MODIFIER(word, buffer)                                                                                         \
	const struct keyword kw_##word = {                                                                             \
	    #word, NULL, KW_NO_VALUE, modifier_parse, buffer, "The content before is looked for in " buffer}
MODIFIER(http_uri, "http.uri");
MODIFIER(http_raw_uri, "http.uri.raw");
const struct keyword kw_http_header = {"http_header", NULL, 0, modifier_parse, "http.header",
    "The content before is looked for in http.header; \"field name\", as in Snort 3: what follows in that header"};
MODIFIER(http_raw_header, "http.header.raw");
MODIFIER(http_cookie, "http.cookie");
MODIFIER(http_method, "http.method");
MODIFIER(http_client_body, "http.request_body");
MODIFIER(http_server_body, "http.response_body");
MODIFIER(http_stat_code, "http.stat_code");
MODIFIER(http_stat_msg, "http.stat_msg");
MODIFIER(http_user_agent, "http.user_agent");
MODIFIER(http_host, "http.host");
MODIFIER(http_raw_host, "http.host.raw");
