.PHONY: install demo test check bench chaos

install:            ## make .venv with clipmill in it
	scripts/install

demo:               ## make clips from a sample, or from VIDEO=path, or VIDEO=https://...
	scripts/demo '$(VIDEO)'

test:               ## set up what tests need and run them
	scripts/install dev
	scripts/test

check:              ## format, lint, types, layers: changes nothing
	scripts/install dev
	scripts/check

bench:              ## measure and print the table of figures
	scripts/install dev
	.venv/bin/python -m bench.run $(PARTS)

chaos:              ## kill everything at random moments and prove that nothing was lost; SEED=N does it again
	scripts/install dev
	scripts/chaos $(if $(SEED),--seed $(SEED)) $(CHAOS)
