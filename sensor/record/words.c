/*
 * The words for a record's numbers, as they stand in watch lists, rules' metadata, STIX and on terminals.  Any thread.
 */
#include "record/record.h"

#include "base/text.h"

static const char *const kind_text[CC_KIND_COUNT] = {
    [CC_KIND_ADDR] = "addr",
    [CC_KIND_DOMAIN] = "domain",
    [CC_KIND_URL] = "url",
    [CC_KIND_FILE_SHA256] = "file-sha256",
    [CC_KIND_JA3] = "ja3",
    [CC_KIND_JA3S] = "ja3s",
    [CC_KIND_JA4] = "ja4",
    [CC_KIND_CERT_SHA256] = "cert-sha256",
    [CC_KIND_USER_AGENT] = "user-agent",
    [CC_KIND_EMAIL] = "email",
    [CC_KIND_HASSH] = "hassh",
    [CC_KIND_HASSH_SERVER] = "hassh-server",
    [CC_KIND_SSH_HOST_KEY] = "ssh-host-key",
};

static const char *const proof_text[] = {"spoofable", "handshake", "dialogue", "keyed", "content"};
static const char *const tlp_text[] = {"clear", "green", "amber", "amber+strict", "red"};
static const char *const detector_text[] = {"signature", "yara", "watch-list", "policy"};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

const char *
record_kind_text(enum cc_kind kind)
{
	return (size_t)kind < COUNT_OF(kind_text) ? kind_text[kind] : "unknown";
}

enum cc_status
record_kind_parse(struct slice text, enum cc_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT_OF(kind_text); i++) {
		if (text_eq_nocase(text, kind_text[i])) {
			*ret_kind = (enum cc_kind)i;
			return CC_OK;
		}
	}
	return CC_BAD;
}

const char *
record_proof_text(enum cc_proof proof)
{
	return (size_t)proof < COUNT_OF(proof_text) ? proof_text[proof] : "unknown";
}

const char *
record_tlp_text(enum cc_tlp tlp)
{
	return (size_t)tlp < COUNT_OF(tlp_text) ? tlp_text[tlp] : "unknown";
}

/* Takes "TLP:AMBER+STRICT" and "amber_strict", too: rule writers do. */
enum cc_status
record_tlp_parse(struct slice text, enum cc_tlp *ret_tlp)
{
	if (text.size > 4 && text_eq_nocase(slice_of(text.p, 4), "tlp:"))
		text = slice_of(text.p + 4, text.size - 4);
	if (text_eq_nocase(text, "white")) {
		*ret_tlp = CC_TLP_CLEAR;
		return CC_OK;
	}
	if (text_eq_nocase(text, "amber_strict") || text_eq_nocase(text, "amber-strict")) {
		*ret_tlp = CC_TLP_AMBER_STRICT;
		return CC_OK;
	}
	for (size_t i = 0; i < COUNT_OF(tlp_text); i++) {
		if (text_eq_nocase(text, tlp_text[i])) {
			*ret_tlp = (enum cc_tlp)i;
			return CC_OK;
		}
	}
	return CC_BAD;
}

const char *
record_detector_text(enum cc_detector detector)
{
	return (size_t)detector < COUNT_OF(detector_text) ? detector_text[detector] : "unknown";
}
