/* The evidence algebra: what README.md says in formulas.  Pure functions, any thread. */
#include "joint/joint.h"

#include <math.h>

double
joint_proof_llr(enum cc_proof proof, bool client)
{
	/* ln P(seen | it is the source) / P(seen | it is not), by what it would cost to make it look so. */
	static const double server[] = {[CC_PROOF_SPOOFABLE] = 0.1,
	    [CC_PROOF_HANDSHAKE] = 1.0,
	    [CC_PROOF_DIALOGUE] = 1.9,
	    [CC_PROOF_KEYED] = 2.6,
	    [CC_PROOF_CONTENT] = 2.2};
	static const double from_client[] = {[CC_PROOF_SPOOFABLE] = 0.1,
	    [CC_PROOF_HANDSHAKE] = 0.8,
	    [CC_PROOF_DIALOGUE] = 1.6,
	    [CC_PROOF_KEYED] = 2.2,
	    [CC_PROOF_CONTENT] = 2.0};

	return proof <= CC_PROOF_CONTENT ? (client ? from_client : server)[proof] : 0;
}

double
joint_witness_sum(const double *llr, size_t count)
{
	double sum = 0, part = 1;

	for (size_t i = 0; i < count; i++, part *= JOINT_AGAIN)
		sum += llr[i] * part;
	return sum < JOINT_WITNESS_CAP ? sum : JOINT_WITNESS_CAP;
}

double
joint_negative_llr(double loss, double hours)
{
	/* Who looks for long, and loses nothing, would have seen it in one of six cases: most activities are aimed at
	 * few. */
	double seen = 1 / 6.0 * (1 - loss) * (1 - exp(-hours / 24));

	return log(1 - seen);
}

double
joint_feature_weight(double cap, double spread, double diversity, double part, double steep)
{

	double weight = diversity > spread ? cap - (2 + steep * part) * log(diversity / spread) : cap;

	return weight > 0 ? weight : 0;
}

/* Classes of Suricata's classification.config whose rules say what is there, not that it is bad. */
bool
joint_class_observes(struct slice class)
{
	static const char *const word[] = {"misc-activity", "policy-violation", "not-suspicious", "unknown",
	    "protocol-command-decode", "external-ip-check", "icmp-event", "tcp-connection", "string-detect"};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (slice_is(class, word[i]))
			return true;
	}
	return false;
}

bool
joint_before(uint64_t a, double a_error, uint64_t b, double b_error)
{
	if (a_error < 0 || b_error < 0 || a >= b)
		return false;
	return (double)(b - a) / 1e9 > a_error + b_error;
}
