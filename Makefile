# Two commands do everything: `make demo` and `make test`. Each installs what is missing first.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: demo test browser rliable slow lint types docs bench clean

demo: $(INSTALLED)
	$(BIN)/conceptgym demo --out out

test: $(INSTALLED) lint types
	$(BIN)/python -m pytest -q -n 2

# The board's page is tested in Debian's browser; without it these tests say so and are skipped.
browser:
	command -v chromedriver > /dev/null || (apt-get -qq update && apt-get -qq install -y chromium chromium-driver)

# The statistics are tested beside rliable's where it is there: it needs an older pandas than ours.
rliable: $(INSTALLED)
	test -x $(VENV)/rliable/bin/python || $(PYTHON) -m venv $(VENV)/rliable
	$(VENV)/rliable/bin/python -m pip install --quiet --disable-pip-version-check "rliable==1.2.0" "pandas<3"
	$(BIN)/python -m pytest -q tests/evaluation/test_rliable.py

slow: $(INSTALLED)
	$(BIN)/python -m pytest -q -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .

# The root is the package: under a link of its name, mypy sees modules as they are imported.
types: $(INSTALLED)
	@mkdir -p $(VENV)/types && ln -sfn "$(CURDIR)" $(VENV)/types/conceptgym
	cd $(VENV)/types && "$(CURDIR)/$(BIN)/mypy" --config-file "$(CURDIR)/pyproject.toml" \
		--cache-dir "$(CURDIR)/.mypy_cache" -p conceptgym

docs: $(INSTALLED)
	$(BIN)/python -m conceptgym.evaluation.pages docs

bench: $(INSTALLED)
	$(BIN)/conceptgym bench envs

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
