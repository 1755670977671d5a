/* Classes of rules, by a file of the operator's or as every rule set's file has them.  Loading only, one thread. */
#include "detect/own.h"

/* A line of classification.config: "config classification: name,text,priority". */
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
	if (set->common->users > 1)
		return true; /* taken over, as the file is the same */
	name = slice_trim(name);
	class = store_take(&set->common->store, sizeof(*class));
	lower = store_take(&set->common->store, name.size + 1);
	if (class == NULL || lower == NULL)
		return false;
	lower_copy(lower, name);
	*class = (struct class_entry){name, slice_trim(text), (uint32_t)priority};
	return map_put(set->common->classes, slice_of(lower, name.size), class, NULL) == CC_OK;
}

/*
 * Beside a set in use, a file in which not one line can be used is a mistake, half written perhaps, and what was read
 * before is the better one.  At the start there is nothing better.
 */
enum cc_status
lines_verdict(const struct ruleset *set, struct ruleset_report *report, const char *path, size_t good, size_t wrong)
{
	if (set->serial < 2 || good > 0 || wrong == 0)
		return CC_OK;
	report_line(report, path, 0, 0, NULL, "not one of its %zu lines can be used", wrong);
	return CC_BAD;
}

enum cc_status
config_load(struct ruleset *set, struct ruleset_report *report, const char *path, config_line_fn *fn, const char *form)
{
	struct slice text, line;
	uint32_t number = 0;
	size_t good = 0, wrong = 0;
	enum cc_status st = text_load(set->common->users > 1 ? &set->store : &set->common->store, report, path, &text);

	while (st == CC_OK && slice_split(&text, '\n', &line)) {
		number++;
		line = slice_trim(line);
		if (line.size == 0 || line.p[0] == '#')
			continue;
		if (fn(set, line)) {
			good++;
			continue;
		}
		wrong++;
		report->warnings++;
		report_line(report, path, number, 1, NULL, "warning: should be \"%s\"", form);
	}
	return st == CC_OK ? lines_verdict(set, report, path, good, wrong) : st;
}

enum cc_status
classes_load(struct ruleset *set, struct ruleset_report *report, const char *path)
{
	return config_load(set, report, path, class_line, "config classification: name,text,priority");
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

enum cc_status
classes_standard(struct ruleset *set)
{
	for (size_t i = 0; i < sizeof(standard_classes) / sizeof(standard_classes[0]); i++) {
		char line[256];
		int size = snprintf(line, sizeof(line), "config classification:%s", standard_classes[i]);
		struct slice copy = store_copy(&set->common->store, slice_of(line, (size_t)size));

		if (copy.p == NULL || !class_line(set, copy))
			return CC_NOMEM;
	}
	return CC_OK;
}
