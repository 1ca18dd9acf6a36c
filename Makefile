# make lab | demo | check | test | lessons | site | bench | assets      each sets up .venv on its first use
# make test-gpu | bench-gpu   what needs a GPU           make lock   pin the requirements again           make hub   a JupyterHub to try
# make test-long   a hundred random right notebooks for each framework, in notebook and grader; SEED=20261128000 repeats a run
# make lab FRAMEWORK=torch   one framework only, also for demo, lessons and setup      CPU=yes   PyTorch without CUDA

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lab demo check test test-long test-gpu lessons site bench bench-gpu assets hub lock setup changed
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.ready
# a student's own copy of the lessons, which git does not see: make lab MY_LESSONS=elsewhere
MY_LESSONS ?= my-lessons
# the lessons in Chinese: make lab LANGUAGE=zh, make lessons LANGUAGE=zh. Shells set a variable of this name too, for other programs
IN_LANGUAGE = $(if $(filter command,$(origin LANGUAGE)),--language $(LANGUAGE))
# in a container one is often root, and Jupyter wants to be told so
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# what .venv must have, and what it has. One framework is without the tools for tests and the site; a later plain `make lab` adds the rest
given = $(if $(filter command,$(origin $(1))),$($(1)))
ONE := $(call given,FRAMEWORK)
$(if $(filter-out torch tensorflow,$(ONE)),$(error FRAMEWORK is torch or tensorflow, not $(ONE)))
$(if $(and $(ONE),$(filter-out lab demo lessons setup help,$(MAKECMDGOALS))),$(error FRAMEWORK=$(ONE) is for lab, demo, lessons and setup: leave it out, as $(MAKECMDGOALS) needs both))
WANTED := $(or $(ONE),torch tensorflow test site) $(if $(filter yes,$(call given,CPU)),cpu)
HAVE := $(shell cat $(READY) 2>/dev/null)
CHANGED := $(if $(or $(filter-out $(HAVE),$(WANTED)),$(and $(filter no,$(call given,CPU)),$(filter cpu,$(HAVE)))),changed)
# TensorFlow with CUDA cannot share an environment with PyTorch, see requirements-gpu-tensorflow.lock
GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU && echo yes)
WITHOUT_CUDA := $(filter yes,$(or $(call given,CPU),$(if $(filter cpu,$(HAVE)),yes)))
TENSORFLOW_BIN := $(if $(GPU),$(if $(WITHOUT_CUDA),$(BIN),.venv-tensorflow/bin),$(BIN))

help:
	@sed -n 's/^# //p' Makefile | head -4

setup: $(READY)

$(READY): requirements.lock requirements-gpu-tensorflow.lock pyproject.toml .ci/uv.lock .ci/setup .ci/packages.py $(CHANGED)
	@GPU=$(GPU) CPU=$(call given,CPU) .ci/setup $(filter-out cpu,$(WANTED))

lab: $(READY)
	@$(BIN)/stylelab start "$(MY_LESSONS)" $(addprefix --framework ,$(ONE)) $(IN_LANGUAGE)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter lab $(ROOT) "$(MY_LESSONS)"

demo: $(READY)
	@$(BIN)/python -m stylelab.cli.demo -o out --tensorflow-python $(TENSORFLOW_BIN)/python $(addprefix --framework ,$(ONE))

# lint, types and the quick tests, in about three minutes
check: $(READY)
	@.ci/check $(BIN) $(TENSORFLOW_BIN)

test: $(READY)
	@.ci/test $(BIN) $(TENSORFLOW_BIN)

# each failure prints its seed: SEED=... NUMBER=1 makes that notebook again
test-long: export SEED ?= $(shell date +%Y%m%d000)
test-long: export NUMBER ?= 100
test-long: export STYLELAB_PRESET = ci
test-long: $(READY)
	STYLELAB_TENSORFLOW_PYTHON="$(CURDIR)/$(TENSORFLOW_BIN)/python" $(BIN)/python -m pytest --framework torch tests/classroom/test_fuzz.py tests/exercises/test_judging.py
	STYLELAB_TENSORFLOW_PYTHON="$(CURDIR)/$(TENSORFLOW_BIN)/python" $(TENSORFLOW_BIN)/python -m pytest --framework tensorflow tests/classroom/test_fuzz.py tests/exercises/test_judging.py

# what runs on a GPU compared with the processor, in 8 minutes at most and without network; without a GPU, a line and status 2
test-gpu: $(READY)
	@.ci/test-gpu $(BIN) $(TENSORFLOW_BIN)

lessons: $(READY)
	$(if $(filter tensorflow,$(ONE)),,$(BIN)/python -m lessons.make build --framework torch $(IN_LANGUAGE))
	$(if $(filter torch,$(ONE)),,$(TENSORFLOW_BIN)/python -m lessons.make build --framework tensorflow $(IN_LANGUAGE))

# build/site/index.html; the first time a gallery is painted too, which takes minutes. Without: make site SITE="--gallery tiny"
site: $(READY)
	@$(BIN)/python -m docs.make $(SITE)

# options for both: make bench BENCH="--quick -o bench.json --plot bench.png"
bench: $(READY)
	@STYLELAB_TENSORFLOW_PYTHON="$(CURDIR)/$(TENSORFLOW_BIN)/python" $(BIN)/stylelab bench $(BENCH)
	@STYLELAB_TENSORFLOW_PYTHON="$(CURDIR)/$(TENSORFLOW_BIN)/python" $(BIN)/python -m stylelab.tools.bench.grading
	@$(BIN)/python -m stylelab.tools.bench.gallery --framework torch $(filter --quick,$(BENCH))

# the figures that want a GPU, in 8 minutes at most and without network; without one, a line and status 2
bench-gpu: $(READY)
	@STYLELAB_TENSORFLOW_PYTHON="$(CURDIR)/$(TENSORFLOW_BIN)/python" $(BIN)/stylelab bench --device gpu --size 512 --size 1024 --minutes 6 $(BENCH)

assets: $(READY)
	$(BIN)/python assets/make/images.py
	$(BIN)/python assets/make/encoder.py -o assets/encoder-mini.safetensors

# a JupyterHub on this machine, to try handing out and collecting with: make hub COURSE=my-course PORT=8000. It needs git, and the network once
hub: .venv-hub/.ready
	@.venv-hub/bin/python docs/hub/start.py $(if $(COURSE),"$(COURSE)") --port "$(or $(PORT),8000)"

.venv-hub/.ready: requirements-hub.lock pyproject.toml .ci/uv.lock .ci/setup .ci/packages.py docs/hub/package-lock.json
	@.ci/setup hub

lock: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/lock.py
