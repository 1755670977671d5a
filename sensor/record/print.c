/*
 * A record for a person at a terminal: what, by whom, where, how sure.  Hostile text is escaped, so that no file name
 * moves the cursor.
 */
#include "record/record.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/time.h"

/* Printable ASCII and whole UTF-8 as it is; the rest, and C1 controls, as \xNN. */
static void
put_safe(struct slice s, FILE *out)
{
	bool utf8 = utf8_valid(s);

	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];
		bool c1 = c == 0xc2 && i + 1 < s.size && s.p[i + 1] < 0xa0;

		if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8) || c1)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
		if (c1)
			fprintf(out, "\\x%02x", s.p[++i]);
	}
}

static void
put_item(const char *name, struct slice s, FILE *out)
{
	if (s.size == 0)
		return;
	fprintf(out, "  %s ", name);
	put_safe(s, out);
	fputc('\n', out);
}

static void
put_endpoint(const char *name, const struct cc_endpoint *end, FILE *out)
{
	char addr[CC_ADDR_TEXT];

	fprintf(out, "  %s %s port %u, %" PRIu64 " packets, %" PRIu64 " bytes", name, cc_addr_text(&end->addr, addr),
	    end->port, end->packets, end->bytes);
	if (end->ttl != 0)
		fprintf(out, ", TTL %u", end->ttl);
	if (end->hops != 255)
		fprintf(out, ", about %u hops", end->hops);
	fputc('\n', out);
}

void
record_print(const struct cc_record *rec, FILE *out)
{
	char first[40], last[40];

	fprintf(out, "%s ", record_kind_text(rec->kind));
	put_safe(rec->value, out);
	fprintf(out, "\n  %" PRIu64 " time%s, %s to %s, proof %s, TLP:", rec->count, rec->count == 1 ? "" : "s",
	    time_rfc3339_text(rec->first, first), time_rfc3339_text(rec->last, last), record_proof_text(rec->proof));
	for (const char *p = record_tlp_text(rec->tlp); *p != '\0'; p++)
		fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
	fprintf(out, "\n  by %s", record_detector_text(rec->detector));
	if (rec->sid != 0)
		fprintf(out, " %u:%u:%u", rec->gid, rec->sid, rec->rev);
	if (rec->rule_name.size > 0) {
		fputc(' ', out);
		put_safe(rec->rule_name, out);
	}
	fputc('\n', out);
	put_endpoint("attacker", &rec->attacker, out);
	put_endpoint("victim", &rec->victim, out);
	put_item("protocol", rec->app, out);
	put_item("domain", rec->domain, out);
	put_item("url", rec->url, out);
	put_item("user agent", rec->user_agent, out);
	put_item("header order", rec->header_order, out);
	put_item("ja3", rec->ja3, out);
	put_item("ja3s", rec->ja3s, out);
	put_item("ja4", rec->ja4, out);
	put_item("certificate", rec->cert_sha256, out);
	put_item("file", rec->file_name, out);
	put_item("file type", rec->file_type, out);
	put_item("file sha256", rec->file_sha256, out);
	put_item("community id", rec->community_id, out);
}
