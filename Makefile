# Every target does its own set-up. `make help` lists them.
# npm run puts the Node of node_modules (package "node") first, so any Node from 20 on will do to start with.

.DEFAULT_GOAL := help
INSTALLED := node_modules/.package-lock.json

export KEEP CONTEXT

$(INSTALLED): package-lock.json package.json
	npm ci --no-audit --no-fund
	@touch $@

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: $(INSTALLED) ## Everything: lint, types, generated files, unit, property and end-to-end tests
	@npm run -s test

.PHONY: demo
demo: $(INSTALLED) ## The operator at work on a real control plane (KEEP=1 leaves it up, CONTEXT=name takes a cluster)
	@npm run -s demo

.PHONY: bench
bench: $(INSTALLED) ## Measure delays and API calls
	@npm run -s bench

.PHONY: traffic
traffic: $(INSTALLED) ## Count failed requests: real nodes, containers and traffic (root on Linux)
	@npm run -s traffic

.PHONY: soak
soak: $(INSTALLED) ## Ten minutes of faults and churn
	@npm run -s soak

.PHONY: compat
compat: $(INSTALLED) ## Run end-to-end tests on each version of Kubernetes and Helm
	@npm run -s compat

.PHONY: build
build: $(INSTALLED) ## Bundle to dist/
	@npm run -s build

.PHONY: lint
lint: $(INSTALLED) ## Lint, formatting, dependency directions and types
	@npm run -s lint && npm run -s typecheck

.PHONY: generate
generate: $(INSTALLED) ## Write the files made from the source
	@npm run -s generate

.PHONY: image
image: ## Build the container image (see docs/image.md)
	@scripts/image.sh

.PHONY: clean
clean: ## Remove what was built
	rm -rf dist coverage
