/*
 * Files to a ruleset: classification, rules line by line, the watch list, YARA; then the index over all of it.
 *
 * A rule begins in the first column; a final '\' joins the next line; '#' at the start comments a line out.  A rule
 * that can't be used is refused alone, with file:line:column, keyword and reason.  Not on the packet path; one thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "detect/kw/kw.h"

#define RULES_FILE_MAX (1ull << 30)

void
report_line(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column, const char *keyword,
    const char *format, ...)
{
	char why[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	buf_printf(&report->text, "%s", file);
	if (line > 0)
		buf_printf(&report->text, ":%u", line);
	if (column > 0)
		buf_printf(&report->text, ":%u", column);
	if (keyword != NULL)
		buf_printf(&report->text, ": %s", keyword);
	buf_printf(&report->text, ": %s\n", why);
}

enum cc_status
text_load(struct ruleset *set, struct ruleset_report *report, const char *path, struct slice *ret_text)
{
	FILE *file = fopen(path, "re");
	struct stat stat;
	uint8_t *text;
	size_t size;

	if (file == NULL) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		return CC_IO;
	}
	if (fstat(fileno(file), &stat) != 0 || !S_ISREG(stat.st_mode) || (uint64_t)stat.st_size > RULES_FILE_MAX) {
		report_line(report, path, 0, 0, NULL, "is no regular file of less than 1 GiB");
		fclose(file);
		return CC_IO;
	}
	text = store_take(&set->store, (size_t)stat.st_size + 1);
	if (text == NULL) {
		fclose(file);
		return CC_NOMEM;
	}
	size = fread(text, 1, (size_t)stat.st_size, file);
	if (ferror(file)) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		fclose(file);
		return CC_IO;
	}
	fclose(file);
	*ret_text = slice_of(text, size);
	return CC_OK;
}

/* ---- classification.config: "config classification: name,text,priority" ---- */

static bool
class_line(struct ruleset *set, struct slice line)
{
	static const char head[] = "config classification:";
	struct class_entry *class;
	struct slice rest, name, text;
	uint8_t *lower;
	uint64_t priority;

	if (line.size < sizeof(head) || memcmp(line.p, head, sizeof(head) - 1) != 0)
		return false;
	rest = slice_of(line.p + sizeof(head) - 1, line.size - sizeof(head) + 1);
	if (!slice_split(&rest, ',', &name) || !slice_split(&rest, ',', &text) ||
	    !slice_uint(slice_trim(rest), 255, &priority))
		return false;
	name = slice_trim(name);
	class = store_take(&set->store, sizeof(*class));
	lower = store_take(&set->store, name.size + 1);
	if (class == NULL || lower == NULL)
		return false;
	lower_copy(lower, name);
	*class = (struct class_entry){name, slice_trim(text), (uint32_t)priority};
	return map_put(set->classes, slice_of(lower, name.size), class, NULL) == CC_OK;
}

static enum cc_status
classes_load(struct ruleset *set, struct ruleset_report *report, const char *path)
{
	struct slice text, line;
	uint32_t number = 0;
	enum cc_status st = text_load(set, report, path, &text);

	while (st == CC_OK && slice_split(&text, '\n', &line)) {
		number++;
		line = slice_trim(line);
		if (line.size == 0 || line.p[0] == '#')
			continue;
		if (!class_line(set, line)) {
			report->warnings++;
			report_line(report, path, number, 1, NULL,
			    "warning: should be \"config classification: name,text,priority\"");
		}
	}
	return st;
}

/* Without a file of the operator's: what every rule set's file has. */
static const char *const standard_classes[] = {
    "not-suspicious,Not Suspicious Traffic,3",
    "unknown,Unknown Traffic,3",
    "bad-unknown,Potentially Bad Traffic,2",
    "attempted-recon,Attempted Information Leak,2",
    "successful-recon-limited,Information Leak,2",
    "successful-recon-largescale,Large Scale Information Leak,2",
    "attempted-dos,Attempted Denial of Service,2",
    "successful-dos,Denial of Service,2",
    "attempted-user,Attempted User Privilege Gain,1",
    "unsuccessful-user,Unsuccessful User Privilege Gain,1",
    "successful-user,Successful User Privilege Gain,1",
    "attempted-admin,Attempted Administrator Privilege Gain,1",
    "successful-admin,Successful Administrator Privilege Gain,1",
    "rpc-portmap-decode,Decode of an RPC Query,2",
    "shellcode-detect,Executable code was detected,1",
    "string-detect,A suspicious string was detected,3",
    "suspicious-filename-detect,A suspicious filename was detected,2",
    "suspicious-login,An attempted login using a suspicious username was detected,2",
    "system-call-detect,A system call was detected,2",
    "tcp-connection,A TCP connection was detected,4",
    "trojan-activity,A Network Trojan was detected,1",
    "unusual-client-port-connection,A client was using an unusual port,2",
    "network-scan,Detection of a Network Scan,3",
    "denial-of-service,Detection of a Denial of Service Attack,2",
    "non-standard-protocol,Detection of a non-standard protocol or event,2",
    "protocol-command-decode,Generic Protocol Command Decode,3",
    "web-application-activity,access to a potentially vulnerable web application,2",
    "web-application-attack,Web Application Attack,1",
    "misc-activity,Misc activity,3",
    "misc-attack,Misc Attack,2",
    "icmp-event,Generic ICMP event,3",
    "inappropriate-content,Inappropriate Content was Detected,1",
    "policy-violation,Potential Corporate Privacy Violation,1",
    "default-login-attempt,Attempt to login by a default username and password,2",
    "targeted-activity,Targeted Malicious Activity was Detected,1",
    "exploit-kit,Exploit Kit Activity Detected,1",
    "external-ip-check,Device Retrieving External IP Address Detected,2",
    "domain-c2,Domain Observed Used for C2 Detected,1",
    "pup-activity,Possibly Unwanted Program Detected,2",
    "credential-theft,Successful Credential Theft Detected,1",
    "social-engineering,Possible Social Engineering Attempted,2",
    "coin-mining,Crypto Currency Mining Activity Detected,2",
    "command-and-control,Malware Command and Control Activity Detected,1",
};

static enum cc_status
classes_standard(struct ruleset *set)
{
	for (size_t i = 0; i < sizeof(standard_classes) / sizeof(standard_classes[0]); i++) {
		char line[256];
		int size = snprintf(line, sizeof(line), "config classification:%s", standard_classes[i]);
		struct slice copy = store_copy(&set->store, slice_of(line, (size_t)size));

		if (copy.p == NULL || !class_line(set, copy))
			return CC_NOMEM;
	}
	return CC_OK;
}

/* ---- rules ---- */

struct loader {
	struct ruleset *set;
	struct ruleset_report *report;
	struct build *build;
	struct rule *rule;
	size_t count, room;
	const char *file;
};

/* gid:sid is there already: the higher revision stays. */
static bool
duplicate_keep(struct loader *loader, const struct rule *rule, size_t *ret_at)
{
	uint32_t key[2] = {rule->info.gid, rule->info.sid};
	uintptr_t at = (uintptr_t)map_get(loader->set->sids, slice_of(key, sizeof(key)));
	const struct rule_info *old;

	*ret_at = loader->count;
	if (at == 0)
		return true;
	old = &loader->rule[at - 1].info;
	*ret_at = at - 1;
	if (rule->info.rev > old->rev) {
		loader->report->warnings++;
		loader->report->loaded--;
		report_line(loader->report, loader->file, rule->info.line, 1, "sid",
		    "warning: %u revision %u takes the place of revision %u in %s:%u", rule->info.sid, rule->info.rev,
		    old->rev, old->file, old->line);
		return true;
	}
	report_line(loader->report, loader->file, rule->info.line, 1, "sid",
	    "%u is there already, revision %u in %s:%u; only a higher revision takes its place", rule->info.sid,
	    old->rev, old->file, old->line);
	loader->report->refused++;
	return false;
}

static enum cc_status
rule_keep(struct loader *loader, const struct rule *rule)
{
	uint32_t key[2] = {rule->info.gid, rule->info.sid};
	size_t at;

	if (!duplicate_keep(loader, rule, &at))
		return CC_OK;
	if (at == loader->room) {
		size_t room = loader->room == 0 ? 1024 : loader->room * 2;
		struct rule *p = realloc(loader->rule, room * sizeof(*p));

		if (p == NULL)
			return CC_NOMEM;
		loader->rule = p;
		loader->room = room;
	}
	loader->rule[at] = *rule;
	loader->rule[at].index = (uint32_t)at;
	if (at == loader->count)
		loader->count++;
	loader->report->loaded++;
	return map_put(loader->set->sids, slice_of(key, sizeof(key)), (void *)(uintptr_t)(at + 1), NULL);
}

static enum cc_status
rule_line(struct loader *loader, struct slice text, uint32_t line)
{
	struct build *build = loader->build;
	struct rule_meta *meta = build->meta;
	struct slice *reference = build->reference;
	size_t meta_room = build->meta_room, reference_room = build->reference_room;

	/* Only what must be: the arrays of ops are large, and are written before they are read. */
	memset((uint8_t *)build + offsetof(struct build, meta), 0, sizeof(*build) - offsetof(struct build, meta));
	memset(&build->rule, 0, sizeof(build->rule));
	build->op_count = build->check_count = build->var_count = 0;
	build->meta = meta;
	build->meta_room = meta_room;
	build->reference = reference;
	build->reference_room = reference_room;
	build->set = loader->set;
	build->report = loader->report;
	build->file = loader->file;
	build->line = line;
	build->column = 1;
	build->keyword = NULL;
	build->refused = false;
	build->ip_keyword_only = true;
	build->rule.kind = KIND_PACKET;
	build->rule.dirs = DIR_BOTH;
	build->rule.anomaly = -1;
	build->rule.fast = build->rule.payload_fast = build->rule.fast_segment = -1;
	if (text.size > RULE_LINE_MAX) {
		build_refuse(build, "longer than %u bytes", RULE_LINE_MAX);
	} else if (text.p[0] == ' ' || text.p[0] == '\t') {
		build_refuse(build, "a rule begins in the first column; this one stands behind blanks");
	} else if (rule_parse(build, text) == CC_OK) {
		return rule_keep(loader, &build->rule);
	}
	if (build->skipped)
		loader->report->warnings++;
	else
		loader->report->refused++;
	return CC_OK;
}

/* The next rule: lines that end in '\' joined.  *ret_line: its first line. */
static bool
logical_line(struct loader *loader, struct slice *rest, uint32_t *line, struct slice *ret_text, uint32_t *ret_line)
{
	struct slice part;
	uint8_t *joined = NULL;
	size_t size = 0;

	*ret_line = *line + 1;
	while (slice_split(rest, '\n', &part)) {
		bool more;

		(*line)++;
		if (part.size > 0 && part.p[part.size - 1] == '\r')
			part.size--;
		more = part.size > 0 && part.p[part.size - 1] == '\\' && part.p[0] != '#' && rest->p != NULL;
		if (!more && joined == NULL) {
			*ret_text = part;
			return true;
		}
		if (joined == NULL) {
			joined = store_take(&loader->set->store, part.size + rest->size + 1);
			if (joined == NULL)
				return false;
		}
		part.size -= more ? 1 : 0;
		memcpy(joined + size, part.p, part.size);
		size += part.size;
		if (!more)
			break;
	}
	*ret_text = slice_of(joined, size);
	return joined != NULL;
}

static bool
is_blank(struct slice text)
{
	return slice_trim(text).size == 0;
}

static enum cc_status
rules_load(struct loader *loader, const char *path)
{
	struct slice rest, text, name = store_copy(&loader->set->store, slice_str(path));
	uint32_t line = 0, first;
	enum cc_status st = text_load(loader->set, loader->report, path, &rest);

	if (name.p == NULL)
		return CC_NOMEM;
	loader->file = (const char *)name.p;
	while (st == CC_OK && logical_line(loader, &rest, &line, &text, &first)) {
		if (is_blank(text) || text.p[0] == '#')
			continue;
		st = rule_line(loader, text, first);
	}
	return st;
}

static enum cc_status
maps_open(struct ruleset *set)
{
	struct map **const maps[] = {
	    &set->regexes, &set->addr_sets, &set->port_sets, &set->buffers, &set->sids, &set->classes, &set->flowbits};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		*maps[i] = map_new(0);
		if (*maps[i] == NULL)
			return CC_NOMEM;
	}
	return CC_OK;
}

/* Names are of no use once everything has its number. */
static void
maps_close(struct ruleset *set)
{
	struct map **const maps[] = {
	    &set->regexes, &set->addr_sets, &set->port_sets, &set->buffers, &set->sids, &set->classes, &set->flowbits};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		map_free(*maps[i], NULL);
		*maps[i] = NULL;
	}
}

static void
digest_make(struct ruleset *set)
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	for (uint32_t i = 0; i < set->rule_count; i++)
		digest_add(&digest, slice_of(set->rule[i].info.digest, sizeof(set->rule[i].info.digest)));
	yara_digest(set->yara, &digest);
	digest_close(&digest, NULL, NULL, set->digest);
}

/* The worse of two; a file that can't be read doesn't keep the others from being loaded. */
static enum cc_status
worse(enum cc_status a, enum cc_status b)
{
	return a == CC_NOMEM || b == CC_NOMEM ? CC_NOMEM : a != CC_OK ? a : b;
}

static enum cc_status
all_rules_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report)
{
	struct loader loader = {.set = set, .report = report, .build = calloc(1, sizeof(struct build))};
	enum cc_status st = loader.build != NULL ? CC_OK : CC_NOMEM;

	if (st == CC_OK && conf->detect_classification[0] != '\0')
		st = classes_load(set, report, conf->detect_classification);
	else if (st == CC_OK)
		st = classes_standard(set);
	if (st != CC_NOMEM)
		st = worse(st, iprep_load(set, conf, report));
	for (size_t i = 0; i < conf->detect_rules.count && st != CC_NOMEM; i++)
		st = worse(st, rules_load(&loader, conf->detect_rules.item[i]));
	set->rule = loader.rule;
	set->rule_count = (uint32_t)loader.count;
	if (loader.build != NULL) {
		free(loader.build->meta);
		free(loader.build->reference);
	}
	free(loader.build);
	return st;
}

enum cc_status
ruleset_load(const struct conf *conf, struct ruleset_report *report, struct ruleset **ret_set)
{
	struct ruleset *set = calloc(1, sizeof(*set));
	enum cc_status st, all = CC_OK;

	if (set == NULL)
		return CC_NOMEM;
	set->conf = conf;
	set->stream_window = conf->detect_stream_window;
	st = maps_open(set);
	if (st == CC_OK)
		st = buffers_open(set);
	if (st == CC_OK)
		all = all_rules_load(set, conf, report);
	if (st == CC_OK && all != CC_NOMEM)
		all = worse(all, limits_load(set, conf, report));
	if (st == CC_OK && all != CC_NOMEM)
		st = datasets_settle(set, conf);
	if (st == CC_OK && all != CC_NOMEM)
		st = ruleset_index(set);
	if (st == CC_OK && all != CC_NOMEM)
		all = worse(all, watch_load(set, conf, report));
	if (st == CC_OK && all != CC_NOMEM)
		all = worse(all, yara_load(set, conf, report));
	if (st == CC_OK)
		st = all;
	maps_close(set);
	set->conf = NULL;
	if (st != CC_OK) {
		ruleset_free(set);
		return st;
	}
	digest_make(set);
	*ret_set = set;
	return CC_OK;
}

void
ruleset_free(struct ruleset *set)
{
	if (set == NULL)
		return;
	maps_close(set);
	ruleset_index_free(set);
	for (uint32_t i = 0; i < set->regex_count; i++)
		pcre2_code_free(set->regex[i]->code);
	free(set->regex);
	free(set->buffer);
	free(set->rule);
	watch_free(set->watch);
	yara_free(set->yara);
	datasets_free(set);
	store_close(&set->store);
	free(set);
}

const uint8_t *
ruleset_digest(const struct ruleset *set)
{
	return set->digest;
}

void
ruleset_wants(const struct ruleset *set, struct app_wants *ret_wants, size_t *ret_history)
{
	*ret_wants = (struct app_wants){
	    .content = set->wants_content || yara_wants_files(set->yara),
	    .digests = set->wants_digests | (watch_wants_files(set->watch) ? DIGEST_SHA256 : 0u),
	    .magic = set->wants_magic,
	};
	for (uint32_t i = 0; i < set->frame_buffer_count; i++) {
		const struct buffer *buffer = &set->buffer[set->frame_buffer[i]];

		ret_wants->frames[buffer->frame_parser] |= 1u << buffer->frame_kind;
	}
	*ret_history = set->has_stream || yara_wants_stream(set->yara) ? set->stream_window : 0;
}
