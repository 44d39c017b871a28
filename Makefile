# Two commands matter: `make up` and `make test`. Both need the .NET SDK and make, and install the rest.
CONFIGURATION ?= Release
CONFIGURATION_DIR = $(shell printf %s '$(CONFIGURATION)' | tr A-Z a-z)
LOCAL = $(CURDIR)/.local
# Where PostgreSQL's data is when root runs it: named after the fleet's directory.
CLUSTER = /var/lib/controlplane-$(shell printf %s '$(LOCAL)' | sha256sum | cut -c1-12)
RESULTS = $(CURDIR)/artifacts/test-results
ARGS ?=

export DOTNET_CLI_TELEMETRY_OPTOUT = 1
export DOTNET_NOLOGO = 1
# At a user's first use the SDK would make an HTTPS certificate and look for workloads; neither is needed.
export DOTNET_GENERATE_ASPNET_CERTIFICATE = false
export DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help tools build up test bench forecast clean

help: ## This page
	@echo 'make up      Start everything on this machine, register sample domains, and show how they become active.'
	@echo '             Keeps running until Ctrl-C. Installs HAProxy and PostgreSQL when they are missing (apt-get).'
	@echo '             ARGS="--domains 25 --once --report .local/report.json"   stops by itself; status 0 = all proven'
	@echo '             ARGS="--help"                                            lists the options'
	@echo 'make test    Build and run all tests; the last line is the sum.'
	@echo 'make bench   Measure: prints a table, writes .local/bench/<scenario>.json. Takes up to half an hour.'
	@echo '             ARGS="--list"              names the scenarios'
	@echo '             ARGS="--only inject,wake"  runs some of them'
	@echo 'make forecast  Replay two years of a fleet on paper: a table, .local/forecast.svg, .local/forecast.json.'
	@echo '             ARGS="--lifetime 47 --domains 3000"   status 0 = no certificate ended while it was served'
	@echo '             ARGS="--help"                         lists the options'
	@echo 'make build   Build everything, warnings as errors.'
	@echo 'make clean   Remove artifacts, .local and the private database. Refuses while `make up` runs.'
	@echo
	@echo 'While it runs: API and Swagger UI http://127.0.0.1:5080/swagger (keys in .local/api-key, .local/admin-key),'
	@echo '               support console http://127.0.0.1:5080/console (sign in with the key in .local/admin-key),'
	@echo '               HTTPS through the load balancer stand-in 127.0.0.1:18440, logs in .local/logs.'

tools:
	@sh src/LocalFleet/install-tools.sh

build:
	@dotnet build ControlPlane.sln -c $(CONFIGURATION) -v quiet --nologo

up: tools
	@echo 'Building; the first time takes a minute or two.'
	@dotnet build src/LocalFleet -c $(CONFIGURATION) -v quiet --nologo
	@exec dotnet artifacts/bin/LocalFleet/$(CONFIGURATION_DIR)/LocalFleet.dll $(ARGS)

# The longest first, three at a time: tests of fleets and agents often wait, and two cores are to be busy meanwhile. The
# sum is read from the result files: a test that was not executed counts as skipped.
# Processes of tests are short: what the runtime does to make long ones faster or harder to attack is left out, and CPU
# time with it.
test: export DOTNET_EnableWriteXorExecute = 0
test: export DOTNET_TieredPGO = 0
test: export DOTNET_TC_CallCountingDelayMs = 7530
test: export DOTNET_gcServer = 0
TESTS = ControlPlane.Tests EndToEnd.Tests SyncAgent.Tests CertCentralSandbox.Tests
test: tools build
	@rm -rf '$(RESULTS)' && mkdir -p '$(RESULTS)'
	@status=0; \
	printf '%s\n' $(TESTS) | xargs -P 3 -I% sh -c 'status=0; echo "Testing %"; \
		dotnet artifacts/bin/%/$(CONFIGURATION_DIR)/%.dll -noColor -noLogo -trx "$(RESULTS)/%.trx" $(ARGS) \
			>"$(RESULTS)/%.log" 2>&1 || { status=1; cat "$(RESULTS)/%.log"; }; \
		grep -E "\[SKIP\]|Total:" "$(RESULTS)/%.log"; \
		sed -n "s/^ *\([^ ].*\) \[FAIL\]/   failed: \1/p" "$(RESULTS)/%.log"; exit $$status' || status=1; \
	cat '$(RESULTS)'/*.trx 2>/dev/null | grep -o '<Counters [^>]*' | awk -F'"' ' \
		{ for (i = 1; i < NF; i += 2) { \
			key = $$i; gsub(/[^a-zA-Z]/, "", key); sub(/^Counters/, "", key); n[key] += $$(i + 1) } } \
		END { failed = n["executed"] - n["passed"]; \
			printf "%d passed, %d failed, %d skipped\n", n["passed"], failed, n["total"] - n["executed"]; \
			exit failed > 0 || n["total"] == 0 }' || status=1; \
	exit $$status

# Its own directories and free ports: may run beside `make up`, whose load it would then measure too.
bench: tools
	@dotnet build tests/Benchmarks -c $(CONFIGURATION) -v quiet --nologo
	@exec dotnet artifacts/bin/Benchmarks/$(CONFIGURATION_DIR)/Benchmarks.dll $(ARGS)

# Needs nothing but the SDK, and nothing that runs.
forecast: ARGS := $(or $(ARGS),--domains 3000)
forecast:
	@dotnet build src/ControlPlane -c $(CONFIGURATION) -v quiet --nologo
	@exec dotnet artifacts/bin/ControlPlane/$(CONFIGURATION_DIR)/ControlPlane.dll forecast $(ARGS)

clean:
	@if [ -e '$(LOCAL)/lock' ] && ! flock -n '$(LOCAL)/lock' true; then \
		echo 'error: `make up` is running. End it with Ctrl-C first.' >&2; exit 1; fi
	@if [ -d '$(CLUSTER)' ] && [ "$$(id -u)" -ne 0 ]; then \
		echo 'note: $(CLUSTER) was made by root; root removes it.'; else rm -rf '$(CLUSTER)'; fi
	@rm -rf artifacts '$(LOCAL)'
