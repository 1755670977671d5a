/*
 * Networks by prefix: which are home, and how those of the configuration are marked.
 *
 * Home is indicate.home; else HOME_NET of the rules, its lists, exceptions and variables; else the private ranges, as a
 * sensor that nobody has told anything stands in one of them.  Read at start; then immutable.
 */
#include "indicate/own.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 4 /* variables within variables */

static const char *const private_nets[] = {
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};

static enum cc_status
bad(char **ret_why, const char *key, const char *text)
{
	if (asprintf(ret_why, "%s: '%s' is not an address prefix", key, text) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static enum cc_status
add(struct nets *nets, const char *text, enum cc_tlp tlp, bool except)
{
	struct cc_prefix prefix;
	struct net *more;
	enum cc_status st = cc_prefix_parse(text, &prefix);

	if (st != CC_OK)
		return st;
	more = realloc(nets->net, (nets->count + 1) * sizeof(*more));
	if (more == NULL)
		return CC_NOMEM;
	nets->net = more;
	nets->net[nets->count++] = (struct net){prefix, except, tlp};
	return CC_OK;
}

/* The length of the first item of a list, commas within brackets not counted. */
static size_t
item_size(const char *p)
{
	size_t n = 0;
	int depth = 0;

	for (; p[n] != '\0' && (p[n] != ',' || depth > 0); n++)
		depth += p[n] == '[' ? 1 : p[n] == ']' ? -1 : 0;
	return n;
}

/*
 * "[10.0.0.0/8,!$DNS]", "$HOME", "any", "10.0.0.1"; text is cut up on the way.  "any" is everybody, so it tells
 * nothing. Recursion ends at DEPTH_MAX.
 */
static enum cc_status
add_list(struct nets *nets, const struct conf *conf, char *text, bool except, unsigned depth, char **ret_why)
{
	enum cc_status st = CC_OK;
	size_t size;

	text += strspn(text, " ");
	if (*text == '!') {
		except = !except;
		text += 1 + strspn(text + 1, " ");
	}
	for (size = strlen(text); size > 0 && text[size - 1] == ' '; size--)
		text[size - 1] = '\0';
	if (depth > DEPTH_MAX)
		return bad(ret_why, "HOME_NET", text);
	if (*text == '\0' || strcmp(text, "any") == 0)
		return CC_OK;
	if (*text == '[' && text[size - 1] == ']') {
		text[size - 1] = '\0';
		for (text++; st == CC_OK && *text != '\0'; text += size) {
			bool more;

			size = item_size(text);
			more = text[size] == ',';
			text[size] = '\0';
			st = add_list(nets, conf, text, except, depth + 1, ret_why);
			size += more ? 1 : 0;
		}
		return st;
	}
	if (*text == '$') {
		const char *value = conf_map_get(&conf->detect_vars_address, text + 1);
		char *copy = value != NULL ? strdup(value) : NULL;

		if (copy == NULL)
			return value == NULL ? bad(ret_why, "HOME_NET", text) : CC_NOMEM;
		st = add_list(nets, conf, copy, except, depth + 1, ret_why);
		free(copy);
		return st;
	}
	st = add(nets, text, CC_TLP_CLEAR, except);
	return st == CC_BAD ? bad(ret_why, "HOME_NET", text) : st;
}

enum cc_status
nets_home(const struct conf *conf, struct nets *ret_nets, char **ret_why)
{
	const char *home_net = conf_map_get(&conf->detect_vars_address, "HOME_NET");
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < conf->indicate_home.count && st == CC_OK; i++) {
		const char *text = conf->indicate_home.item[i];
		bool except = text[0] == '!';

		st = add(ret_nets, text + except, CC_TLP_CLEAR, except);
		if (st == CC_BAD)
			(void)bad(ret_why, "indicate.home", text);
	}
	if (conf->indicate_home.count == 0 && home_net != NULL) {
		char *copy = strdup(home_net);

		st = copy != NULL ? add_list(ret_nets, conf, copy, false, 0, ret_why) : CC_NOMEM;
		free(copy);
	}
	if (ret_nets->count > 0)
		return st;
	for (size_t i = 0; i < sizeof(private_nets) / sizeof(private_nets[0]) && st == CC_OK; i++)
		st = add(ret_nets, private_nets[i], CC_TLP_CLEAR, false);
	return st;
}

enum cc_status
nets_marked(const struct conf *conf, struct nets *ret_nets, char **ret_why)
{
	for (size_t i = 0; i < conf->indicate_tlp_networks.count; i++) {
		const struct conf_pair *pair = &conf->indicate_tlp_networks.pair[i];
		enum cc_tlp tlp;
		enum cc_status st;

		if (record_tlp_parse(slice_str(pair->value), &tlp) != CC_OK) {
			if (asprintf(ret_why, "indicate.tlp_networks: %s: '%s' is no TLP 2.0 marking", pair->key,
				pair->value) < 0)
				*ret_why = NULL;
			return CC_BAD;
		}
		st = add(ret_nets, pair->key, tlp, false);
		if (st != CC_OK)
			return st == CC_BAD ? bad(ret_why, "indicate.tlp_networks", pair->key) : st;
	}
	return CC_OK;
}

void
nets_free(struct nets *nets)
{
	free(nets->net);
	*nets = (struct nets){0};
}

/* An exception wins, wherever it stands; a list of exceptions alone has all the rest. */
bool
nets_has(const struct nets *nets, const struct cc_addr *addr)
{
	bool has = nets->count > 0 && nets->net[0].except;

	for (size_t i = 0; i < nets->count; i++) {
		if (!cc_prefix_has(&nets->net[i].prefix, addr))
			continue;
		if (nets->net[i].except)
			return false;
		has = true;
	}
	return has;
}

struct home {
	struct nets nets;
};

enum cc_status
home_new(const struct conf *conf, struct home **ret_home, char **ret_why)
{
	struct home *home = calloc(1, sizeof(*home));
	enum cc_status st = home != NULL ? nets_home(conf, &home->nets, ret_why) : CC_NOMEM;

	if (st != CC_OK) {
		home_free(home);
		return st;
	}
	*ret_home = home;
	return CC_OK;
}

void
home_free(struct home *home)
{
	if (home == NULL)
		return;
	nets_free(&home->nets);
	free(home);
}

bool
home_has(const struct home *home, const struct cc_addr *addr)
{
	return nets_has(&home->nets, addr);
}

bool
home_touches(const struct home *home, const struct cc_prefix *prefix)
{
	if (prefix->bits == 128)
		return home_has(home, &prefix->addr);
	for (size_t i = 0; i < home->nets.count; i++) {
		const struct net *net = &home->nets.net[i];

		if (!net->except &&
		    (cc_prefix_has(&net->prefix, &prefix->addr) || cc_prefix_has(prefix, &net->prefix.addr)))
			return true;
	}
	return false;
}

enum cc_tlp
nets_tlp(const struct nets *nets, const struct cc_addr *addr, enum cc_tlp least)
{
	for (size_t i = 0; i < nets->count; i++) {
		if (nets->net[i].tlp > least && cc_prefix_has(&nets->net[i].prefix, addr))
			least = nets->net[i].tlp;
	}
	return least;
}

bool
net_nameable(const struct cc_addr *addr)
{
	const uint8_t *b = addr->b;
	static const uint8_t none[16];

	if (cc_addr_is4(addr))
		return b[12] != 0 && b[12] != 127 && b[12] < 224 && !(b[12] == 169 && b[13] == 254);
	if (memcmp(b, none, 15) == 0 && b[15] <= 1)
		return false;
	return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}
