/* What the files of indicate share: one worker's state, and the facts of a record.  One thread. */
#ifndef INDICATE_OWN_H
#define INDICATE_OWN_H

#include "indicate/indicate.h"

#define INDICATE_INTERFACES 64
#define NAMED_MAX 16 /* things that one match can name */

/* Prefixes, some of them exceptions ("!10.1.2.0/24"). */
struct net {
	struct cc_prefix prefix;
	bool except;
	enum cc_tlp tlp;
};
struct nets {
	struct net *net;
	size_t count;
};

/* Where a parser keeps what indicators are made of: indexes into its field table, -1: it has none. */
struct places {
	const struct cc_parser *parser;
	bool dns, http, tls, mail, ssh;
	int host, port, url, method, user_agent, header_order; /* http */
	int sni, ja3, ja3s, ja4, cert;           /* tls */
	int name;                                /* dns */
	int sender, from;                        /* mail: of the envelope, and of the head */
	int hassh, hassh_server, host_key;       /* ssh */
};

/* One thing that a match names. */
struct named {
	enum cc_kind kind;
	enum cc_proof proof;
	struct slice value;
};

/* What a match can name, and a record of something else doesn't tell. */
struct also {
	struct slice sender, from; /* mail addresses */
	struct slice hassh, hassh_server, host_key;
	bool keyed;                /* the server has shown that it has the key */
};

struct indicate {
	const struct conf *conf;
	const struct flows *flows;
	struct nets home, marked;
	struct places *places; /* one for each of app_parsers */
	struct {
		char *name;
		uint32_t snaplen;
	} interface[INDICATE_INTERFACES];
	uint8_t rule_set[32];
	/* Where indicate_next() is in its batch. */
	unsigned match, event;
	struct cc_record base;
	struct also also;
	struct named named[NAMED_MAX];
	unsigned named_count, named_next;
	uint64_t counts[INDICATE_COUNT];
};

/* normal.c */
/* UTS 46 and IDNA 2008: A-labels.  CC_BAD: it is no domain name. */
enum cc_status normal_idna(struct slice raw, struct buf *out);
/* The last label is a number, in decimal or hexadecimal: by the WHATWG's rules it is an address of IPv4 then, or none.
 */
bool normal_ends_in_number(struct slice host);

/* net.c */
enum cc_status nets_home(const struct conf *conf, struct nets *ret_nets, char **ret_why);
enum cc_status nets_marked(const struct conf *conf, struct nets *ret_nets, char **ret_why);
void nets_free(struct nets *nets);
bool nets_has(const struct nets *nets, const struct cc_addr *addr);
enum cc_tlp nets_tlp(const struct nets *nets, const struct cc_addr *addr, enum cc_tlp least);
bool net_nameable(const struct cc_addr *addr); /* false: loopback, multicast, … name nobody */

/* facts.c: fills rec from what was seen; rec's texts live in the batch. */
struct scene {
	struct flow *flow;        /* NULL: none */
	const struct packet *pkt; /* NULL: the flow's end */
	const struct cc_tx *tx;
	const struct cc_file *file;
	const struct rule_info *rule;   /* NULL: none */
	const struct watch_info *watch; /* NULL: none */
	enum cc_dir dir;
	uint64_t time;
};
void facts_of(struct indicate *indicate, const struct scene *scene, struct batch *batch, struct cc_record *ret_rec);
/* After facts_of(), whose record tells whose side is whose. */
void facts_also(struct indicate *indicate, const struct scene *scene, const struct cc_record *rec, struct batch *batch,
    struct also *ret_also);
const struct places *places_of(const struct indicate *indicate, const struct cc_parser *parser);
void places_open(struct places *places, const struct cc_parser *parser);
bool facts_file_whole(const struct cc_file *file);

#endif
