/* The outputs by name, from outputs.def.  Any thread. */
#include "output/output.h"

#define OUTPUT(name) extern const struct cc_output name##_output;
#include "output/outputs.def"
#undef OUTPUT

static const struct cc_output *const outputs[] = {
#define OUTPUT(name) &name##_output,
#include "output/outputs.def"
#undef OUTPUT
};

const struct cc_output *
output_by_name(struct slice name)
{
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		if (slice_is(name, outputs[i]->name))
			return outputs[i];
	}
	return NULL;
}
