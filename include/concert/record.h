/*
 * The indicator record: what inspect says to courier, across the ring, and what becomes a sighting.
 *
 * It is the "basic information" of the exchange in memory: every member is either filled or named in `missing`.  Text
 * and bytes are slices; a decoded record borrows them from the encoded bytes.  sensor/record/ encodes, decodes (as
 * hostile input) and prints it.  Times are ns since 1970 by the sensor's clock.
 */
#ifndef CONCERT_RECORD_H
#define CONCERT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "concert/addr.h"
#include "concert/slice.h"

/* What kind of thing the indicator names.  The text forms are in record_kind_text(). */
enum cc_kind {
	CC_KIND_ADDR,
	CC_KIND_DOMAIN,
	CC_KIND_URL,
	CC_KIND_FILE_SHA256,
	CC_KIND_JA3,
	CC_KIND_JA3S,
	CC_KIND_JA4,
	CC_KIND_CERT_SHA256,
	CC_KIND_USER_AGENT,
	CC_KIND_EMAIL,        /* of a sender; anybody can write any */
	CC_KIND_HASSH,        /* MD5 in hex, of an SSH client */
	CC_KIND_HASSH_SERVER, /* and of a server */
	CC_KIND_SSH_HOST_KEY, /* SHA-256 in hex of the key as it is sent */
	CC_KIND_COUNT
};

/* How cheaply what was seen could have been forged; stronger is larger. */
enum cc_proof {
	CC_PROOF_SPOOFABLE, /* one datagram */
	CC_PROOF_HANDSHAKE, /* the address answered */
	CC_PROOF_DIALOGUE,  /* application data both ways */
	CC_PROOF_KEYED,     /* a private key was used */
	CC_PROOF_CONTENT,   /* the hash of a file or payload */
};

/* TLP 2.0, in order of strictness. */
enum cc_tlp { CC_TLP_CLEAR, CC_TLP_GREEN, CC_TLP_AMBER, CC_TLP_AMBER_STRICT, CC_TLP_RED };

/* What made it an indicator. */
enum cc_detector { CC_BY_SIGNATURE, CC_BY_YARA, CC_BY_WATCH, CC_BY_POLICY };

/* Seen from the networks that the operator calls home. */
enum cc_direction { CC_UNKNOWN_WAY, CC_INBOUND, CC_OUTBOUND, CC_INSIDE, CC_OUTSIDE };

/* Alerts go last when something has to go. */
enum cc_class { CC_CLASS_ALERT, CC_CLASS_SIGHTING, CC_CLASS_EVENT, CC_CLASS_COUNT };

struct cc_endpoint {
	struct cc_addr addr;
	uint16_t port;
	uint8_t ttl;       /* TTL or hop limit first seen, 0: not seen */
	uint8_t hops;      /* estimate from ttl, 255: cannot say */
	uint64_t packets, bytes;
	struct slice stack; /* TCP SYN or SYN-ACK in p0f's notation, empty: not seen */
};

struct cc_record {
	enum cc_kind kind;
	struct slice value;       /* normalised: see sensor/indicate/README.md */
	enum cc_detector detector;
	enum cc_class class;
	enum cc_proof proof;
	enum cc_tlp tlp;
	uint8_t severity;         /* 1 (high) to 4 */
	uint64_t first, last;     /* ns */
	uint64_t count;

	/* detection: rule, YARA rule, watch entry or policy */
	uint32_t gid, sid, rev;
	struct slice rule_name;   /* msg of a signature, name of a YARA rule */
	struct slice rule_class;
	struct slice
	    answer_to; /* a partner's entry was hit: "ORGANISATION MESSAGE", the id of its message; else empty */
	uint8_t rule_digest[32], rule_set_digest[32]; /* SHA-256; all zero: none */
	uint64_t offset;          /* of the match in its buffer or stream, UINT64_MAX: not said */
	struct slice buffer;      /* "http.uri", "stream", "file" */

	/* evidence: the packets that were kept */
	uint8_t evidence_sha256[32]; /* all zero: none */
	uint64_t evidence_size;      /* bytes of the pcapng file */
	uint32_t evidence_packets;
	bool evidence_whole;         /* from the flow's first packet on */

	/* the flow it was seen in */
	struct cc_endpoint attacker, victim; /* by rule target, else initiator and responder */
	bool attacker_is_client;
	uint8_t proto;            /* IP protocol number */
	uint16_t vlan[2];
	uint32_t tunnel;          /* VNI, TEID, GRE key; 0: none */
	struct slice encapsulation; /* "eth:vlan:ip:gre:ip:tcp" */
	struct slice app;         /* parser name, empty: not identified */
	struct slice community_id;
	uint64_t flow_start;
	enum cc_direction direction;
	bool one_sided;
	uint8_t loss;             /* bytes of the flow that never came, in per cent, rounded up */

	/* what was seen beside it: all may be empty */
	struct slice domain, url, http_method, user_agent, ja3, ja3s, ja4, file_sha256, file_name, file_type,
	    cert_sha256;
	struct slice header_order; /* of an HTTP request: names in lower case, with commas */
	uint64_t file_size;

	/* how it came again, where it did often enough */
	uint64_t period;          /* ns, the median between repeats; 0: not said */
	uint16_t jitter;          /* in thousandths of it: half of the repeats are as near to it */

	/* vantage */
	struct slice interface;
	uint32_t snaplen;
};

#endif
