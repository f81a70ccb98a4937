# Everything that a person does with this repository; `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/modlink
ARCH ?= x86_64
SEED ?= 1
export CACHE ARCH

architectures := x86_64 i386 m68k
ifeq ($(filter $(ARCH),$(architectures)),)
$(error ARCH=$(ARCH): it is one of $(architectures))
endif

with_rust := .ci/setup/with-rust
with_tools := .ci/setup/with-tools
corpus := $(CACHE)/corpus
ir2c := --manifest-path qemu/m68k/ir2c/Cargo.toml
# All is tested without the features, and what they concern with all.
features := modlink/versions,modlink-host/versions,modlink/proc,modlink-host/proc,modlink/notifiers,modlink/parameters,modlink-host/parameters,modlink/exceptions,modlink/kallsyms
concerned := --lib $(addprefix --test ,contexts exceptions failures faults kallsyms lifecycle notifiers once parameter_races parameters proc references rejections stack taints)

.PHONY: help
help: ## This list
	@echo 'make TARGET [VARIABLE=value …]'
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 24
	@echo 'CACHE ($(CACHE)) holds what is fetched, and what is unpacked where apt cannot install it.'
	@echo 'TOOLCHAIN=rustup or TOOLCHAIN=debian forces where Rust comes from.'

.PHONY: setup
setup: ## Install what is missing, by apt and rustup, or unpack it under CACHE; says what, never asks
	@.ci/setup/install

.PHONY: run
run: setup corpus-$(ARCH) ## Boot the test kernel: guided demonstration, or [ARCH=] [MODULES="…ko"] [SCRIPT=]
	@$(with_rust) $(MAKE) --no-print-directory -C qemu run \
		$(if $(MODULES),MODULES='$(abspath $(MODULES))') $(if $(SCRIPT),SCRIPT='$(abspath $(SCRIPT))')

# In order of what tells most soonest; each is a target of its own.
test_parts := lint test-host test-ir2c $(architectures:%=test-oracle-%) $(architectures:%=test-boot-%)

.PHONY: console
console: setup corpus-$(ARCH) ## Boot to the test kernel's console, with MODULES="…ko" at hand [ARCH=]
	@$(with_rust) $(MAKE) --no-print-directory -C qemu console \
		$(if $(MODULES),MODULES='$(abspath $(MODULES))')

.PHONY: test
test: setup ## All tests: lint, host, oracle, ir2c, boots; ends with how many parts passed
	+@.ci/parts $(test_parts)

.PHONY: lint
lint: setup ## Formatting, clippy and the boot scripts' heads, warnings are errors
	$(with_rust) cargo fmt --all --check
	$(with_rust) cargo fmt --check $(ir2c)
	$(with_rust) cargo fmt --check --manifest-path qemu/Cargo.toml
	$(with_rust) cargo fmt --check --manifest-path qemu/modules/counter/Cargo.toml
	$(with_rust) cargo clippy --quiet --workspace --all-targets -- -D warnings
	for feature in versions proc notifiers parameters exceptions kallsyms; do \
		$(with_rust) cargo clippy --quiet --package modlink --features $$feature -- -D warnings; \
	done
	$(with_rust) cargo clippy --quiet --package modlink --package modlink-host --all-targets \
		--features $(features) -- -D warnings
	$(with_rust) cargo clippy --quiet --all-targets $(ir2c) -- -D warnings
	$(MAKE) --no-print-directory -C qemu test-boot-tool

.PHONY: test-host
test-host: setup corpus-x86_64 corpus-i386 corpus-m68k ## Tests of the crate and its tools on this machine
	$(with_rust) cargo test --workspace --exclude modlink-bench --exclude modlink-peers --no-fail-fast
	$(with_rust) cargo test --features $(features) --no-fail-fast $(concerned)

.PHONY: test-ir2c
test-ir2c: setup ## Tests of the bitcode translator for m68k
	$(with_rust) $(MAKE) --no-print-directory -C qemu/m68k/ir2c test

.PHONY: test-oracle
test-oracle: $(architectures:%=test-oracle-%) ## Our linking against GNU ld's, byte for byte, over the corpora

oracle := $(with_rust) cargo run --quiet --release --package oracle --bin oracle --
files_x86_64 := $(corpus)/cloud-amd64 $(corpus)/amd64
files_i386 := $(corpus)/i386
files_m68k := $(corpus)/m68k-modules $(corpus)/m68k-libs

.PHONY: $(architectures:%=test-oracle-%)
test-oracle-x86_64: corpus-cloud-amd64
$(architectures:%=test-oracle-%): test-oracle-%: setup corpus-%
	$(oracle) --arch $* --seed $(SEED) $(files_$*)

.PHONY: test-oracle-all
test-oracle-all: setup corpus ## The same with ten seeds (long)
	for seed in {1..10}; do \
		$(oracle) --arch x86_64 --seed $$seed $(files_x86_64); \
		$(oracle) --arch i386 --seed $$seed $(files_i386); \
		$(oracle) --arch m68k --seed $$seed $(files_m68k); \
	done

.PHONY: oracle
oracle: setup ## The same over DIR=folder of .ko, .ko.xz or .o files [ARCH=] [SEED=] [SAMPLE=count]
	$(if $(DIR),,$(error DIR is not set: make oracle ARCH=$(ARCH) DIR=folder))
	@$(oracle) --arch $(ARCH) --seed $(SEED) $(if $(SAMPLE),--sample $(SAMPLE)) $(DIR)

.PHONY: versions test-versions lint-versions
test_parts += test-versions
lint: lint-versions
lint-versions: setup
	$(with_rust) cargo clippy --quiet --package oracle --all-targets --features versions -- -D warnings
compare_versions := $(with_rust) cargo run --quiet --release --package oracle --features versions \
	--bin versions --
versions: setup ## Each CRC that modules under DIR=folder import or export against SYMVERS=Module.symvers [ARCH=]
	$(if $(DIR),,$(error DIR is not set: make versions ARCH=$(ARCH) DIR=folder SYMVERS=file))
	$(if $(SYMVERS),,$(error SYMVERS is not set: make versions ARCH=$(ARCH) DIR=$(DIR) SYMVERS=file))
	@$(compare_versions) --arch $(ARCH) --symvers $(SYMVERS) $(DIR)
test-versions: setup corpus-x86_64 corpus-i386 corpus-m68k ## All versions of amd64 and i386
	$(with_rust) cargo test --package oracle --features versions --test versions
	@$(compare_versions) --arch x86_64 --symvers $(corpus)/amd64/Module.symvers $(corpus)/amd64
	@$(compare_versions) --arch i386 --symvers $(corpus)/i386/Module.symvers $(corpus)/i386

.PHONY: sections
sections: ## In how many modules of each DIR="folder …" each row of docs/sections.md occurs, and what is in none
	$(if $(DIR),,$(error DIR is not set: make sections DIR="folder …"))
	@tests/corpus/sections $(DIR)

.PHONY: test-boot test-boot-x86_64 test-boot-i386 test-boot-m68k
test-boot: $(architectures:%=test-boot-%) ## Boots of the test kernel with every script, on every architecture
$(architectures:%=test-boot-%): test-boot-%: setup corpus-%
	$(with_rust) $(MAKE) --no-print-directory -C qemu test ARCH=$*

.PHONY: embed embed-lines lint-embed
test_parts += embed-lines embed
lint: lint-embed
embed: setup ## Boot the example kernel of qemu/embed, linked at 2 MiB and at -2 GiB
	$(with_rust) $(MAKE) --no-print-directory -C qemu/embed test
embed-lines: ## Count its lines: 100 at most, of which 80 embed the loader
	$(MAKE) --no-print-directory -C qemu/embed lines
lint-embed: setup
	$(with_rust) $(MAKE) --no-print-directory -C qemu/embed lint

.PHONY: test-m68k-core
test-m68k-core: setup ## Rust's own tests of core, translated by ir2c and run on m68k (long)
	$(with_rust) $(MAKE) --no-print-directory -C qemu/m68k/ir2c test-m68k-core

.PHONY: bench bench-size
bench := $(with_rust) cargo run --quiet --release --package modlink-bench --bin
bench: setup corpus-amd64 corpus-i386 corpus-m68k ## Loads, lookups and memory against other loaders, in counts and times; stack; to target/bench
	$(with_rust) cargo test --release --package modlink-bench
	@$(bench) loads
	@$(bench) lookups
	@$(bench) memory
	@for features in '' versions proc versions,proc notifiers parameters exceptions parameters,exceptions kallsyms parameters,exceptions,kallsyms; do $(bench) memory --features "$$features" -- --instructions; done
	@$(bench) stack
	@$(bench) registry
	@$(with_rust) cargo bench --quiet --package modlink-bench --bench loads
.PHONY: test-instructions
test_parts += test-instructions
test-instructions: setup corpus-amd64 ## What an interrupt may ask takes 2,000 instructions at most, and twice as much of a file less than 2.2 times as many
	@$(bench) registry --features exceptions,kallsyms
	@$(bench) registry --features exceptions,kallsyms -- --doublings
bench-size: setup ## What modlink adds to a kernel of each architecture, and its lines of code
	@$(with_rust) cargo build --quiet --release --locked --bin ld-ir2c $(ir2c) \
		--target-dir qemu/m68k/ir2c/target
	@$(with_rust) tests/bench/size/measure

.PHONY: corpus corpus-x86_64 corpus-i386 corpus-m68k corpus-cloud-amd64 corpus-amd64
corpus: corpus-cloud-amd64 corpus-x86_64 corpus-i386 corpus-m68k ## Fetch or build all real modules that are not there yet
corpus-x86_64: corpus-amd64
corpus-cloud-amd64: setup ## Debian's modules for amd64 in the cloud (27 MB)
	@tests/corpus/kernel-modules cloud-amd64 amd64 cloud-amd64
corpus-amd64: setup ## All of Debian's modules for amd64 (71 MB)
	@tests/corpus/kernel-modules amd64 amd64 amd64
corpus-i386: setup ## All of Debian's modules for i386 (52 MB)
	@tests/corpus/kernel-modules i386 i386 686
corpus-m68k: setup ## m68k modules built from Debian's kernel source (139 MB), and library objects
	@tests/corpus/m68k-modules
	@tests/corpus/m68k-libs

# Hardening: workspaces of their own, so that what they need stays out of Cargo.lock.
.PHONY: lint-hardening test-no-panic
test_parts += test-no-panic
lint: lint-hardening
lint-hardening: setup
	$(with_rust) cargo fmt --all --check --manifest-path tests/no_panic/Cargo.toml
	$(with_rust) cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
test-no-panic: setup ## Whether anything that a kernel links of the library can panic
	$(with_rust) tests/no_panic/run

.PHONY: fuzz test-fuzz
test_parts += test-fuzz
T ?= 60
fuzz: setup corpus-x86_64 corpus-i386 corpus-m68k ## Fuzz each target for T=seconds [FUZZ=targets]
	$(with_rust) tests/fuzz/run $(T) $(FUZZ)
test-fuzz: setup corpus-x86_64 corpus-i386 corpus-m68k ## Fuzz in the same way every time, for some minutes
	$(with_rust) tests/fuzz/run fixed

.PHONY: test-miri
test-miri: setup corpus-m68k ## Undefined behaviour and data races, looked for by Miri (some minutes; nightly Rust)
	$(with_tools) tests/miri/run

.PHONY: test-loom
test_parts += test-loom
lint: lint-loom
.PHONY: lint-loom
lint-loom: setup
	$(with_rust) cargo fmt --check --manifest-path tests/loom/Cargo.toml
	RUSTFLAGS='--cfg loom' $(with_rust) cargo clippy --quiet --all-targets \
		--manifest-path tests/loom/Cargo.toml -- -D warnings
test-loom: setup ## Every order in which threads can run, of small models of the registry's races
	RUSTFLAGS='--cfg loom' LOOM_MAX_PREEMPTIONS=3 $(with_rust) \
		cargo test --quiet --release --manifest-path tests/loom/Cargo.toml

.PHONY: test-package
test_parts += test-package
test-package: setup ## The crate as cargo packages it: whole, alone, for five processors, with its oldest Rust
	$(with_rust) tests/package/run

.PHONY: test-peers
test-peers: setup corpus-x86_64 ## What 10,000 damaged modules do to modlink and to other loaders
	$(with_rust) cargo run --quiet --release --package modlink-peers

.PHONY: deny
# Each workspace has a Cargo.lock.
deny: manifests = $(patsubst %.lock,%.toml,$(shell git ls-files '*Cargo.lock'))
deny: setup ## Licences, sources and duplicates of what we depend on, by cargo-deny
	@PATH=$(CACHE)/tools/bin:$$PATH cargo-deny --version > /dev/null 2>&1 || (cd / && \
		$(abspath $(with_rust)) cargo install --quiet --locked --root $(CACHE)/tools cargo-deny)
	for manifest in $(manifests); do \
		PATH=$(CACHE)/tools/bin:$$PATH $(with_rust) cargo deny --workspace --log-level error \
			--manifest-path $$manifest --config tests/deny.toml check licenses bans sources; \
	done

.PHONY: test-exhaustive
test-exhaustive: setup corpus ## A small module with each byte changed to each value, and cut off anywhere (long)
	$(with_rust) cargo test --release --features $(features) --test exhaustive -- --ignored --nocapture --test-threads=1

.PHONY: bench-qemu
bench-qemu: setup corpus-x86_64 corpus-i386 corpus-m68k ## Instructions of a load in the test kernel and in Debian's Linux, under QEMU
	@for arch in $(architectures); do \
		printf '\n%s\n\n' "$$arch"; \
		$(with_rust) $(MAKE) --no-print-directory -C qemu bench ARCH=$$arch; \
	done

.PHONY: test-proc
test-proc: setup corpus-x86_64 corpus-i386 ## /proc/modules of 30 modules, in the test kernel and in Debian's Linux, under QEMU (some minutes)
	@for arch in x86_64 i386; do \
		$(with_rust) $(MAKE) --no-print-directory -C qemu test-proc ARCH=$$arch; \
	done

.PHONY: test-parameters
test-parameters: setup corpus-x86_64 corpus-i386 ## /sys/module/*/parameters of modules with arguments, in the test kernel and in Debian's Linux, under QEMU
	@for arch in x86_64 i386; do \
		$(with_rust) $(MAKE) --no-print-directory -C qemu test-parameters ARCH=$$arch; \
	done

.PHONY: kallsyms
kallsyms: setup corpus-$(ARCH) ## The names of symbols of MODULES="name …" in the test kernel and in Debian's Linux, under QEMU [ARCH=]
	@$(with_rust) $(MAKE) --no-print-directory -C qemu kallsyms $(if $(MODULES),MODULES='$(MODULES)')

.PHONY: test-setup
test-setup: ## Set-up and boots on fresh machines: bare, with packages in the way, without root (long; as root)
	tests/setup/run $(CASES)

.PHONY: clean clean-corpus clean-packages
clean: ## Remove what was built
	rm -rf target qemu/target qemu/embed/target qemu/m68k/ir2c/target
	rm -rf tests/fuzz/{artifacts,corpus,coverage}
	find tests -name target -type d -prune -exec rm -rf {} +
clean-corpus: ## Remove the fetched modules, so that the newest are fetched next time
	rm -rf '$(CACHE)/corpus' '$(CACHE)/apt' '$(CACHE)/tmp'
clean-packages: ## Remove what set-up has unpacked
	rm -rf '$(CACHE)/packages'
