#ifndef CONCERT_VERSION_H
#define CONCERT_VERSION_H

#define CC_VERSION "0.1.0"

#endif
