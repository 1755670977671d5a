/* TLS: words for what the parser's fields hold as numbers or times. */
#include "detect/kw/kw.h"

/* Old names that hold a content themselves: tls.subject:"CN=…". */
static enum cc_status
value_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	return content_add_in(build, keyword->target, value, negated);
}

/* 1.3 and its drafts 14 to 28, which are 0x7f00 and their number. */
static bool
is_version_13(struct run *run, const struct op *op, struct slice bytes)
{
	uint64_t version = run->view.number;

	(void)op, (void)bytes;
	return version == 0x0304 || (version >= 0x7f0e && version <= 0x7f1c);
}

/* "1.2" asks for the negotiated version; without a value it is the buffer "TLS 1.2". */
static enum cc_status
version_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};
	struct number *number = build_take(build, sizeof(*number));
	uint64_t version = 0;
	struct op *op;

	(void)negated;
	if (value.size == 0)
		return build_sticky(build, "tls.version");
	if (number == NULL)
		return CC_BAD;
	for (unsigned i = 0; i < 4; i++)
		version = slice_is(value, versions[i]) ? 0x0301 + i : version;
	if (version == 0 && (value.size < 3 || value.p[0] != '0' || !slice_uint(value, UINT16_MAX, &version)))
		return build_refuse(build, "should be 1.0, 1.1, 1.2, 1.3, or a number such as 0x7f12");
	*number = (struct number){.compare = CMP_EQ, .a = version};
	op = build_op_in(build, keyword->target, version == 0x0304 ? DO_CALL : DO_NUMBER);
	if (op == NULL)
		return CC_BAD;
	if (version == 0x0304)
		op->call = is_version_13;
	else
		op->number = number;
	return CC_OK;
}

/* ---- dates of certificates, seconds since 1970 in the parser's fields ---- */

static int64_t
days_from(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* 2026-11, 2026-11-23, 2026-11-23T12, … :30, … :15, or digits alone: seconds since 1970, as in Suricata. */
static bool
date_parse(struct slice text, uint64_t *ret_seconds)
{
	static const struct {
		uint8_t digits, after;
		uint16_t least, most;
	} part[] = {{4, '-', 1970, 9999},
	    {2, '-', 1, 12}, {2, 'T', 1, 31}, {2, ':', 0, 23}, {2, ':', 0, 59}, {2, 0, 0, 60}};
	uint64_t number[6] = {1970, 1, 1, 0, 0, 0};
	unsigned i = 0;

	text = slice_trim(text);
	if (slice_uint(text, INT64_MAX, ret_seconds))
		return true;
	for (; i < 6 && text.size > 0; i++) {
		if (text.size < part[i].digits || !slice_uint(slice_of(text.p, part[i].digits), 9999, &number[i]) ||
		    number[i] < part[i].least || number[i] > part[i].most)
			return false;
		text = slice_of(text.p + part[i].digits, text.size - part[i].digits);
		if (text.size == 0)
			continue;
		if (text.p[0] != part[i].after && !(part[i].after == 'T' && text.p[0] == ' '))
			return false;
		text = slice_of(text.p + 1, text.size - 1);
		if (text.size == 0)
			return false;
	}
	*ret_seconds = (uint64_t)days_from((int64_t)number[0], (int64_t)number[1], (int64_t)number[2]) * 86400 +
		       number[3] * 3600 + number[4] * 60 + number[5];
	return i > 0 && text.size == 0;
}

static enum cc_status
date_keyword(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct number *number = build_take(build, sizeof(*number));
	const uint8_t *range = memmem(value.p, value.size, "<>", 2);
	bool good;
	struct op *op;

	(void)negated;
	if (number == NULL)
		return CC_BAD;
	number->compare = range != NULL && range > value.p ? CMP_RANGE
			  : value.p[0] == '<'              ? CMP_LT
			  : value.p[0] == '>'              ? CMP_GT
							   : CMP_EQ;
	if (number->compare == CMP_RANGE)
		good = date_parse(slice_of(value.p, (size_t)(range - value.p)), &number->a) &&
		       date_parse(slice_of(range + 2, value.size - (size_t)(range + 2 - value.p)), &number->b) &&
		       number->a < number->b;
	else
		good =
		    date_parse(number->compare == CMP_EQ ? value : slice_of(value.p + 1, value.size - 1), &number->a);
	if (!good)
		return build_refuse(build,
		    "should be a date such as 2026-11 or 2026-11-23T12:30:00, or seconds since 1970, with < or > before it or <> "
		    "between two");
	op = build_op_in(build, keyword->target, DO_NUMBER);
	if (op == NULL)
		return CC_BAD;
	op->number = number;
	return CC_OK;
}

static bool
expired_call(struct run *run, const struct op *op, struct slice bytes)
{
	(void)op, (void)bytes;
	return run->view.number < run->time / NS_PER_S;
}

static bool
begun_call(struct run *run, const struct op *op, struct slice bytes)
{
	(void)op, (void)bytes;
	return run->view.number <= run->time / NS_PER_S;
}

static bool
lasting_call(struct run *run, const struct op *op, struct slice bytes)
{
	return !expired_call(run, op, bytes);
}

static enum cc_status
expired_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool expired = strcmp(keyword->name, "tls_cert_expired") == 0;
	struct op *op = build_op_in(build, "tls_cert_notafter", DO_CALL);

	(void)value, (void)negated;
	if (op == NULL)
		return CC_BAD;
	op->call = expired ? expired_call : lasting_call;
	if (expired)
		return CC_OK;
	op = build_op_in(build, "tls_cert_notbefore", DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->call = begun_call;
	return CC_OK;
}

const struct keyword kw_tls_subject = {"tls.subject", NULL, KW_VALUE | KW_NEGATE, value_parse, "tls.cert_subject",
    "The old way to write content in tls.cert_subject"};
const struct keyword kw_tls_issuerdn = {"tls.issuerdn", NULL, KW_VALUE | KW_NEGATE, value_parse, "tls.cert_issuer",
    "The old way to write content in tls.cert_issuer"};
const struct keyword kw_tls_fingerprint = {"tls.fingerprint", NULL, KW_VALUE | KW_NEGATE, value_parse,
    "tls.cert_fingerprint", "The old way to write content in tls.cert_fingerprint"};
const struct keyword kw_tls_version = {"tls.version", NULL, 0, version_parse, "ssl_version",
    "The version that was negotiated: 1.0, 1.1, 1.2, 1.3 or a number; without a value the buffer \"TLS 1.2\""};
const struct keyword kw_tls_cert_notbefore = {"tls_cert_notbefore", "tls.cert_notbefore", KW_VALUE, date_keyword,
    "tls_cert_notbefore", "From when on the server's certificate is valid: "
    ">2026-11-23, 2025-01<>2026-01; digits alone: seconds"};
const struct keyword kw_tls_cert_notafter = {"tls_cert_notafter", "tls.cert_notafter", KW_VALUE, date_keyword,
    "tls_cert_notafter", "Until when the server's certificate is valid: "
    "<2026-11-23, 2025-01<>2026-01; digits alone: seconds"};
const struct keyword kw_tls_cert_expired = {"tls_cert_expired", NULL, KW_NO_VALUE, expired_parse, NULL,
    "The server's certificate was no longer valid at the packet's time"};
const struct keyword kw_tls_cert_valid = {"tls_cert_valid", NULL, KW_NO_VALUE, expired_parse, NULL,
    "The server's certificate was valid at the packet's time"};
