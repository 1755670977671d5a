/*
 * What a sighting has that another may have, too, as texts with their weights, and what it is folded by: equal features
 * of one organisation and day are one node.  A function of the sighting alone (and of whose networks are whose).
 * Thread: any.
 */
#include "joint/joint_own.h"

#include <ctype.h>
#include <stdio.h>

#define DAY (86400 * NS_PER_S)

static void
add_feature(struct draft *draft, enum feature_type type, struct slice text, double cap)
{
	uint64_t hash;

	if (text.size == 0 || draft->count == NODE_FEATURES)
		return;
	hash = value_hash(type, text, false);
	for (unsigned i = 0; i < draft->count; i++) {
		if (draft->feature[i].type == type && draft->feature[i].hash == hash)
			return;
	}
	draft->feature[draft->count++] = (struct feature_draft){type, text, cap, hash};
}

/* Where everybody has a name of his own: who is beside whom says nothing. */
static const char *const platform[] = {"duckdns.org", "ddns.net", "hopto.org", "no-ip.org", "dynu.net", "cloudapp.net",
    "amazonaws.com", "myftp.org", "servehttp.com", "zapto.org", "sytes.net"};

/* And where the platform answers for it; at those above a name leads to a server of the tenant's. */
static const char *const hosting[] = {"workers.dev", "pages.dev", "azurewebsites.net", "azureedge.net", "windows.net",
    "cloudfront.net", "blogspot.com", "web.app", "firebaseapp.com", "appspot.com", "github.io", "gitlab.io",
    "herokuapp.com", "netlify.app", "vercel.app", "ngrok.io", "ngrok-free.app", "trycloudflare.com", "fastly.net",
    "akamaized.net", "wordpress.com", "weebly.com", "wixsite.com", "glitch.me", "repl.co", "onrender.com", "surge.sh",
    "oast.fun", "oast.live", "oast.me", "oast.online", "oast.pro", "oast.site", "interact.sh", "oastify.com",
    "burpcollaborator.net", "dnslog.cn", "requestrepo.com"};

static bool
is_any(struct slice site, const char *const *word, size_t count)
{
	size_t i = 0;

	while (i < count && !slice_is(site, word[i]))
		i++;
	return i < count;
}

static bool
is_hosting(struct slice site)
{
	return is_any(site, hosting, sizeof(hosting) / sizeof(hosting[0]));
}

static bool
is_platform(struct slice site)
{
	return is_any(site, platform, sizeof(platform) / sizeof(platform[0])) || is_hosting(site);
}

/*
 * The part that somebody registers: two labels, three below co.uk and its like.  By a rule and not by the list of
 * suffixes: it is part of what a node is, and so of a case's id, which no edition of a list may change.
 */
static struct slice
registered(struct slice domain)
{
	const uint8_t *p = domain.p + domain.size, *dot[3] = {NULL, NULL, NULL};
	unsigned dots = 0;

	while (p > domain.p && dots < 3) {
		if (*--p == '.')
			dot[dots++] = p;
	}
	if (dots < 2)
		return domain;
	p = dot[1] + 1;
	if (suffixes_usual(slice_of(p, (size_t)(domain.p + domain.size - p))))
		p = dots == 3 ? dot[2] + 1 : domain.p;
	return slice_of(p, (size_t)(domain.p + domain.size - p));
}

bool
name_is_hosted(struct slice domain)
{
	return is_hosting(registered(domain));
}

/* And with one label more of a tenant of a platform. */
static struct slice
site_of(struct slice domain)
{
	struct slice site = registered(domain);
	const uint8_t *p = site.p;

	if (site.size == domain.size || !is_platform(site))
		return site;
	for (p--; p > domain.p && p[-1] != '.';)
		p--;
	return slice_of(p, (size_t)(domain.p + domain.size - p));
}

/* Path without query, when it is long enough to mean something. */
static struct slice
path_of(struct slice url)
{
	const uint8_t *p = url.p, *end = url.p != NULL ? url.p + url.size : NULL, *start = NULL;
	unsigned slashes = 0;

	for (; p != NULL && p < end && *p != '?' && *p != '#'; p++) {
		if (*p == '/' && ++slashes == 3)
			start = p;
	}
	return start != NULL && p - start >= 5 ? slice_of(start, (size_t)(p - start)) : slice_of(NULL, 0);
}

/*
 * How a path is made: runs of digits, hexadecimal digits and letters by their kind and length, other bytes as they are,
 * its extension whole.  Of what is one word, as people name it, there is no shape.
 */
static struct slice
path_shape(struct slice path, char room[64])
{
	const uint8_t *p = path.p, *end = path.p != NULL ? path.p + path.size : NULL, *dot = NULL;
	size_t size = 0;
	bool made = false;

	for (const uint8_t *q = p; q != NULL && q < end; q++)
		dot = *q == '.' ? q : *q == '/' ? NULL : dot;
	while (p < end && p != dot && size < 48) {
		const uint8_t *start = p;
		unsigned digits = 0, hex = 0, count;

		for (; p < end && p != dot && isalnum(*p); p++) {
			digits += isdigit(*p) != 0;
			hex += isxdigit(*p) != 0;
		}
		if ((count = (unsigned)(p - start)) == 0) {
			room[size++] = (char)*p++;
			continue;
		}
		made = made || (count >= 6 && digits > 0);
		size += (size_t)snprintf(room + size, 64 - size, "%c%u",
		    digits == count ? 'd' : hex == count ? 'x' : digits > 0 ? 'm' : 'w', count);
	}
	for (; p < end && p - dot < 8 && size < 63; p++)
		room[size++] = (char)*p;
	return made ? slice_of(room, size) : slice_of(NULL, 0);
}

bool
addr_of(struct slice text, struct cc_addr *ret_addr)
{
	char word[CC_ADDR_TEXT];

	if (text.size == 0 || text.size >= sizeof(word))
		return false;
	memcpy(word, text.p, text.size);
	word[text.size] = '\0';
	return cc_addr_parse(word, ret_addr) == CC_OK;
}

static uint32_t
home_at(const struct joint *joint, const struct cc_addr *addr)
{
	for (size_t i = 0; i < joint->home_count; i++) {
		if (cc_prefix_has(&joint->home[i].prefix, addr))
			return joint->home[i].organisation;
	}
	return NONE;
}

uint32_t
home_named(const struct joint *joint, struct slice addr)
{
	struct cc_addr at;

	return addr_of(addr, &at) ? home_at(joint, &at) : NONE;
}

/* The /24 or /48 that it is in, as text. */
static struct slice
net_of(const struct cc_addr *at, char room[64])
{
	bool four = cc_addr_is4(at);
	struct cc_addr net = *at;
	char text[CC_ADDR_TEXT];

	memset(net.b + (four ? 15 : 6), 0, four ? 1 : 10);
	snprintf(room, 64, "%s/%u", cc_addr_text(&net, text), four ? 24u : 48u);
	return slice_str(room);
}

/* Of each letter, by bits, those that often follow it in words: 230 of 676 pairs, nine of ten in texts. */
static const uint32_t often_after[26] = {0x13ebd4e, 0x0124911, 0x01a4d91, 0x0144919, 0x1efb97d, 0x01a4931, 0x0162991,
    0x0084111, 0x22ef87f, 0x0000000, 0x0000010, 0x11c4919, 0x014d113, 0x03c497d, 0x07efd6f, 0x11ec911, 0x0100000,
    0x11e795d, 0x11cc995, 0x11ec995, 0x00eb917, 0x0000111, 0x0004191, 0x0088010, 0x0048000, 0x0000010};

/* Half of the letters, or more, follow others that they seldom follow in words: drawn, not spoken. */
static bool
is_drawn(const uint8_t *p, size_t size)
{
	unsigned pairs = 0, often = 0;

	for (size_t i = 1; i < size; i++) {
		unsigned a = (p[i - 1] | 0x20u) - 'a', b = (p[i] | 0x20u) - 'a';

		if (a > 25 || b > 25)
			continue;
		pairs++;
		often += often_after[a] >> b & 1;
	}
	return pairs >= 9 && 2 * often <= pairs;
}

/*
 * Names that a program has made look alike: long, hardly a vowel, drawn letters or digits, one registry.  What people
 * register does not look so, and has no shape.
 */
static struct slice
shape_of(struct slice site, char room[32])
{
	const uint8_t *dot = site.size > 0 ? memchr(site.p, '.', site.size) : NULL;
	size_t size = dot != NULL ? (size_t)(dot - site.p) : 0, vowels = 0, digits = 0;

	for (size_t i = 0; i < size; i++) {
		vowels += memchr("aeiouy", site.p[i] | 0x20, 6) != NULL;
		digits += site.p[i] >= '0' && site.p[i] <= '9';
	}
	if (size < 7 || (vowels * 6 > size && digits * 4 < size && !is_drawn(site.p, size)))
		return slice_of(NULL, 0);
	snprintf(room, 32, "%s%s%.*s", size < 12 ? "s" : size < 20 ? "m" : "l", digits * 4 >= size ? "d" : "c",
	    (int)(site.size - size < 16 ? site.size - size : 16), (const char *)dot);
	return slice_str(room);
}

#define CAP(type) feature_about[FEATURE_##type].cap

/* A host of theirs attacks, others say; a host of ours attacks, or is steered from outside, they say: perhaps the same.
 */
static void
draft_home(const struct joint *joint, const struct joint_sighting *s, struct draft *d)
{
	struct slice name = name_slice(joint, d->home);

	if (s->attacker_pseudonym.size > 0 ||
	    ((s->victim.size > 0 || hides_victim(s->tlp)) && s->client && s->proof >= CC_PROOF_DIALOGUE &&
		d->home == NONE)) {
		add_feature(d, FEATURE_HOME, s->organisation, CAP(HOME));
	} else if (s->proof != CC_PROOF_SPOOFABLE && d->home != NONE) {
		name.size = name.size < sizeof(d->home_name) ? name.size : sizeof(d->home_name);
		memcpy(d->home_name, name.p, name.size);
		add_feature(d, FEATURE_HOME, slice_of(d->home_name, name.size), CAP(HOME));
	}
}

/* Of a rule that only observes a name or an address is no word against it: it takes more to link by it.  That the rule
 * finds two things says no more than that both are of a sort that many are. */
#define OBSERVED_CAP JOINT_TELLS

static void
observe(struct draft *d)
{
	for (unsigned i = 0; i < d->count; i++) {
		enum feature_type type = d->feature[i].type;

		if ((is_candidate((uint8_t)type) || type == FEATURE_SITE || type == FEATURE_URL) &&
		    d->feature[i].cap > OBSERVED_CAP)
			d->feature[i].cap = OBSERVED_CAP;
		if (type == FEATURE_RULE)
			d->feature[i].cap = 0;
	}
}

void
draft_features(const struct joint *joint, const struct joint_sighting *s, struct draft *d)
{
	bool keyed = s->proof == CC_PROOF_KEYED, forged = s->proof == CC_PROOF_SPOOFABLE;
	struct slice addr = s->attacker.size > 0 ? s->attacker : s->kind == CC_KIND_ADDR ? s->value : slice_of(NULL, 0);
	struct cc_addr at;
	bool known = addr_of(addr, &at);

	d->count = 0;
	d->home = s->attacker.size > 0 && known ? home_at(joint, &at) : NONE;
	add_feature(d, FEATURE_KEY, s->key_sha256, keyed ? CAP(KEY) : 4);
	/* A certificate that was shown without its key in use is a copy that anybody can show; named by an indicator,
	 * without an address that showed it, it is meant. */
	add_feature(d, FEATURE_CERT, s->cert,
	    keyed || (s->kind == CC_KIND_CERT_SHA256 && s->attacker.size == 0) ? CAP(CERT) : 3);
	add_feature(d, FEATURE_DOMAIN, s->domain, CAP(DOMAIN));
	if (s->domain.size > 0)
		add_feature(d, FEATURE_SITE, site_of(s->domain), CAP(SITE));
	add_feature(d, FEATURE_URL, s->url, CAP(URL));
	add_feature(d, FEATURE_FILE, s->file, CAP(FILE));
	add_feature(d, FEATURE_ADDR, addr, forged && s->attacker.size > 0 ? 3.5 : CAP(ADDR));
	if (!forged && known)
		add_feature(d, FEATURE_NET, net_of(&at, d->net), CAP(NET));
	add_feature(d, FEATURE_VICTIM, s->victim, CAP(VICTIM));
	add_feature(d, FEATURE_VICTIM, s->attacker_pseudonym, CAP(VICTIM));
	draft_home(joint, s, d);
	add_feature(d, FEATURE_JA4, s->ja4, CAP(JA4));
	add_feature(d, FEATURE_JA3, s->ja3, CAP(JA3));
	add_feature(d, FEATURE_JA3S, s->ja3s, CAP(JA3S));
	add_feature(d, FEATURE_AGENT, s->agent, CAP(AGENT));
	add_feature(d, FEATURE_RULE, s->rule.size > 0 ? s->rule : s->rule_name, CAP(RULE));
	add_feature(d, FEATURE_HEADERS, s->headers, CAP(HEADERS));
	add_feature(d, FEATURE_PATH, path_of(s->url), CAP(PATH));
	add_feature(d, FEATURE_PATHSHAPE, path_shape(path_of(s->url), d->path), CAP(PATHSHAPE));
	add_feature(d, FEATURE_STACK, s->stack, CAP(STACK));
	if (!s->client && s->port != 0) {
		snprintf(d->port, sizeof(d->port), "%u", s->port);
		add_feature(d, FEATURE_PORT, slice_str(d->port), CAP(PORT));
	}
	if (s->domain.size > 0)
		add_feature(d, FEATURE_SHAPE, shape_of(site_of(s->domain), d->shape), CAP(SHAPE));
	add_feature(d, FEATURE_HASSH, s->hassh, CAP(HASSH));
	add_feature(d, FEATURE_HASSHS, s->hassh_server, CAP(HASSHS));
	if (joint_class_observes(s->rule_class))
		observe(d);
	/* Last, and no part of what a node is: another edition of the database is no other sight. */
	if (!forged && known) {
		as_name(joint, &at, d->as);
		add_feature(d, FEATURE_AS, slice_str(d->as), CAP(AS));
	}
}
/* A copy of another's list has the value, and nothing that its own wire would have told. */
bool
draft_is_echo(const struct joint_sighting *s)
{
	if (s->origin == JOINT_RELAY)
		return true;
	return s->origin == JOINT_OWN && s->count > 0 && s->victim.size == 0 && s->attacker_pseudonym.size == 0 &&
	       s->attacker.size == 0 && s->kind != CC_KIND_FILE_SHA256;
}

static void
mix(struct digest *digest, uint8_t type, struct slice text)
{
	const uint8_t front[5] = {type, (uint8_t)(text.size >> 24), (uint8_t)(text.size >> 16),
	    (uint8_t)(text.size >> 8), (uint8_t)text.size};

	digest_add(digest, slice_of(front, sizeof(front)));
	digest_add(digest, text);
}

/* By a digest that nobody finds another text for: what is equal here is taken for one thing of one organisation, and
 * nobody may fold his own word into what another said. */
uint64_t
draft_fold(const struct joint_sighting *s, const struct draft *d)
{
	uint64_t small[4] = {(uint64_t)s->kind, s->first / DAY,
	    (uint64_t)s->origin << 2 | (uint64_t)(s->count == 0) << 1 | s->exercise, s->client}, fold = 0;
	struct digest digest;
	uint8_t sha256[32], bytes[32];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(small[i / 8] >> 8 * (i % 8));
	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, slice_of(bytes, sizeof(bytes)));
	mix(&digest, 0, s->organisation);
	mix(&digest, 0, s->value);
	mix(&digest, 0, s->attacker);
	mix(&digest, 0, s->origin_of);
	for (unsigned i = 0; i < d->count; i++) {
		if (d->feature[i].type != FEATURE_AS)
			mix(&digest, (uint8_t)(1 + d->feature[i].type), d->feature[i].text);
	}
	digest_close(&digest, NULL, NULL, sha256);
	for (unsigned i = 0; i < 8; i++)
		fold = fold << 8 | sha256[i];
	return fold;
}
