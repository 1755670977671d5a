/* FTP: the command that a data connection belongs to; data sent to a third host. */
#include "detect/kw/kw.h"

static bool
text_call(struct run *run, const struct op *op, struct slice bytes)
{
	(void)run;
	return slice_is_nocase(bytes, op->data);
}

static enum cc_status
ftpdata_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const commands[] = {"retr", "stor"};
	struct op *op;
	size_t i = 0;

	(void)negated;
	if (value.size == 0)
		return build_sticky(build, keyword->target);
	while (i < 2 && !slice_is_nocase(value, commands[i]))
		i++;
	if (i == 2)
		return build_refuse(
		    build, "should be retr or stor; any other command: ftpdata.command; content:\"APPE\";");
	op = build_op_in(build, keyword->target, DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->call = text_call;
	op->data = commands[i];
	return CC_OK;
}

/* The parser sees it when it reads PORT or EPRT. */
static enum cc_status
ftpbounce_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)value, (void)negated;
	for (unsigned i = 0; i < app_parser_count; i++) {
		for (unsigned k = 0; strcmp(app_parsers[i]->name, "ftp") == 0 && k < app_parsers[i]->anomaly_count;
		     k++) {
			if (strcmp(app_parsers[i]->anomalies[k].name, "port_bounce") != 0)
				continue;
			build->rule.anomaly = (int32_t)k;
			build->rule.anomaly_parser = (uint8_t)i;
			build->needs_tx = true;
			build->rule.dirs = DIR_TS; /* the client's command alone */
			build->ip_keyword_only = false;
			return CC_OK;
		}
	}
	return build_refuse(build, "needs a parser of FTP");
}

const struct keyword kw_ftpdata_command = {"ftpdata_command", "ftpdata.command", 0, ftpdata_parse, "ftpdata.command",
    "The command that an FTP data connection belongs to: retr or stor; without a value the buffer of its name"};
const struct keyword kw_ftpbounce = {"ftpbounce", NULL, KW_NO_VALUE, ftpbounce_parse, NULL,
    "An FTP client wants the data sent to another host than itself"};
