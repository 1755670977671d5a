/* What the files that write STIX share.  The courier's one thread. */
#ifndef EXCHANGE_STIX_OWN_H
#define EXCHANGE_STIX_OWN_H

#include "exchange/exchange.h"

#define STIX_ID 80 /* "extension-definition--" and a UUID, with room */

/* Of concert's own extension and of who defined it: the same in every message of every sensor. */
#define STIX_EXTENSION "extension-definition--e70757fa-d206-44a7-8d39-8276cee6795e"
#define STIX_PROJECT "identity--9dbfa60a-e5c2-4de8-87d6-d6289b42145a"
#define STIX_HTTP_EXT "http-request-ext"
/* Objects with derived ids have no other time of creation that all who derive them would agree on. */
#define STIX_CREATED "1970-01-01T00:00:00.000Z"

/* Texts of a record that are left out because they name an address of ours. */
enum {
	STIX_NO_DOMAIN = 1,
	STIX_NO_URL = 2,
	STIX_NO_USER_AGENT = 4,
	STIX_NO_FILE_NAME = 8,
	STIX_NO_RULE_NAME = 16,
};

/* An address of our own networks does not leave, on whichever side it stands: exchange.md, Victims. */
bool stix_attacker_is_ours(const struct exchange_source *source, const struct cc_record *rec);

/* stix.c: what every bundle of ours begins with (who, marking, extension), and the marking of an object. */
void stix_frame(struct json *json, const struct conf *conf, enum cc_tlp level);
void stix_frame_rest(
    struct json *json, const struct conf *conf, enum cc_tlp level); /* without the organisation's identity */
void stix_marking(struct json *json, enum cc_tlp level);
const char *stix_tlp_id(enum cc_tlp level);
/* Opens an object with the members that all have; author and modified may be NULL. */
void stix_begin(struct json *json, const char *type, const char *id, const char *author, const char *created,
    const char *modified);
/* The ids of our organisation and of this sensor. */
void stix_self(const struct conf *conf, char ret_organisation[STIX_ID], char ret_sensor[STIX_ID]);
void stix_pattern(struct buf *out, enum cc_kind kind, struct slice value);

/* stix_id.c: deterministic ids */
void stix_uuid5(const uint8_t space[16], struct slice name, char ret_uuid[37]);
/* Of a cyber-observable: UUIDv5 in STIX's namespace over the canonical JSON of what contributes to its id. */
void stix_sco_id(const char *type, struct slice canonical, char ret_id[STIX_ID]);
/* Of anything else: UUIDv5 in our namespace over parts, each with its size. */
void stix_own_id(const char *type, const struct slice *part, size_t count, char ret_id[STIX_ID]);
void stix_jcs_string(struct buf *out, struct slice text); /* as RFC 8785 writes it */

/* stix_object.c: cyber-observables, each written once and named in refs */
struct stix_refs {
	char id[8][STIX_ID];
	unsigned count;
};
void stix_observables(struct json *json, const struct exchange_source *source, const struct cc_record *rec,
    const char *marking, struct stix_refs *ret_refs);
/* One observable by itself.  CC_ABSENT: STIX has none for it. */
enum cc_status stix_observable(
    struct json *json, enum cc_kind kind, struct slice value, enum cc_tlp level, char ret_id[STIX_ID]);

/* stix_info.c */
/* left_out: STIX_NO_ bits. */
void stix_basic_information(struct json *json, struct exchange_source *source, const struct cc_record *rec,
    unsigned left_out);

#endif
