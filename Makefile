# concert: `make demo` shows it, `make check` proves it, `make help` lists the rest.

CC      ?= cc
SAN     ?=
V       ?= 0
prefix      ?= /usr/local
exec_prefix ?= $(prefix)
bindir      ?= $(exec_prefix)/bin
sysconfdir  ?= $(prefix)/etc
datarootdir ?= $(prefix)/share
datadir     ?= $(datarootdir)
mandir      ?= $(datarootdir)/man
docdir      ?= $(datarootdir)/doc/concert
INSTALL     ?= install

comma := ,
BUILD ?= build/$(notdir $(firstword $(CC)))$(if $(SAN),-$(subst $(comma),-,$(SAN)))
PKGS  := libpcap yara rdkafka libhs libpcre2-8 libcrypto zlib libbrotlidec libzstd libidn2 libmagic yaml-0.1 jansson \
         libseccomp libcap-ng libxxhash libnghttp2 libmaxminddb sqlite3 liblzma
PKG_CFLAGS  = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS    = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
HARDEN  := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) \
           -fstack-protector-strong -fPIE
OPT     ?= $(if $(SAN),-O1,-O2)
ALLFLAGS = -std=c11 -D_GNU_SOURCE $(OPT) -g $(WARN) $(HARDEN) -Iinclude -Isensor -DPCRE2_CODE_UNIT_WIDTH=8 $(PKG_CFLAGS) $(CFLAGS)
ALLLD    = $(if $(SAN),-fsanitize=$(SAN)) -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS     = $(C11_THREADS) $(PKG_LIBS) -lpthread -lm

SRC   := $(sort $(wildcard sensor/*/*.c sensor/*/*/*.c))
OBJ   := $(SRC:%.c=$(BUILD)/%.o)
LIB   := $(BUILD)/libconcert.a
BIN   := $(BUILD)/concert
UNIT  := $(sort $(wildcard tests/unit/*/*_test.c))
UNITS := $(UNIT:%.c=$(BUILD)/%)
RIGS  := $(sort $(filter-out $(UNIT),$(wildcard tests/unit/*/*.c)))
FUZZ  := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_LD  := $(if $(findstring fuzzer,$(SAN)),-fsanitize=fuzzer)
FUZZ_RIG := tests/fuzz/pool.c $(if $(FUZZ_LD),,tests/fuzz/replay.c)
TOOLS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/conformance/tools/*.c tests/bench/*.c tests/scenario/*.c)))

# ThreadSanitizer does not know the threads that librdkafka makes: tests/harness/c11threads.c.
C11_THREADS := $(if $(filter thread,$(subst $(comma), ,$(SAN))),$(BUILD)/tests/harness/c11threads.o)

Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' '$1' '$2')

.PHONY: bench-exchange bench-store all demo check unit e2e conformance scenarios scenarios-check bench bench-parsers bench-peers fuzz fuzzers fuzz-seeds fuzz-run fuzz-parsers fuzz-replay san tools install uninstall clean help deps check-deps format layers
.SECONDARY:
all: $(BIN)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALLFLAGS) -MMD -MP -c -o $@ $<

# The list of objects is a dependency, too: a source that went away must leave the archive.  Held against the last one by what it says:
# by their times a source that comes or goes while a make runs would be missed.
LISTED := $(file <$(BUILD)/objects)
.PHONY: another-list
$(BUILD)/objects: $(if $(filter-out $(LISTED),$(OBJ))$(filter-out $(OBJ),$(LISTED)),another-list)
	@mkdir -p $(@D)
	@echo '$(OBJ)' >$@

$(LIB): $(filter-out $(BUILD)/sensor/cmd/main.o,$(OBJ)) $(BUILD)/objects
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar cqs $@ $(filter %.o,$^)

$(BIN): $(BUILD)/sensor/cmd/main.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(RIGS:%.c=$(BUILD)/%.o) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $(filter-out $(C11_THREADS),$(filter %.o,$^)) $(LIB) $(LIBS)

# By clang with fuzzer-no-link in SAN a target gets libFuzzer's main; else one that replays files.
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.o $(FUZZ_RIG:%.c=$(BUILD)/%.o) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) $(FUZZ_LD) -o $@ $(filter-out $(C11_THREADS),$(filter %.o,$^)) $(LIB) $(LIBS)

$(BUILD)/tests/conformance/tools/% $(BUILD)/tests/bench/% $(BUILD)/tests/scenario/%: $(LIB)
$(TOOLS): %: %.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $< $(LIB) $(LIBS)

$(BIN) $(UNITS) $(FUZZ) $(TOOLS): $(C11_THREADS)

$(BUILD)/tests/%.o: ALLFLAGS += -Itests -Wno-missing-prototypes

-include $(OBJ:.o=.d) $(UNITS:=.d) $(TOOLS:=.d) $(FUZZ:=.d) $(RIGS:%.c=$(BUILD)/%.d)

tools: $(TOOLS)

## What people type

# Installs what is missing of deploy/debian/build-depends (needs root or sudo only then).
deps:
	@deploy/debian/install-depends build
check-deps:
	@deploy/debian/install-depends build check

demo:
	@deploy/debian/install-depends build demo
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) $(BIN)
	@tests/demo $(BIN)

check: check-deps
	@tests/check

unit: $(UNITS)
	@tests/unit/run $(BUILD) $(UNITS)

e2e: $(BIN) $(TOOLS)
	@tests/e2e/run $(BIN)

conformance: $(BIN) $(TOOLS)
	@tests/conformance/run $(BUILD)

# Worlds with known truth through concert correlate: tests/scenario/README.md.
scenarios: $(BIN) $(TOOLS)
	@tests/scenario/run $(BUILD) --seeds $(or $(SEEDS),101-120) --svg $(BUILD)/reliability.svg --hold
scenarios-check: $(BIN) $(TOOLS)
	@tests/scenario/run $(BUILD) --seeds 201-204 --svg $(BUILD)/reliability.svg --hold

bench: $(BIN) $(TOOLS)
	@tests/bench/run $(BUILD)

# What the exchange costs, by stage and to a real broker.
bench-exchange: $(BIN) $(TOOLS)
	@tests/bench/run-exchange $(BUILD)
	@tests/bench/latency $(BUILD)
	@$(MAKE) --no-print-directory bench-store

# A question over 30 days and ten million rows; the store's own test, with more rows.
bench-store: $(BUILD)/tests/unit/exchange/store_test
	@STORE_ROWS=10000000 $< 2>/dev/null | grep many_rows

# What a sighting costs the correlator, by how many there were before; COUNT=10000000 takes half an hour.
bench-joint: $(BIN) $(TOOLS)
	@tests/bench/run-joint $(BUILD) $(if $(COUNT),--count $(COUNT))

# Cycles by protocol; part of bench, too.
bench-parsers: $(TOOLS)
	@tests/bench/run $(BUILD) --size 128M --runs 1 --only parsers

# Loading of rules beside Suricata's; skipped where it, or the rules, are not.
bench-peers: $(BIN)
	@tests/bench/peers $(BUILD)

# Inputs to begin with, build/fuzz/seeds: from our captures, by hand, and all that the parsers' unit tests say.
fuzz-seeds: $(filter $(BUILD)/tests/unit/app/%,$(UNITS))
	@mkdir -p build/fuzz/seeds && tests/fuzz/seeds
	@for test in $^; do SEEDS=$$PWD/build/fuzz/seeds $$test >/dev/null || exit 1; done

# tests/fuzz/README.md says more.
fuzz:
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang SAN=fuzzer-no-link$(comma)address$(comma)undefined fuzzers
fuzzers: $(FUZZ)
fuzz-run: fuzz
	@tests/fuzz/hunt $(or $(NAME),parser) $(or $(TIME),60)
fuzz-parsers: fuzz
	@tests/fuzz/hunt-parsers $(or $(TIME),600)
fuzz-replay: $(FUZZ)
	@tests/fuzz/replay $(BUILD)

layers:
	@tests/unit/layers

format:
	git clang-format -f

install: $(BIN)
	$(INSTALL) -D -m 755 $(BIN) $(DESTDIR)$(bindir)/concert
	$(INSTALL) -D -m 644 README.md $(DESTDIR)$(docdir)/README.md
	$(INSTALL) -d $(DESTDIR)$(datadir)/concert/rules $(DESTDIR)$(sysconfdir)/concert
	$(INSTALL) -m 644 $(wildcard rules/*.rules rules/*.yar) $(DESTDIR)$(datadir)/concert/rules
	$(BIN) --print-config >$(DESTDIR)$(sysconfdir)/concert/concert.yaml.example
	$(INSTALL) -d $(DESTDIR)$(mandir)/man1
	$(BIN) --man >$(DESTDIR)$(mandir)/man1/concert.1

uninstall:
	rm -rf $(DESTDIR)$(bindir)/concert $(DESTDIR)$(docdir) $(DESTDIR)$(datadir)/concert $(DESTDIR)$(mandir)/man1/concert.1

clean:
	rm -rf build

help:
	@echo 'make              build $(BIN)'
	@echo 'make demo         install what is missing, build, run the sensor over a capture that comes with it, show what it found'
	@echo 'make check        install what is missing, build, run every test; SAN=address,undefined for sanitizers'
	@echo 'make unit e2e     only those tests'
	@echo 'make conformance  against captures and expectations that others made, where they are'
	@echo 'make scenarios    two hundred worlds with known truth through concert correlate: a table; SEEDS=1-5'
	@echo 'make fuzz-run     one fuzz target for a while: NAME=parser TIME=60 (clang)'
	@echo 'make fuzz-parsers one target for every parser, TIME=600 each'
	@echo 'make bench-parsers cycles a byte of every protocol'
	@echo 'make bench-exchange  what the exchange costs, by stage and to a real broker'
	@echo 'make bench-store  questions to a store of ten million rows'
	@echo 'make bench-joint  what a sighting costs the correlator, up to COUNT=1000000; messages by one core, two members'
	@echo 'make bench-peers  time and memory of loading rules, beside Suricata'
	@echo 'make bench        speed, as ratios to libpcap and Suricata in the same run'
	@echo 'make install      prefix, DESTDIR and the other GNU directory variables are heard'
	@echo 'make format       clang-format over what you changed and did not commit'
	@echo 'make clean        remove build/'
