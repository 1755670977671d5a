/*
 * Our own addresses on their way out: a pseudonym in their place, with sector and criticality of the network, and a
 * look for addresses of ours in texts that would carry them out by another door.  The courier's thread, and `concert
 * keys`.
 *
 * Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-Preserving IP Address Anonymization, ICNP 2002): two addresses that share n
 * leading bits have pseudonyms that share n bits.  Keys by sharing group and period come from one secret by HKDF
 * (RFC 5869), so that what one group was told can't be joined with what another was, nor this month's with last
 * month's.
 */
#ifndef EXCHANGE_VICTIMS_H
#define EXCHANGE_VICTIMS_H

#include "base/base.h"
#include "concert/addr.h"
#include "conf/conf.h"

/* ---- pan.c: the function itself ---- */

struct pan;

struct pan *pan_new(const uint8_t key[32]); /* NULL: no memory */
void pan_free(struct pan *pan);
/* IPv4 within its 32 bits, IPv6 within 128. */
struct cc_addr pan_hide(const struct pan *pan, const struct cc_addr *addr);
struct cc_addr pan_show(const struct pan *pan, const struct cc_addr *hidden);

/* ---- victims.c ---- */

#define VICTIM_TEXT 160

struct victims;

/*
 * The secret is made at the first start; outdir is for relative paths.  CC_BAD, CC_DENIED (others may read the secret),
 * CC_IO: *ret_why (malloc) names the file, and the line where there is one.
 */
enum cc_status victims_open(const struct conf *conf, const char *outdir, struct victims **ret_victims, char **ret_why);
void victims_close(struct victims *victims);
/* Reads the list of networks again if its file changed; a broken one is logged and the old list stays.  Call each
 * second. */
void victims_refresh(struct victims *victims);

/* The questions below take NULL: then nothing is known to be ours. */
/* Of the home networks, or in the list. */
bool victims_ours(const struct victims *victims, const struct cc_addr *addr);
/* "pan4-partners-20461-c6336410"; time (ns) chooses the period. */
const char *victims_pseudonym(
    struct victims *victims, const struct cc_addr *addr, uint64_t time, char ret_text[VICTIM_TEXT]);
/* The address behind a pseudonym of ours.  CC_BAD: *ret_why (static) says what is wrong with it. */
enum cc_status victims_reveal(
    struct victims *victims, struct slice text, struct cc_addr *ret_addr, const char **ret_why);
/* Sector and criticality of the longest prefix that has addr; NULL where the list has none. */
void victims_sector(const struct victims *victims, const struct cc_addr *addr, const char **ret_sector,
    const char **ret_criticality);
/*
 * Does text name an address of ours?  Dotted, dashed or underscored in either order (as in names of dial-up hosts and
 * in in-addr.arpa), with %XX, as a number or in hexadecimal where a URL's host stands, IPv6 in any form, ip6.arpa.
 */
bool victims_named_in(const struct victims *victims, struct slice text);
/* The same of a user agent, where "Chrome/131.0.0.0" is a product's version and no address. */
bool victims_named_in_agent(const struct victims *victims, struct slice text);

#endif
