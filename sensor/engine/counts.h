/* engine's own: all counters of all rooms behind one index, for stats, the summary and the shared memory. */
#ifndef ENGINE_COUNTS_H
#define ENGINE_COUNTS_H

#include <stdint.h>

#include "app/app.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "evidence/evidence.h"
#include "exchange/exchange.h"
#include "flow/flow.h"
#include "indicate/indicate.h"

enum engine_count {
#define COUNT(symbol, name, help) ENGINE_##symbol,
#include "engine/counters.def"
#undef COUNT
	ENGINE_COUNT
};

/* Where each room's counters begin. */
enum {
	AT_CAPTURE = 0,
	AT_DECODE = AT_CAPTURE + CAPTURE_COUNT,
	AT_FLOW = AT_DECODE + DECODE_COUNT,
	AT_APP = AT_FLOW + FLOW_COUNT,
	AT_DETECT = AT_APP + APP_COUNT,
	AT_INDICATE = AT_DETECT + DETECT_COUNT,
	AT_EVIDENCE = AT_INDICATE + INDICATE_COUNT,
	AT_ENGINE = AT_EVIDENCE + EVIDENCE_COUNT,
	AT_EXCHANGE = AT_ENGINE + ENGINE_COUNT,
	COUNTS_ALL = AT_EXCHANGE + EXCHANGE_COUNT,
	COUNTS_WORKER = AT_EXCHANGE, /* a worker has those before */
};

/* The dotted name of counter i. */
const char *counts_name(unsigned i);
/* Fills names[COUNTS_ALL]. */
void counts_names(const char **ret_names);

#endif
