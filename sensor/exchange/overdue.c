/*
 * Requests whose deadline has passed: one rung of the responder's order of escalation for each exchange.escalate, and a
 * line in the audit log for each rung, once, however often one looks and whoever looks (table overdue).
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERDUE_AT_ONCE 64

unsigned
request_overdue(const struct request *request, const struct conf *conf, uint64_t now)
{
	uint64_t rung = conf->exchange_escalate, late;

	if (request->state >= REQUEST_ANSWERED || request->deadline == 0 || now <= request->deadline)
		return 0;
	rung = request->priority == REQUEST_ROUTINE ? rung * 24 : request->priority == REQUEST_FLASH ? rung / 4 : rung;
	late = (now - request->deadline) / rung;
	return late < CONTACT_POINTS ? (unsigned)late + 1 : CONTACT_POINTS;
}

enum cc_status
overdue_table(struct desk *desk)
{
	return desk_do(
	    desk, "CREATE TABLE IF NOT EXISTS overdue (request TEXT PRIMARY KEY, rung INTEGER) WITHOUT ROWID", "");
}

struct late {
	char id[40];
	unsigned rung;
};

struct looking {
	struct desk *desk;
	uint64_t now;
	struct late late[OVERDUE_AT_ONCE];
	size_t count;
};

static void
look(void *ctx, const struct request *r)
{
	struct looking *l = ctx;
	unsigned rung = request_overdue(r, &l->desk->conf, l->now);

	if (rung == 0 || l->count == OVERDUE_AT_ONCE ||
	    desk_number(l->desk, "SELECT rung FROM overdue WHERE request = ?1", "s", r->id) >= rung)
		return;
	snprintf(l->late[l->count].id, sizeof(l->late[0].id), "%s", r->id);
	l->late[l->count++].rung = rung;
}

struct calling {
	struct desk *desk;
	unsigned rung;
	char call[700];
	request_overdue_fn *fn;
	void *ctx;
};

static void
take_point(void *ctx, const struct contact *contact)
{
	struct calling *c = ctx;
	const struct contact_point *p;

	if (contact->points == 0)
		return;
	p = &contact->point[c->rung <= contact->points ? c->rung - 1 : contact->points - 1];
	snprintf(c->call, sizeof(c->call), "%s, %s %s %s", p->role, p->name, p->telephone, p->email);
}

static void
call(void *ctx, const struct request *r)
{
	struct calling *c = ctx;
	char number[16];

	c->call[0] = '\0';
	(void)contacts_visit(c->desk, r->responder, take_point, c);
	snprintf(number, sizeof(number), "%u", c->rung);
	desk_audit(c->desk, "overdue",
	    (const char *const[]){"request", r->id, r->ours ? "to" : "from", r->ours ? r->responder : r->requester,
		"rung", number, "call", c->call, NULL});
	c->fn(c->ctx, r, c->rung, c->call);
}

enum cc_status
requests_escalate(struct desk *desk, uint64_t now, request_overdue_fn *fn, void *ctx)
{
	struct looking looking = {.desk = desk, .now = now};
	struct calling calling = {.desk = desk, .fn = fn, .ctx = ctx};
	enum cc_status st = requests_visit(desk, NULL, look, &looking);

	for (size_t i = 0; i < looking.count && (st == CC_OK || st == CC_ABSENT); i++) {
		calling.rung = looking.late[i].rung;
		st = desk_do(desk, "INSERT OR REPLACE INTO overdue VALUES (?1, ?2)", "si", looking.late[i].id,
		    (uint64_t)calling.rung);
		if (st == CC_OK)
			st = requests_visit(desk, looking.late[i].id, call, &calling);
	}
	return st == CC_ABSENT ? CC_OK : st;
}
