/* TLS: words for what the parser's fields hold as numbers or times. */
#include "detect/kw/kw.h"

/* Old names that hold a content themselves: tls.subject:"CN=…". */
static enum cc_status
value_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	uint16_t before = build->buffer, instance = build->instance;
	int at = buffer_find(build->set, slice_str(keyword->target));
	enum cc_status st;

	if (at < 0)
		return build_refuse(
		    build, "the buffer %s needs a parser that this sensor does not have", keyword->target);
	build->buffer = (uint16_t)at;
	build->instance = 0;
	st = content_add(build, value, negated);
	build->buffer = before;
	build->instance = instance;
	return st;
}

const struct keyword kw_tls_subject = {"tls.subject", NULL, KW_VALUE | KW_NEGATE, value_parse, "tls.cert_subject",
    "The old way to write content in tls.cert_subject"};
const struct keyword kw_tls_issuerdn = {"tls.issuerdn", NULL, KW_VALUE | KW_NEGATE, value_parse, "tls.cert_issuer",
    "The old way to write content in tls.cert_issuer"};
const struct keyword kw_tls_fingerprint = {"tls.fingerprint", NULL, KW_VALUE | KW_NEGATE, value_parse,
    "tls.cert_fingerprint", "The old way to write content in tls.cert_fingerprint"};
