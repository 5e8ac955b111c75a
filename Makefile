# Fathom's chores. `make help` lists them.
SHELL := /bin/bash
PREFIX ?= /usr/local
SWIFT ?= swift
PYTHON ?= python3
BUILD := $(SWIFT) build -c release
FATHOM := .build/release/fathom
PROGRAM ?= $(FATHOM)

.PHONY: help setup build run test test-live test-v4l2 lint format bench bench-table sanitize fuzz install media clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## install the Debian packages that are missing
	@bash Scripts/setup.sh

build: setup ## build in release mode
	$(BUILD)

run: build ## turn Samples/media/drive.mp4 into a depth video
	$(FATHOM) run Samples/media/drive.mp4 -o drive.depth.mp4 --overwrite
	@echo "The depth video is $(CURDIR)/drive.depth.mp4"

test: setup ## build and run every test but those that need real servers
	$(BUILD) --build-tests
	$(SWIFT) test -c release --skip-build --skip '^LiveTests\.'

test-live: setup ## play against real cameras and servers on this machine (installs them; needs root)
	@bash Scripts/setup-live.sh
	$(BUILD) --build-tests
	$(SWIFT) test -c release --skip-build --filter '^LiveTests\.'

test-v4l2: build ## play a real camera of the kernel's test driver, unplug it and bring it back, in a virtual machine
	@bash Scripts/setup-v4l2.sh
	@mkdir -p .build/v4l2
	@bash Tests/LiveParts/v4l2_vm.sh .build/v4l2 python3 $(CURDIR)/Tests/LiveParts/v4l2_check.py $(CURDIR)/$(FATHOM)

lint: ## check formatting and the rules of the house
	@bash Scripts/lint.sh

format: ## format every Swift file
	$(SWIFT) format format --in-place --recursive --parallel Package.swift Sources Tests Samples

bench: build ## measure a whole run on this machine
	$(FATHOM) bench pipeline

bench-table: build ## compare with other engines: NETWORKS=folder PEERS=folder [PYTHON=…]
	@test -n "$(NETWORKS)" -a -n "$(PEERS)" || { echo "make bench-table NETWORKS=folder PEERS=folder [PYTHON=…] [OPTIONS=…]; see Scripts/bench_table.py --help"; exit 1; }
	$(PYTHON) Scripts/bench_table.py "$(NETWORKS)" "$(PEERS)" $(OPTIONS)

sanitize: setup ## run the tests of the lower rooms under the address and thread sanitizers
	@bash Scripts/sanitize.sh

fuzz: setup ## feed changed ONNX files to the importer for ten minutes
	@bash Scripts/fuzz.sh

media: build ## make Samples/media anew
	.build/release/make-sample-media Samples/media

install: build ## install program, presets, completions and manual below PREFIX
	@PREFIX="$(PREFIX)" PROGRAM="$(PROGRAM)" bash Scripts/install.sh

clean: ## remove what was built
	rm -rf .build
