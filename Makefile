# `make run` and `make test` do everything on a fresh machine; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# rustup's cargo comes before the rustc that Debian's packages put into /usr/bin.
export PATH := $(HOME)/.cargo/bin:$(PATH)

HOST := target/release/edge-host
GUEST := target/guest/inventory_guest
CLI := target/guest/inventory
ARGS ?=
IMAGES ?=

.PHONY: help setup build artifacts host images run test lint bench replay clean FORCE

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## Install what building and running need (Debian 12 or 13)
	@.ci/setup

build: setup ## Build the guest, the host, the CLI, and the AOT code of guest and CLI
	@$(MAKE) --no-print-directory --silent --jobs 2 artifacts

# Each ends with minutes of one thread: side by side they take less. The CLI's code takes the longest.
artifacts: $(CLI).so $(GUEST).so $(GUEST).aot.wasm

$(CLI).wasm: FORCE
	@.ci/build-cli $@

# Behind the other: they share a target folder.
$(GUEST).wasm: FORCE | $(CLI).wasm
	@.ci/build-guest $@

host:
	@cargo build --release --quiet --locked -p edge-host
	@.ci/build-serving-libs target/release/lib

# The host takes the shared object where it stands beside the other: it is mapped, not copied.
COMPILER := $(addprefix edge-host/src/runtime/,compile.rs cut.rs hollow.rs stamp.rs)
$(GUEST).aot.wasm $(GUEST).so: $(GUEST).wasm $(COMPILER) | host
	@$(HOST) compile-guest $< $@

# The CLI only as a shared object, which `wasmedge` runs like any module, and starts 7 ms sooner than
# what `wasmedge compile` makes. For size: a tenth slower, 1 MB less, half of the three minutes.
$(CLI).so: $(CLI).wasm $(COMPILER) | host
	@$(HOST) compile-guest --for-size $< $@

images: build ## Build the OCI images into target/images, and print their sizes; IMAGES=NAME builds one
	@.ci/setup images
	@k3s/image/build $(IMAGES)

run: build ## Serve on 127.0.0.1:8080 from ./edge-data; ARGS="--listen …" adds flags
	@printf '%s\n' 'Try, in another terminal:' \
	  "  curl -X POST localhost:8080/v1/stock/adjust -d '{\"reason\":\"initial\",\"items\":[{\"sku\":\"85123A\",\"sellable\":{\"set\":100}}]}' -H content-type:application/json" \
	  "  curl -X POST localhost:8080/v1/orders/O-1/reserve -d '{\"lines\":[{\"sku\":\"85123A\",\"quantity\":6}]}' -H content-type:application/json" \
	  '  curl localhost:8080/v1/stock/85123A' ''
	@exec $(HOST) --guest $(GUEST).aot.wasm $(ARGS)

test: images ## Run every test and check, as CI does
	@.ci/setup tests
	@.ci/test

lint: ## rustfmt and clippy, without running tests
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

bench: images ## Measure, each figure beside its limit; ARGS="commit http" runs some
	@.ci/setup tests
	@cargo bench --quiet --locked --bench figures -- $(ARGS)

ORDERS ?= ../shared/data/orders.csv.gz
replay: build ## Replay a year of real orders (ORDERS=FILE) through a server of its own
	@.ci/replay $(ORDERS) $(ARGS)

clean: ## Remove everything built; ./edge-data stays
	cargo clean
