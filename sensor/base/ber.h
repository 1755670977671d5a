/*
 * BER (X.690) as protocols on the wire use it: Kerberos, LDAP, SNMP. Tags of one byte, definite lengths of at most four
 * bytes; indefinite lengths and long tags are refused.  Bytes in, slices of them out; no memory, any thread.
 *
 * The readers take an element off a cursor and are sticky as the cursor is: what isn't there, isn't of the tag, or
 * reaches beyond the end sets `bad` and gives nothing.  Read a whole structure, then look at `bad` once.
 *
 *     struct cur seq = ber_sub(&c, BER_SEQUENCE);
 *     int64_t version = ber_int(&seq, BER_INTEGER);
 *     struct slice name = ber_take(&seq, BER_OCTET_STRING);
 *
 *     if (c.bad || seq.bad)
 *             return CC_BAD;
 */
#ifndef BASE_BER_H
#define BASE_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "concert/slice.h"
#include "concert/status.h"

enum {
	BER_BOOLEAN = 0x01, BER_INTEGER = 0x02, BER_BIT_STRING = 0x03, BER_OCTET_STRING = 0x04, BER_NULL = 0x05,
	BER_OID = 0x06, BER_ENUMERATED = 0x0a, BER_UTF8_STRING = 0x0c, BER_GENERALIZED_TIME = 0x18,
	BER_GENERAL_STRING = 0x1b, BER_SEQUENCE = 0x30, BER_SET = 0x31,
};

#define BER_CONSTRUCTED 0x20
#define BER_APPLICATION(n) (0x40 | (n))     /* | BER_CONSTRUCTED where there are elements inside */
#define BER_CONTEXT(n) (0x80 | (n))
#define BER_IN_APPLICATION(n) (0x60 | (n))  /* constructed: elements inside */
#define BER_IN_CONTEXT(n) (0xa0 | (n))
#define BER_DEPTH_MAX 32                    /* of ber_tree() */

/*
 * How many bytes the first element of in takes with its head, for a stream's framing.  CC_MORE: the head isn't all
 * here; CC_BAD: no head that is read here.  The element itself need not be here.
 */
enum cc_status ber_measure(struct slice in, size_t *ret_size);

/* Is an element of this tag next?  False when the cursor is bad or at its end. */
bool ber_is(const struct cur *c, uint8_t tag);

/* The value of the next element, whatever its tag; of this tag. */
struct slice ber_any(struct cur *c, uint8_t *ret_tag);
struct slice ber_take(struct cur *c, uint8_t tag);
/* A cursor over what is in the next element; bad, and empty, when it isn't of this tag. */
struct cur ber_sub(struct cur *c, uint8_t tag);
/* INTEGER, ENUMERATED and their kin: bad above 64 bits; ber_uint() when negative, too. */
int64_t ber_int(struct cur *c, uint8_t tag);
uint64_t ber_uint(struct cur *c, uint8_t tag);

/*
 * Are these bytes elements from end to end, and so is what is in their constructed ones, at most depth deep
 * (BER_DEPTH_MAX at most)?  What a probe asks before it believes.
 */
bool ber_tree(struct slice in, unsigned depth);

/* "1.3.6.1": the value of an OID, NUL-terminated, in room bytes.  False, and "", when it is none or doesn't fit. */
bool ber_oid_text(struct slice oid, char *ret_text, size_t room);

#endif
