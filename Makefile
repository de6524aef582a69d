.PHONY: install demo test check bench

install:            ## make .venv with clipmill in it
	scripts/install

demo:               ## make clips from a sample, or from VIDEO=path
	scripts/demo $(VIDEO)

test:               ## set up what tests need and run them
	scripts/install dev
	scripts/test

check:              ## format, lint, types, layers: changes nothing
	scripts/install dev
	scripts/check

bench:              ## measure and print the table of figures
	scripts/install dev
	.venv/bin/python -m bench.run $(PARTS)
