/* All of base/: the words that every room may use.  Knows no packets. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/arena.h"
#include "base/ber.h"
#include "base/buf.h"
#include "base/count.h"
#include "base/digest.h"
#include "base/dirs.h"
#include "base/fifo.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/prefixes.h"
#include "base/ring.h"
#include "base/text.h"
#include "base/time.h"
#include "base/wheel.h"

#endif
