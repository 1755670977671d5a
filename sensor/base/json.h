/*
 * Writes JSON into a buf: commas and quotes are its business, nesting is the caller's.  Strings may be any bytes: valid
 * UTF-8 goes out as it is, other bytes as \u00XX of their value, control characters escaped (RFC 8259).  One thread.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

/*
 * Four of these names are also Jansson's, which reads JSON for us and for libyara: the linker gets others.  A file that
 * needs both headers includes <jansson.h> first.
 */
#define json_object base_json_object
#define json_array base_json_array
#define json_string base_json_string
#define json_null base_json_null

struct json {
	struct buf *out;
	bool comma; /* the next member or element needs one before it */
};

static inline struct json
json_into(struct buf *out)
{
	return (struct json){out, false};
}

/* key NULL: an element of an array, or the outermost value. */
void json_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_array(struct json *json, const char *key);
void json_end_array(struct json *json);
void json_string(struct json *json, const char *key, struct slice value);
void json_text(struct json *json, const char *key, const char *value);
/* Left out when it is empty or NULL; a time (ns, as RFC 3339) when it is 0. */
void json_text_if(struct json *json, const char *key, const char *value);
void json_time_if(struct json *json, const char *key, uint64_t ns);
void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_double(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_hex(struct json *json, const char *key, struct slice bytes);
void json_printf(struct json *json, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
void json_raw(struct json *json, const char *key, struct slice json_text); /* already JSON */

#endif
