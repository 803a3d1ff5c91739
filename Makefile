# `make help` lists the targets. Everything that is made lands in $(BUILD) and cargo's target folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
BUILD ?= build
# A virtual environment for the targets that use Python; make demo, test and lint use none.
VENV ?= $(BUILD)/venv
# The full stand-in checkpoint (1.8 GB).
STANDIN ?= $(BUILD)/standin/snapshot
# What the benchmarks and gated tests work on: a snapshot, and AlphaGenome's track metadata where there is some.
SNAPSHOT ?= $(or $(ALPHAGENOME_MODEL_PATH),$(STANDIN))
METADATA ?= $(ALPHAGENOME_METADATA)

FIXTURES := tests/fixtures
TARGET := $(or $(CARGO_TARGET_DIR),target)
BINARIES := $(TARGET)/release

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
		while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

.PHONY: build
build: ## Build `convert`, `parity` and `alphagenome`
	$(CARGO) build --workspace --release --locked --bin convert --bin parity --bin alphagenome

.PHONY: demo
demo: build ## Convert the tiny snapshot and compare the model with JAX's recording
	$(BINARIES)/convert --snapshot $(FIXTURES)/snapshots/ocdbt --metadata $(FIXTURES)/metadata \
		--out $(BUILD)/demo --force
	$(BINARIES)/parity level2 --dtype f32 --model $(BUILD)/demo --recording $(FIXTURES)/recordings/tiny_cpu_f32

.PHONY: test
test: ## Run all tests; the gated ones report as ignored
	$(CARGO) test --workspace --release --locked

.PHONY: lint
lint: ## Formatting, clippy and documentation, with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --release --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --release --locked --no-deps

.PHONY: standin
standin: $(STANDIN) ## Write the full stand-in checkpoint (Python, 1.8 GB, half a minute)

$(VENV)/.ready: tests/standin/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement $<
	touch $@

$(VENV)/.multiqc: parity/tests/data/multiqc.txt | $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --requirement $<
	touch $@

# Apart from the other: each pins what it needs.
$(VENV)-sdk/.ready: tests/sdk/requirements.txt
	$(PYTHON) -m venv $(VENV)-sdk
	$(VENV)-sdk/bin/python -m pip install --quiet --requirement $<
	touch $@

$(VENV)/.torch: tests/torch/requirements.txt tests/torch/cpu_only.sh | $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --no-deps --ignore-requires-python --requirement $<
	sh tests/torch/cpu_only.sh $(VENV)
	touch $@

$(VENV)-workflow/.ready: model/alphagenome/workflow/requirements.txt
	$(PYTHON) -m venv $(VENV)-workflow
	$(VENV)-workflow/bin/python -m pip install --quiet --requirement $<
	touch $@

$(STANDIN): | $(VENV)/.ready
	$(VENV)/bin/python tests/standin/make_checkpoint.py --out $(STANDIN)

.PHONY: integration
integration: $(VENV)/.ready $(VENV)/.multiqc $(VENV)/.torch $(VENV)-sdk/.ready $(VENV)-workflow/.ready $(if $(ALPHAGENOME_MODEL_PATH),,$(STANDIN)) ## Run the gated tests on ALPHAGENOME_MODEL_PATH, or on the stand-in
	ALPHAGENOME_RUN_INTEGRATION_TESTS=1 \
	ALPHAGENOME_MODEL_PATH="$(abspath $(SNAPSHOT))" \
	ALPHAGENOME_PYTHON="$(abspath $(VENV)/bin/python)" \
	ALPHAGENOME_MULTIQC="$(abspath $(VENV)/bin/multiqc)" \
	ALPHAGENOME_SDK="$(abspath $(VENV)-sdk/bin/python)" \
	ALPHAGENOME_TORCH="$(abspath $(VENV)/bin/python)" \
	ALPHAGENOME_WORKFLOW="$(abspath $(VENV)-workflow/bin)" \
	ALPHAGENOME_STANDIN="$(if $(ALPHAGENOME_MODEL_PATH),,full)" \
		$(CARGO) test --workspace --release --locked --test integration

.PHONY: bench-convert
bench-convert: build $(VENV)/.ready $(if $(ALPHAGENOME_MODEL_PATH),,$(STANDIN)) ## Time `convert` against Python with Orbax, side by side
	$(VENV)/bin/python converter/bench/convert.py --snapshot $(SNAPSHOT) --convert $(BINARIES)/convert \
		--scratch $(BUILD)/bench-convert $(if $(METADATA),--metadata $(METADATA))

.PHONY: bench-serve
bench-serve: ## Time 2,000 requests of 64 clients to a server of the tiny model on loopback, and what it adds to the library
	ALPHAGENOME_LOAD=2000 $(CARGO) test --workspace --release --locked --test load -- --nocapture many_clients
	$(CARGO) build --workspace --release --locked --example bench_serve
	$(BINARIES)/examples/bench_serve

.PHONY: bench-cpu
bench-cpu: build $(if $(ALPHAGENOME_MODEL_PATH),,$(STANDIN)) ## Time the forward pass in float32 against JAX, side by side
	$(CARGO) build --workspace --release --locked --example bench_cpu
	$(or $(JAX_PYTHON),$(PYTHON)) model/bench/forward.py --snapshot $(SNAPSHOT) --convert $(BINARIES)/convert \
		--forward $(BINARIES)/examples/bench_cpu --scratch $(BUILD)/bench-cpu \
		$(if $(METADATA),--metadata $(METADATA))

$(VENV)/.numpy: | $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet numpy scipy
	touch $@

.PHONY: bench-parity
bench-parity: $(VENV)/.numpy ## Time the comparison of recordings against numpy and scipy
	$(CARGO) build --workspace --release --locked --example compare_raw
	for dtype in f32 bf16; do \
		$(VENV)/bin/python parity/bench/compare.py --binary $(BINARIES)/examples/compare_raw --dtype $$dtype || exit 1; \
	done

.PHONY: bench-smoke
bench-smoke: demo ## Run `parity smoke` over 10,000 sequences: time in proportion, memory flat; writes docs/results/smoke.*
	$(PYTHON) parity/bench/smoke.py --parity $(BINARIES)/parity --model $(BUILD)/demo --out docs/results/smoke

.PHONY: bench-scores
bench-scores: build $(VENV)/.numpy $(if $(ALPHAGENOME_MODEL_PATH),,$(STANDIN)) ## Time the scores of variants, beside JAX where it is
	$(BINARIES)/convert --snapshot $(SNAPSHOT) --out $(BUILD)/bench-scores/model --force \
		$(if $(METADATA),--metadata $(METADATA))
	$(or $(JAX_PYTHON),$(VENV)/bin/python) model/bench/scores.py --model $(BUILD)/bench-scores/model \
		--parity $(BINARIES)/parity --snapshot $(SNAPSHOT) --scratch $(BUILD)/bench-scores/inputs \
		--device $(or $(DEVICE),cpu) $(if $(METADATA),--metadata $(METADATA))

.PHONY: coverage
coverage: ## Simulate how often tests and intervals hold what they promise; writes the table in docs/statistics.md
	$(CARGO) run --release --locked --package parity-stats --example coverage -- 1000 docs/statistics.md > /dev/null

.PHONY: mutate
mutate: ## Break the tiny model in single ways and see that parity catches each; writes docs/mutations.md
	$(CARGO) build --workspace --release --locked --bin mutate
	$(BINARIES)/mutate --page docs/mutations.md > /dev/null

.PHONY: bench-bisect
bench-bisect: ## Search the tiny model, broken in single ways, with `parity bisect`: how often module and kind are right
	$(CARGO) build --workspace --release --locked --bin hunt
	$(BINARIES)/hunt
	$(BINARIES)/hunt --drawn 25

.PHONY: fuzz-smoke
fuzz-smoke: ## Fuzz every parser for half a minute (needs nightly Rust and cargo-fuzz)
	@command -v cargo-fuzz > /dev/null || \
		{ echo "cargo-fuzz is missing: rustup toolchain install nightly && cargo install cargo-fuzz" >&2; exit 1; }
	for package in converter/ocdbt converter/orbax; do \
		for target in $$(cd $$package && $(CARGO) +nightly fuzz list); do \
			(cd $$package && $(CARGO) +nightly fuzz run $$target -- -max_total_time=30 -rss_limit_mb=1024); \
		done; \
	done

.PHONY: clean
clean: ## Remove what make and cargo made; the stand-in checkpoint stays
	$(CARGO) clean
	rm -rf $(BUILD)/demo $(BUILD)/bench-convert $(BUILD)/bench-cpu
