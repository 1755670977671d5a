/*
 * What two sides of SSH agree on that is weak (RFC 4253, 7.1: the client's first that the server has, too), and keys
 * that are.  By RFC 8732, 8758, 9142 and what OpenSSH has given up.  Lists in, bits out; no state.
 */
#include "app/ssh/own.h"

#define RSA_BITS 2048

/* A name of each kind; those that end in '*' stand for all that begin so. */
static const char *const weak_kex[] = {"diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1",
    "rsa1024-sha1", "gss-group1-sha1-*", "gss-gex-sha1-*"};
static const char *const weak_keys[] = {"ssh-dss", "ssh-dss-cert-*", "x509v3-sign-dss*"};
static const char *const weak_ciphers[] = {
    "none", "arcfour*", "des-*", "des", "3des-*", "blowfish-*", "cast128-*", "idea-*", "rc4"};
static const char *const weak_macs[] = {"none", "hmac-md5*", "hmac-sha1-96*"};

static struct slice
next_name(struct slice *list)
{
	const uint8_t *comma = list->size > 0 ? memchr(list->p, ',', list->size) : NULL;
	struct slice name = slice_of(list->p, comma != NULL ? (size_t)(comma - list->p) : list->size);

	*list = comma != NULL ? slice_of(comma + 1, list->size - name.size - 1) : slice_of(NULL, 0);
	return name;
}

static bool
has_name(struct slice list, struct slice name)
{
	while (list.size > 0)
		if (slice_eq(next_name(&list), name))
			return true;
	return false;
}

/* Lists are as long as their sender likes, so only the beginning of the client's is looked for in the server's. */
static struct slice
agreed(struct slice client, struct slice server)
{
	for (unsigned i = 0; i < 64 && client.size > 0; i++) {
		struct slice name = next_name(&client);

		if (name.size > 0 && has_name(server, name))
			return name;
	}
	return slice_of(NULL, 0);
}

static bool
is_one(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(names[i]);
		bool open = names[i][size - 1] == '*';

		if (open ? name.size >= size - 1 && memcmp(name.p, names[i], size - 1) == 0 : slice_is(name, names[i]))
			return true;
	}
	return false;
}

/* A cipher that authenticates by itself: the MAC agreed on is not used. */
static bool
is_whole(struct slice cipher)
{
	return slice_is(cipher, "chacha20-poly1305@openssh.com") || slice_is(cipher, "AEAD_AES_128_GCM") ||
	       slice_is(cipher, "AEAD_AES_256_GCM") || memmem(cipher.p, cipher.size, "-gcm@", 5) != NULL;
}

#define IS_ONE(name, names) is_one(name, names, sizeof(names) / sizeof(names[0]))

unsigned
ssh_weak_choice(const struct ssh_kexinit *client, const struct ssh_kexinit *server)
{
	unsigned weak = 0;

	if (IS_ONE(agreed(client->list[SSH_KEX], server->list[SSH_KEX]), weak_kex))
		weak |= 1u << SSH_WEAK_KEX;
	if (IS_ONE(agreed(client->list[SSH_HOST_KEYS], server->list[SSH_HOST_KEYS]), weak_keys))
		weak |= 1u << SSH_WEAK_HOST_KEY;
	for (unsigned way = 0; way < 2; way++) {
		struct slice cipher = agreed(client->list[SSH_CIPHER_TS + way], server->list[SSH_CIPHER_TS + way]);
		struct slice mac = agreed(client->list[SSH_MAC_TS + way], server->list[SSH_MAC_TS + way]);

		if (IS_ONE(cipher, weak_ciphers))
			weak |= 1u << SSH_WEAK_CIPHER;
		if (cipher.size > 0 && !is_whole(cipher) && IS_ONE(mac, weak_macs))
			weak |= 1u << SSH_WEAK_MAC;
	}
	return weak;
}

/* string "ssh-rsa" | mpint exponent | mpint modulus */
bool
ssh_weak_key(struct slice blob)
{
	struct cur c = cur_slice(blob);
	struct slice type = cur_take(&c, cur_u32(&c)), modulus;

	if (IS_ONE(type, weak_keys))
		return true;
	if (!slice_is(type, "ssh-rsa"))
		return false;
	cur_skip(&c, cur_u32(&c));
	modulus = cur_take(&c, cur_u32(&c));
	while (modulus.size > 0 && modulus.p[0] == 0)
		modulus = slice_of(modulus.p + 1, modulus.size - 1);
	return !c.bad && modulus.size > 0 && modulus.size < RSA_BITS / 8;
}
