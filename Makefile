# Each target makes the environment that it needs.
.PHONY: fuzz kills disks demo test test-latest lint install-check mutation benchmark figures clean

# The versions of test-latest; /dev/null for the newest there are.
LATEST = constraints/latest.txt

# Other plugins for which our outputs are made; of scipion-em-xmipp six is needed and not asked for.
PLUGINS = scipion-em-relion scipion-em-cryosparc2 scipion-em-chimera scipion-em-xmipp six

# The tests run on the installed wheel: from a folder where the checkout is not found.
PYTEST = mkdir -p build/tests && cd build/tests && PYTHONPATH= OCCUPY_TEST_INSTALLED=1 \
	../../$(1)/bin/python -m pytest -c ../../pyproject.toml

demo:            ## the main job on the bundled sample map, in a headless Scipion project
	scripts/make_venv.sh .venv constraints/scipion.txt scipion
	.venv/bin/python examples/main_job.py

test:            ## the tests, on the versions that Scipion pins
	scripts/make_venv.sh .venv-test constraints/scipion.txt scipion,test,cluster $(PLUGINS)
	$(call PYTEST,.venv-test) ../../tests $(PYTEST_ARGS)

test-latest:     ## the tests of the core, on the newest releases
	scripts/make_venv.sh .venv-latest $(LATEST) test,cluster
	$(call PYTEST,.venv-latest) ../../tests/core ../../tests/peers ../../tests/test_package.py $(PYTEST_ARGS)

lint:            ## style and types
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python -m ruff check .
	.venv-latest/bin/python -m ruff format --check .
	.venv-latest/bin/python -m mypy

install-check:   ## sdist and wheel are complete, and do in empty environments what they promise
	scripts/install_check/run.sh

mutation:        ## how many small faults in the numerics the tests notice (an hour)
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python scripts/mutation.py $(MUTATION_ARGS)

fuzz:            ## 20,000 damaged files and 2,000 runs with any options (an hour); FUZZ_ARGS
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python tests/fuzz/long.py $(FUZZ_ARGS)

kills:           ## every command is hit by signals at random moments (ten minutes); KILLS_ARGS
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python tests/fuzz/kills.py $(KILLS_ARGS)
	.venv-latest/bin/python tests/fuzz/pairs.py

disks:           ## every change of files is refused, and small file systems are mounted (root)
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python tests/fuzz/disks.py $(DISKS_ARGS)

benchmark:       ## speed and memory beside OccuPy 0.1.13
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python -m benchmarks.scale

figures:         ## the figures of the documentation; needs Xvfb, openbox, xdotool and imagemagick
	scripts/make_venv.sh .venv-test constraints/scipion.txt scipion,test,cluster $(PLUGINS)
	mkdir -p build/screens
	OCCUPY_SCREENSHOTS=$(CURDIR)/build/screens .venv-test/bin/python -m pytest tests/gui
	.venv-test/bin/python docs/make_figures.py --screenshots build/screens

clean:           ## remove the environments and what was built
	rm -rf .venv .venv-test .venv-latest build *.egg-info
