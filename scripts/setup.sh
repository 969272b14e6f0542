#!/usr/bin/env bash
# Makes .venv with everything of requirements.txt, or says in one line what the host lacks.
# PYTHON may name the interpreter to start from (default python3).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

die() { echo "setup: $*" >&2; exit 1; }

for tool in "$python" g++ make perl git; do
  command -v "$tool" >/dev/null || die "the host lacks '$tool'; install it (Debian/Ubuntu: apt-get install python3 python3-venv g++ make perl git)"
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "'$python' is older than Python 3.10; name a newer one with PYTHON=..."
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "'$python' has no venv module (Debian/Ubuntu: apt-get install python3-venv)"

stamp=.venv/.requirements
if ! cmp -s requirements.txt "$stamp" 2>/dev/null; then
  echo "setup: installing requirements.txt into .venv (once)"
  [ -x .venv/bin/python ] || "$python" -m venv .venv || die "cannot create .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
    || die "pip could not install requirements.txt; see its message above"
  cp requirements.txt "$stamp"
fi
