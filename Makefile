# Each target makes the environment that it needs.
.PHONY: demo test test-latest lint install-check benchmark figures clean

demo:            ## the main job on the bundled sample map, in a headless Scipion project
	scripts/make_venv.sh .venv constraints/scipion.txt scipion
	.venv/bin/python examples/main_job.py

test:            ## the tests, on the versions that Scipion pins
	scripts/make_venv.sh .venv-test constraints/scipion.txt scipion,test scipion-em-relion
	.venv-test/bin/python -m pytest $(PYTEST_ARGS)

test-latest:     ## the tests of the core, on the newest releases
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python -m pytest tests/core tests/peers $(PYTEST_ARGS)

lint:            ## style and types
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python -m ruff check .
	.venv-latest/bin/python -m ruff format --check .
	.venv-latest/bin/python -m mypy

install-check:   ## a wheel in an empty environment without Scipion does the main job
	scripts/install_check.sh

benchmark:       ## speed and memory beside OccuPy 0.1.13
	scripts/make_venv.sh .venv-latest constraints/latest.txt test
	.venv-latest/bin/python -m benchmarks.scale

figures:         ## the figures of the documentation; needs Xvfb, openbox, xdotool and imagemagick
	scripts/make_venv.sh .venv-test constraints/scipion.txt scipion,test scipion-em-relion
	mkdir -p build/screens
	OCCUPY_SCREENSHOTS=build/screens .venv-test/bin/python -m pytest tests/gui
	.venv-test/bin/python docs/make_figures.py build/screens

clean:           ## remove the environments and what was built
	rm -rf .venv .venv-test .venv-latest build *.egg-info
