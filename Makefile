# Two commands: `make demo` and `make test`. Each sets itself up on a fresh machine. `make test-all` adds the slow tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= runs/demo-$(shell date +%Y%m%d-%H%M%S)
export MUJOCO_GL ?= egl

.PHONY: demo test test-all lint unit slow setup gl peer-lerobot peer-openpi peer-vla-eval peer-sb3 resolve clean

demo: $(READY) gl
	$(BIN)/praxia study demo --out $(DEMO)

test: $(READY) gl lint unit

test-all: test slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# One thread each: 2-thread torch collapses beside another process. A worker that ends within a test ends the run: its
# test would be tried again, with others, nine times.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --jaxtyping-packages=praxia,beartype.beartype

unit: $(READY) gl
	$(PYTEST) -m "not slow"

slow: $(READY) gl
	$(PYTEST) -m slow

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

gl: $(READY)
	@$(BIN)/python -c "import mujoco; mujoco.GLContext(16, 16).free()" >/dev/null 2>&1 || { \
	  echo "no off-screen OpenGL: apt-get install libegl1 libgl1 libgles2 (then again)"; exit 2; }

# Minutes and gigabytes: proves our data sets against the lerobot package in an environment of its own.
peer-lerobot: $(READY)
	$(BIN)/python tests/peers/lerobot_agrees.py
	$(BIN)/python tests/peers/lerobot_policy_agrees.py
	$(BIN)/python tests/peers/lerobot_policies.py
	$(BIN)/python tests/peers/lerobot_acts.py

# Need the network once: unmodified clients of other projects, in environments of their own, ask `praxia serve`.
peer-openpi: $(READY)
	$(BIN)/python tests/peers/openpi_peer.py

peer-vla-eval: $(READY)
	$(BIN)/python tests/peers/vla_eval_peer.py
	$(BIN)/python tests/peers/vla_eval_tabletop.py

# Needs the network once: stable-baselines3 in an environment of its own trains SAC on one of our environments.
peer-sb3: $(READY)
	$(BIN)/python tests/peers/sb3_peer.py

# Needs the network: pip resolves Praxia and lerobot in one environment, and installs nothing.
resolve: $(READY)
	$(BIN)/python tests/peers/lerobot_beside.py --resolve-only

clean:
	rm -rf $(VENV) build
