/* LDAP: binds, searches and changes built here, over TCP and UDP; SASL's layer, StartTLS; others; cuts and flips. */
#include "app_rig.h"

struct made {
	uint8_t p[4096];
	size_t size;
};

/* Elements are put inside out: wrap() puts a head before what was added since `from`. */
static void
wrap(struct made *m, size_t from, uint8_t tag)
{
	size_t size = m->size - from, head = size < 0x80 ? 2 : 4;

	memmove(m->p + from + head, m->p + from, size);
	m->p[from] = tag;
	m->p[from + 1] = (uint8_t)(head == 2 ? size : 0x82);
	if (head == 4) {
		m->p[from + 2] = (uint8_t)(size >> 8);
		m->p[from + 3] = (uint8_t)size;
	}
	m->size += head;
}

static void
put(struct made *m, uint8_t tag, const char *text)
{
	size_t from = m->size;

	memcpy(m->p + m->size, text, strlen(text));
	m->size += strlen(text);
	wrap(m, from, tag);
}

static void
number(struct made *m, uint8_t tag, unsigned value)
{
	size_t from = m->size;

	m->p[m->size++] = (uint8_t)value;
	wrap(m, from, tag);
}

static size_t
begin(struct made *m, unsigned id)
{
	size_t from = m->size;

	number(m, 2, id);
	return from;
}

static void
end(struct made *m, size_t from, size_t body, uint8_t op)
{
	wrap(m, body, op);
	wrap(m, from, 0x30);
}

static void
bind(struct made *m, unsigned id, const char *name, const char *password)
{
	size_t from = begin(m, id), body = m->size;

	number(m, 2, 3);
	put(m, 4, name);
	put(m, 0x80, password);
	end(m, from, body, 0x60);
}

static void
result(struct made *m, unsigned id, uint8_t op, unsigned code, const char *message)
{
	size_t from = begin(m, id), body = m->size;

	number(m, 10, code);
	put(m, 4, "");
	put(m, 4, message);
	end(m, from, body, op);
}

static void
pair(struct made *m, uint8_t tag, const char *name, const char *value)
{
	size_t from = m->size;

	put(m, 4, name);
	put(m, 4, value);
	wrap(m, from, tag);
}

static void
search(struct made *m, unsigned id)
{
	size_t from = begin(m, id), body = m->size, filter, inner, parts;

	put(m, 4, "dc=x,dc=example");
	number(m, 10, 2);
	number(m, 10, 0);
	number(m, 2, 0);
	number(m, 2, 0);
	number(m, 1, 0);
	filter = m->size;
	pair(m, 0xa3, "objectClass", "user");
	inner = m->size;
	put(m, 4, "cn");
	parts = m->size;
	put(m, 0x80, "a");
	put(m, 0x81, "b(");
	wrap(m, parts, 0x30);
	wrap(m, inner, 0xa4);
	inner = m->size;
	put(m, 0x87, "mail");
	wrap(m, inner, 0xa2);
	wrap(m, filter, 0xa0);
	parts = m->size;
	put(m, 4, "cn");
	put(m, 4, "servicePrincipalName");
	wrap(m, parts, 0x30);
	end(m, from, body, 0x63);
}

static void
entry(struct made *m, unsigned id)
{
	size_t from = begin(m, id), body = m->size, list, one, set;

	put(m, 4, "cn=me,dc=x");
	list = m->size;
	one = m->size;
	put(m, 4, "cn");
	set = m->size;
	put(m, 4, "me");
	wrap(m, set, 0x31);
	wrap(m, one, 0x30);
	wrap(m, list, 0x30);
	end(m, from, body, 0x64);
}

static void
starttls(struct made *m, unsigned id)
{
	size_t from = begin(m, id), body = m->size;

	put(m, 0x80, "1.3.6.1.4.1.1466.20037");
	end(m, from, body, 0x77);
}

static void
modify(struct made *m, unsigned id)
{
	size_t from = begin(m, id), body = m->size, list, one, what;

	put(m, 4, "cn=me,dc=x");
	list = m->size;
	one = m->size;
	number(m, 10, 2);
	what = m->size;
	put(m, 4, "userPassword");
	put(m, 0x31, "");
	wrap(m, what, 0x30);
	wrap(m, one, 0x30);
	wrap(m, list, 0x30);
	end(m, from, body, 0x66);
}

static void
sasl_bind(struct made *m, unsigned id, const char *mechanism)
{
	size_t from = begin(m, id), body = m->size, sasl;

	number(m, 2, 3);
	put(m, 4, "");
	sasl = m->size;
	put(m, 4, mechanism);
	put(m, 4, "token");
	wrap(m, sasl, 0xa3);
	end(m, from, body, 0x60);
}

static struct slice
slice(const struct made *m)
{
	return slice_of(m->p, m->size);
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void
session(struct made *client, struct made *server)
{
	memset(client, 0, sizeof(*client));
	memset(server, 0, sizeof(*server));
	bind(client, 1, "cn=admin", "secret");
	search(client, 2);
	modify(client, 3);
	result(server, 1, 0x61, 49, "80090308: data 52e");
	entry(server, 2);
	entry(server, 2);
	result(server, 2, 0x65, 0, "");
	result(server, 3, 0x67, 50, "");
}

TEST(a_session)
{
	struct rig rig;
	struct made client, server;
	const char *out;
	char *whole;

	session(&client, &server);
	rig_open(&rig, NULL);
	out = rig_run(&rig, slice(&client), slice(&server), 0);
	CHECK(has(out, "is ldap\n") && has(out, "odd plaintext_credentials\n") && !has(out, "secret"));
	CHECK(has(out, "  <ldap.request.operation 0\n  <request.operation bind_request\n  <request.message_id 1\n"));
	CHECK(has(out,
	    "  <request.bind_request.version 3\n  <request.bind_request.name cn=admin\n  <ldap.request.dn cn=admin\n"));
	CHECK(has(out, ">responses[].bind_response.result_code invalid_credentials\n"));
	CHECK(has(out, "  >ldap.responses.result_code 49\n  >ldap.responses.message 80090308: data 52e\n"));
	CHECK(has(out, "  <request.search_request.scope 2\n"));
	CHECK(has(out, "  <ldap.request.filter (&(objectClass=user)(cn=a*b\\\\28*)(!(mail=*)))\n"));
	CHECK(has(out, "  <ldap.request.attribute_type servicePrincipalName\n"));
	CHECK(has(out, ">responses[].search_result_entry.base_object cn=me,dc=x\n  >ldap.responses.dn cn=me,dc=x\n"));
	CHECK(has(out, ">ldap.responses.attribute_type cn\n") && has(out, "  >ldap.responses.count 3\n"));
	CHECK(has(out, "changes[].operation replace\n") && has(out, "modification.attribute_type userPassword\n"));
	CHECK(!has(out, "odd invalid") && !has(out, "odd request") && has(out, "tx 2\n") && !has(out, "tx 3\n"));
	whole = strdup(out);
	for (size_t piece = 1; piece < 20; piece++)
		CHECK_TEXT(rig_run(&rig, slice(&client), slice(&server), piece), whole);
	free(whole);
	rig_close(&rig);
}

/* "not" so many times around a filter: what is too deep is left out, and said; the next request is read. */
TEST(filters_in_each_other)
{
	static const unsigned depths[] = {1, 31, 32, 33, 700};
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		static struct made client, server;
		const char *out;
		size_t from, body, filter;

		client.size = server.size = 0;
		from = begin(&client, 1);
		body = client.size;
		put(&client, 4, "dc=deep");
		number(&client, 10, 2);
		number(&client, 10, 0);
		number(&client, 2, 0);
		number(&client, 2, 0);
		number(&client, 1, 0);
		filter = client.size;
		put(&client, 0x87, "cn");
		for (unsigned k = 0; k < depths[i]; k++)
			wrap(&client, filter, 0xa2);
		wrap(&client, client.size, 0x30);
		end(&client, from, body, 0x63);
		search(&client, 2);
		result(&server, 1, 0x65, 0, "");
		result(&server, 2, 0x65, 0, "");
		out = rig_run(&rig, slice(&client), slice(&server), 0);
		CHECK(has(out, "odd filter_too_deep\n") == (depths[i] > 32));
		CHECK(has(out, "dc=deep\n") && has(out, "dc=x,dc=example\n") && has(out, "  <ldap.request.filter (!("));
	}
	rig_close(&rig);
}

TEST(over_udp)
{
	struct rig rig;
	struct made client = {.size = 0}, server = {.size = 0};
	const char *out;

	rig_open(&rig, NULL);
	search(&client, 7);
	entry(&server, 7);
	result(&server, 7, 0x65, 0, "");
	rig_begin(&rig);
	rig.flow.proto = 17;
	rig_add(&rig, CC_TO_SERVER, slice(&client));
	rig_add(&rig, CC_TO_CLIENT, slice(&server));
	out = rig_end(&rig);
	CHECK(has(out, "is ldap\n") && has(out, "ldap.responses.count 2\n") && !has(out, "odd "));
	rig_close(&rig);
}

TEST(layers)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	struct rig rig;
	struct made client = {.size = 0}, server = {.size = 0}, signed_part = {.size = 0};
	const char *out;

	rig_open(&rig, NULL);
	starttls(&client, 1);
	result(&server, 1, 0x78, 0, "");
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice(&client));
	rig_add(&rig, CC_TO_CLIENT, slice(&server));
	rig_add(&rig, CC_TO_CLIENT, slice_of(alert, sizeof(alert)));
	out = rig_end(&rig);
	CHECK(has(out, "extended_request.name 1.3.6.1.4.1.1466.20037\n") && has(out, "is tls\n"));
	client.size = server.size = 0;
	sasl_bind(&client, 1, "GSS-SPNEGO");
	result(&server, 1, 0x61, 0, "");
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice(&client));
	rig_add(&rig, CC_TO_CLIENT, slice(&server));
	signed_part.size = 4 + 28;
	search(&signed_part, 2);
	signed_part.p[2] = (uint8_t)((signed_part.size - 4) >> 8);
	signed_part.p[3] = (uint8_t)(signed_part.size - 4);
	signed_part.p[4] = 5;
	signed_part.p[5] = 4;
	rig_add(&rig, CC_TO_SERVER, slice(&signed_part));
	memset(signed_part.p + 4, 0xee, signed_part.size - 4);
	rig_add(&rig, CC_TO_SERVER, slice(&signed_part));
	out = rig_end(&rig);
	CHECK(has(out, "sasl.mechanism GSS-SPNEGO\n") && has(out, "<ldap.request.dn dc=x,dc=example\n"));
	CHECK(has(out, "odd encrypted\n") && !has(out, "odd invalid"));
	rig_close(&rig);
}

TEST(one_side_and_gaps)
{
	struct rig rig;
	struct made client, server, none = {.size = 0};
	const char *out;

	rig_open(&rig, NULL);
	session(&client, &server);
	CHECK(has(rig_run(&rig, slice(&client), slice(&none), 0), "tx 2\n"));
	out = rig_run(&rig, slice(&none), slice(&server), 0);
	CHECK(has(out, "is ldap\n") && has(out, "ldap.responses.count 3\n") && !has(out, "odd request_not_found"));
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice(&client));
	rig_add(&rig, CC_TO_CLIENT, slice_of(server.p, 20));
	rig_chunk(&rig, CC_TO_CLIENT, slice_of("rest of a message", 17), 30, false);
	server.size = 0;
	result(&server, 3, 0x67, 0, "");
	rig_add(&rig, CC_TO_CLIENT, slice(&server));
	out = rig_end(&rig);
	CHECK(has(out, "responses[].modify_response.result_code success\n") && !has(out, "odd invalid"));
	rig_close(&rig);
}

TEST(others_are_not_taken)
{
	static const uint8_t snmp[] = {0x30, 0x27, 2, 1, 1, 4, 6, 'p', 'u', 'b', 'l', 'i', 'c', 0xa0, 0x1a};
	static const uint8_t odd[][12] = {
	    {0x30, 10, 2, 1, 1, 0x60, 5, 4, 1, 3, 4, 0}, {0x30, 10, 2, 1, 1, 0x7f, 5, 2, 1, 3, 4, 0},
	    {0x30, 10, 2, 1, 1, 0x60, 50, 2, 1, 3, 4, 0}, {0x30, 10, 4, 1, 1, 0x60, 5, 2, 1, 3, 4, 0},
	};
	struct rig rig;

	rig_open(&rig, NULL);
	CHECK(!has(rig_run(&rig, slice_of(snmp, sizeof(snmp)), slice_of(NULL, 0), 0), "is ldap"));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		CHECK(!has(rig_run(&rig, slice_of(odd[i], sizeof(odd[i])), slice_of(NULL, 0), 0), "is ldap"));
	rig_close(&rig);
}

TEST(cut_and_flipped)
{
	struct rig rig;
	struct made client, server, hit;
	uint32_t seed = 3;

	rig_open(&rig, NULL);
	rig.quiet = true;
	session(&client, &server);
	for (size_t cut = 0; cut < client.size; cut++)
		(void)rig_run(&rig, slice_of(client.p, cut), slice(&server), 0);
	for (size_t cut = 0; cut < server.size; cut++)
		(void)rig_run(&rig, slice(&client), slice_of(server.p, cut), 0);
	for (unsigned round = 0; round < 3000; round++) {
		hit = (round & 1) != 0 ? client : server;
		for (unsigned n = 0; n < 1 + round % 4; n++) {
			seed = seed * 1103515245 + 12345;
			hit.p[(seed >> 8) % hit.size] ^= (uint8_t)(1u << (seed >> 4 & 7));
		}
		if ((round & 1) != 0)
			(void)rig_run(&rig, slice(&hit), slice(&server), round % 30);
		else
			(void)rig_run(&rig, slice(&client), slice(&hit), round % 30);
	}
	rig_close(&rig);
}

TESTS(T(a_session), T(filters_in_each_other), T(over_udp), T(layers), T(one_side_and_gaps), T(others_are_not_taken),
    T(cut_and_flipped))
