/*
 * Whose bytes are these?  Every parser that isn't ruled out yet is asked, in the order of parsers.def, on any port.
 * The first that is sure has it, but where several could be right the one whose ports fit goes before.
 */
#include <stdlib.h>
#include <string.h>

#include "app/own.h"

unsigned
probe_index(const struct cc_parser *parser)
{
	unsigned i = 0;

	while (i < app_parser_count && app_parsers[i] != parser)
		i++;
	return i;
}

/* "udp/53 tcp/53": our own text, so it is only read, not judged. */
static void
read_ports(struct app *app, unsigned index)
{
	const char *text = app_parsers[index]->ports;

	while (text != NULL && *text != '\0' && app->ports[index].count < APP_PORTS_MAX) {
		struct app_port *port = &app->ports[index].port[app->ports[index].count];
		const char *slash = strchr(text, '/');

		if (slash == NULL)
			return;
		port->udp = strncmp(text, "udp", 3) == 0;
		port->port = (uint16_t)strtoul(slash + 1, NULL, 10);
		app->ports[index].count++;
		text = strchr(slash, ' ');
		if (text != NULL)
			text++;
	}
}

void
probe_setup(struct app *app)
{
	for (unsigned i = 0; i < app_parser_count; i++) {
		read_ports(app, i);
		for (size_t j = 0; j < app->conf->app_off.count; j++)
			if (strcmp(app->conf->app_off.item[j], app_parsers[i]->name) == 0)
				app->off |= 1ull << i;
	}
}

/* Is it a parser for what this flow is made of? */
static bool
carries(const struct cc_ctx *ctx, const struct cc_parser *parser)
{
	uint8_t proto = ctx->flow->proto;

	if (proto == 1 || proto == 58)
		return parser->icmp;
	return ctx->datagram ? parser->udp : parser->tcp;
}

static bool
port_fits(const struct cc_ctx *ctx, unsigned index)
{
	uint16_t port = cc_server_port(ctx);

	for (unsigned i = 0; i < ctx->app->ports[index].count; i++)
		if (ctx->app->ports[index].port[i].udp == ctx->datagram && ctx->app->ports[index].port[i].port == port)
			return true;
	return false;
}

/* Bits of the parsers that the bytes can't be told from, in *ret_may and *ret_sure. */
static void
ask_all(struct cc_ctx *ctx, enum cc_dir dir, struct slice in, uint64_t *ret_may, uint64_t *ret_sure)
{
	struct app_side *side = ctx->turned ? NULL : &ctx->own->side[dir];
	uint64_t out = (side != NULL ? side->out : 0) | ctx->app->off;

	*ret_may = *ret_sure = 0;
	for (unsigned i = 0; i < app_parser_count; i++) {
		const struct cc_parser *parser = app_parsers[i];
		uint64_t bit = 1ull << i;

		if ((out & bit) != 0 || !carries(ctx, parser))
			continue;
		ctx->asked = parser;
		switch (parser->probe(ctx, dir, in)) {
		case CC_OK:
			*ret_sure |= bit;
			break;
		case CC_MORE:
			*ret_may |= bit;
			break;
		default:
			if (side != NULL)
				side->out |= ctx->datagram ? 0 : bit;
			break;
		}
	}
}

/* The lowest bit, but a parser whose port fits goes before. */
static unsigned
choose(const struct cc_ctx *ctx, uint64_t bits)
{
	for (unsigned i = 0; i < app_parser_count; i++)
		if ((bits >> i & 1) != 0 && port_fits(ctx, i))
			return i;
	return (unsigned)__builtin_ctzll(bits);
}

bool
probe_turned(struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	uint64_t may, sure;

	ctx->turned = true;
	ask_all(ctx, cc_dir_other(dir), in, &may, &sure);
	ctx->turned = false;
	return sure != 0;
}

enum cc_status
probe_side(struct cc_ctx *ctx, enum cc_dir dir, struct slice in, bool last, const struct cc_parser **ret_parser)
{
	uint64_t may, sure;
	unsigned index;

	ask_all(ctx, dir, in, &may, &sure);
	if (ctx->datagram) { /* each is another chance */
		ctx->own->side[dir].tries = (uint8_t)(ctx->own->side[dir].tries + (may != 0 ? 1 : APP_UDP_NOBODY));
		last = ctx->own->side[dir].tries >= APP_UDP_TRIES;
	}
	else if (in.size >= ctx->app->conf->app_probe_limit)
		last = true;
	if (ctx->own->parser != NULL) { /* the other side's choice needs only consent */
		uint64_t bit = 1ull << probe_index(ctx->own->parser);

		if ((sure & bit) != 0)
			sure = bit;
		else if ((may & bit) != 0 && !last)
			return CC_MORE;
	}
	if (sure == 0)
		return last || (may == 0 && !ctx->datagram) ? CC_BAD : CC_MORE;
	index = choose(ctx, sure);
	if (may != 0 && !last && !port_fits(ctx, index) && port_fits(ctx, choose(ctx, may)))
		return CC_MORE; /* the one that belongs to this port hasn't decided yet */
	*ret_parser = app_parsers[index];
	return CC_OK;
}
