#!/usr/bin/env bash
# Installs what `make build` made below $PREFIX: the program (the default model is part of it), presets, manual, completions.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PREFIX:=/usr/local}"
program=${PROGRAM:-.build/release/fathom}

install -d "$PREFIX/bin" "$PREFIX/share/fathom/configs" "$PREFIX/share/man/man1" \
    "$PREFIX/share/bash-completion/completions" "$PREFIX/share/zsh/site-functions" "$PREFIX/share/fish/vendor_completions.d"
install -m 755 "$program" "$PREFIX/bin/fathom"
install -m 644 Configs/*.yaml "$PREFIX/share/fathom/configs/"
install -m 644 Docs/fathom.1 "$PREFIX/share/man/man1/fathom.1"
"$program" --generate-completion-script bash >"$PREFIX/share/bash-completion/completions/fathom"
"$program" --generate-completion-script zsh >"$PREFIX/share/zsh/site-functions/_fathom"
"$program" --generate-completion-script fish >"$PREFIX/share/fish/vendor_completions.d/fathom.fish"
echo "Installed $PREFIX/bin/fathom"
