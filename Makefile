# SPDX-License-Identifier: MIT
# The front door: each command sets up what it needs, then calls Meson and Ninja or a script.
BUILD ?= build
PREFIX ?= /usr/local
export BUILD

help:
	@echo "make run       build, and run the first example; then the server (ARGS=... for it)"
	@echo "make test      build, and run the checks and the tests (ONLY=pattern: these tests)"
	@echo "make test-all  the same under every compiler, sanitizer and machine (ONLY=part)"
	@echo "make bench     run the benches (ONLY=pattern)"
	@echo "make bench-peers  ... beside other runtimes (ONLY=pattern, ROUNDS=n, SWEEP=1, ARGS=--help)"
	@echo "make build     build into $(BUILD)/"
	@echo "make bench-check  count instructions of the hot paths, compare with bench/counts.txt"
	@echo "make size      bytes of code, cache lines of structs, stack that functions need (ONLY=all)"
	@echo "make check     run the checks on the sources alone (ONLY=name)"
	@echo "make amalgamation  write $(BUILD)/hocket_all.c and hocket.h: all of Hocket in two files"
	@echo "make format    format the sources"
	@echo "make install   install (PREFIX=$(PREFIX), DESTDIR=)"
	@echo "make clean     remove what was built"

build:
	@scripts/setup.sh run
	@scripts/build.sh $(BUILD)

run: build
	@scripts/run.sh $(ARGS)

test:
	@scripts/test.sh $(ONLY)

test-all:
	@ONLY="$(ONLY)" scripts/test_all.sh

bench: build
	@$(BUILD)/bench/hocket-bench $(ONLY)

bench-check: build
	@scripts/setup.sh test
	@scripts/bench_check.py

bench-peers: build
	@scripts/setup.sh bench-peers
	@bench/peers/run.py --build $(BUILD) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SWEEP),--sweep) $(ARGS) $(ONLY)

size:
	@scripts/setup.sh run
	@CC=gcc TARGETS=src/libhocket.a scripts/build.sh build-size -Dc_args=-fcallgraph-info=su
	@BUILD=build-size ONLY="$(ONLY)" scripts/size.py

check:
	@scripts/setup.sh test
	@scripts/build.sh $(BUILD)
	@scripts/check.sh $(ONLY)

amalgamation:
	@scripts/amalgamate.py $(BUILD)

format:
	@scripts/format.sh

install: build
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD)

clean:
	rm -rf build build-*

.PHONY: help build run test test-all bench bench-check bench-peers check amalgamation format
.PHONY: size install clean
