# The front door. `make help` lists what there is.

LIBRARY_NAME := $(if $(filter Darwin,$(shell uname -s)),libknocker.dylib,$(if $(filter Windows_NT,$(OS)),knocker.dll,libknocker.so))
# One release build, shared by every suite. The checkout's own folder unless the environment says otherwise.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
LIBRARY := $(CARGO_TARGET_DIR)/release/$(LIBRARY_NAME)
# What make test runs: three lanes at once, of suites that share no folder with those of another, and at the end what uses all packages.
RUST_LANE := test-setup test-rust test-release test-oracles test-ruby
PYTHON_LANE := test-python test-oldest-sqlite test-elixir
JS_LANE := test-node test-bun test-go
SUITES := $(RUST_LANE) $(PYTHON_LANE) $(JS_LANE) test-interop
# A Linux on x86_64 builds and runs each of these.
PLATFORMS ?= linux-x64-gnu linux-x64-musl linux-arm64-gnu win32-x64
# Where rustup puts cargo, also before a new shell looks there.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

.PHONY: help demo build test package $(SUITES) test-next test-litestream test-nats test-rqlite test-crashes test-packages platforms package-test package-twice bench bench-deep lint lint-go lint-deploy lint-workflows dist dist-check deny contract docs docs-check docs-browser docs-api docs-versions docs-pages fmt tools-demo tools-test tools-package

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: tools-demo ## Build, then tell the whole story on real signed requests
	cargo build --release -p knocker-cli
	@$(CARGO_TARGET_DIR)/release/knocker demo

build: tools-demo ## Build the loadable library into target/release
	cargo build --release -p knocker-extension

test: tools-test build ## Run every suite: set-up, core, command, conformance, outside libraries, Python, Node, Bun, Go, Ruby, Elixir
	@release/conformance-table forget
	@release/run-suites "$(RUST_LANE)" "$(PYTHON_LANE)" "$(JS_LANE)"
	@$(MAKE) --no-print-directory test-interop
	@release/conformance-table

test-setup: ## The installing of tools, on machines that lack some
	@release/test-setup

test-rust: tools-test build ## Core, command and conformance through the loaded library
	KNOCKER_EXTENSION=$(LIBRARY) cargo test

test-release: tools-test build ## What a release is checked with: each wrong library is refused
	KNOCKER_EXTENSION=$(LIBRARY) release/run-tests

test-crashes: tools-test build ## 10,000 simulated power cuts, on sound and on failing disks
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=10000 cargo test -p knocker-conformance --test crashes -- --nocapture
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=1000 packages/python/run-crashes
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=1000 packages/js/node/run-crashes
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=1000 packages/js/bun/run-crashes
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=1000 packages/go/run-crashes
	KNOCKER_EXTENSION=$(LIBRARY) KNOCKER_CRASH_STATES=1000 packages/ruby/run-crashes

test-oracles: tools-test build ## Cross-checks against the providers' own libraries
	KNOCKER_EXTENSION=$(LIBRARY) extension/conformance/oracles/run-tests

test-python: tools-test build ## The Python package, its wheel and its examples
	KNOCKER_EXTENSION=$(LIBRARY) packages/python/run-tests

test-oldest-sqlite: tools-test build ## The conformance data on SQLite 3.38, with the schema trusted and not, and a file beside SQLite 3.31
	KNOCKER_EXTENSION=$(LIBRARY) extension/conformance/oldest-sqlite/run-tests

test-node: tools-test build ## The Node package, its tarballs and its examples
	KNOCKER_EXTENSION=$(LIBRARY) packages/js/node/run-tests

test-next: tools-test build ## An app of Next.js, built and served by the real Next; not part of make test
	KNOCKER_EXTENSION=$(LIBRARY) packages/js/node/run-next

test-bun: tools-test build ## The Bun package and its example
	KNOCKER_EXTENSION=$(LIBRARY) packages/js/bun/run-tests

test-go: tools-test build ## The Go package and its example
	KNOCKER_EXTENSION=$(LIBRARY) packages/go/run-tests

test-ruby: tools-test build ## The Ruby package
	KNOCKER_EXTENSION=$(LIBRARY) packages/ruby/run-tests

test-elixir: tools-test build ## The Elixir package, on its native driver
	KNOCKER_EXTENSION=$(LIBRARY) packages/elixir/run-tests

test-interop: tools-test build ## Every pair of runtimes on one file, all of them together, and other versions
	KNOCKER_EXTENSION=$(LIBRARY) extension/conformance/interop/run-tests

test-litestream: tools-test ## The command and the packages with a real Litestream, killed; KNOCKER_STANDBY_SECONDS=10 for figures; STANDBY names packages
	GOBIN=$(CURDIR)/target/litestream go install github.com/benbjohnson/litestream/cmd/litestream@v0.5.18
	KNOCKER_LITESTREAM=$(CURDIR)/target/litestream/litestream cargo test -p knocker-cli --test cli litestream -- --ignored
	KNOCKER_LITESTREAM=$(CURDIR)/target/litestream/litestream extension/conformance/standby/run-tests $(STANDBY)

test-nats: tools-test ## The command's publisher with real servers of NATS, which are killed; KNOCKER_NATS_EVENTS=20000 for figures
	GOBIN=$(CURDIR)/target/nats go install github.com/nats-io/nats-server/v2@v2.15.2
	KNOCKER_NATS_SERVER=$(CURDIR)/target/nats/nats-server cargo test -p knocker-cli --test cli nats -- --ignored --nocapture

test-rqlite: tools-test build ## The packages on three nodes of rqlite, which are killed; KNOCKER_RQLITED names rqlited 10; RQLITE names packages
	KNOCKER_EXTENSION=$(LIBRARY) extension/conformance/rqlite/run-tests $(RQLITE)

platforms: tools-package ## Library and command for the platforms in PLATFORMS, by default those that can be built here
	release/build $(PLATFORMS)

package: tools-test ## Every registry's artifact, of the platforms that make platforms has built
	@[ -d $(CARGO_TARGET_DIR)/platforms ] || $(MAKE) --no-print-directory platforms
	release/package $(CARGO_TARGET_DIR)/packages

# Not one of SUITES: .ci/run runs it after them, when the command and the conformance runner are built.
test-packages: tools-test build ## Pack this machine's platform from the release build, and install each artifact in an empty place
	cargo build --release -p knocker-cli
	release/package --here $(CARGO_TARGET_DIR)/packages-here
	release/package-test --here $(CARGO_TARGET_DIR)/packages-here

package-test: tools-package ## Run the packed artifacts and the conformance data of each platform, as far as this machine can
	release/package-test $(CARGO_TARGET_DIR)/packages

package-twice: tools-test ## Build and pack the commit in two folders, and compare every artifact
	release/package-twice $(PLATFORMS)

# A missed goal of times is printed and keeps nothing else from being measured. More instructions than landed last, which do not wobble, fail.
# What is printed is kept in extension/bench/results.json, of which the page of benchmarks is made.
bench: tools-test build ## Measure, as ratios against a baseline in the same run
	cargo build --release -p knocker-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record core $(CARGO_TARGET_DIR)/release/knocker-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record disks-2-ms extension/bench/slow-disk/run 2000 $(CARGO_TARGET_DIR)/release/knocker-bench disks
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record disks-5-ms extension/bench/slow-disk/run 5000 $(CARGO_TARGET_DIR)/release/knocker-bench disks
	-extension/bench/record command packages/cli/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record python packages/python/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record node packages/js/node/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record bun packages/js/bun/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record go packages/go/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record ruby packages/ruby/run-bench
	-KNOCKER_EXTENSION=$(LIBRARY) extension/bench/record elixir packages/elixir/run-bench
	KNOCKER_EXTENSION=$(LIBRARY) $(CARGO_TARGET_DIR)/release/knocker-bench instructions

# Makes a file of some 20 GB in the folder for temporary files, or in TMPDIR, and leaves it there for the next time. EVENTS=1000000 makes one of 2 GB.
bench-deep: tools-test build ## Measure what a file of ten million events costs against one of ten thousand
	cargo build --release -p knocker-bench
	-KNOCKER_EXTENSION=$(LIBRARY) $(CARGO_TARGET_DIR)/release/knocker-bench deep $(or $(EVENTS),10000000)

lint: tools-test build ## Formats, lints and types: Rust, Python, JavaScript, TypeScript, Go, Ruby and Elixir
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy -p knocker-extension -p knocker-recorder -p knocker-slow-disk -- -D warnings
	cd release/check && cargo fmt --check && cargo clippy --all-targets -- -D warnings
	cargo run -q -p knocker-contract -- --check
	extension/contract/generate/run --check
	KNOCKER_EXTENSION=$(LIBRARY) packages/python/run-lint
	KNOCKER_EXTENSION=$(LIBRARY) packages/js/run-lint
	packages/go/run-lint
	packages/ruby/run-lint
	packages/elixir/run-lint
	docs/api/run --check

lint-go: ## golangci-lint, staticcheck and every platform's go vet; not part of make lint
	packages/go/run-linters

lint-workflows: ## actionlint, shellcheck and zizmor over the workflows; not part of make lint
	release/lint-workflows

dist: ## Write the release workflow anew from dist-workspace.toml, with cargo-dist
	release/dist

dist-check: ## Whether cargo-dist would write what is committed; test-release compares without it
	release/dist --check

deny: ## Licences, bans and sources of every crate; advisories too where DENY says so; not part of make lint
	release/deny $(DENY)

lint-deploy: ## The Dockerfiles and the examples of deploying, with the tools that read them; not part of make lint
	examples/deploy/lint

contract: tools-test ## Write the contract of the core, and what each package has of it; lint checks both
	cargo run -q -p knocker-contract
	extension/contract/generate/run

docs: ## Build the documentation site into docs/dist
	docs/build/site

docs-check: docs ## Blocks, names, links, weight and spelling of the documentation; not part of make test
	docs/build/run node --test build/figures.test.mjs
	docs/build/run node checks/check.mjs

docs-browser: docs ## Every page of the documentation in Chromium: accessibility, keyboard, layout, three widths, light and dark; not part of make test
	docs/build/run node checks/browser.mjs

docs-api: ## Write what each language's own tool says of its package, of which the reference is made; lint checks it
	docs/api/run

docs-versions: ## Build the site of every released version, each at its tag, into docs/.versions; what the release publishes
	docs/build/versions

docs-pages: tools-demo ## Write the pages of docs/ that the core knows; test-rust checks them
	KNOCKER_WRITE_DOCS=1 cargo test -p knocker-core --test provider_page --test lifecycle_page --test metrics_page
	KNOCKER_WRITE_DOCS=1 cargo test -p knocker-cli --test cli help_page

fmt: tools-test build ## Format all of it
	cargo fmt --all
	KNOCKER_EXTENSION=$(LIBRARY) packages/python/run-lint --write
	KNOCKER_EXTENSION=$(LIBRARY) packages/js/run-lint --write
	packages/go/run-lint --write
	packages/ruby/run-lint --write
	packages/elixir/run-lint --write

tools-demo:
	@release/setup demo

tools-package:
	@release/setup package

tools-test:
	@release/setup test
