#!/bin/sh
# Installs node_modules when it is not what package-lock.json and the patches say. By content and not by time, so that a checkout, a pull
# and `npm install` of one more package all do the right thing.
#
#   install.sh          npm ci, if needed
#   install.sh after    npm's postinstall: applies the patches, completes the lock (only where Node 24 was installed too), notes what is there
set -eu
cd "$(dirname "$0")/../.."
stamp=node_modules/.millrace-installed

contents() {
  cat package-lock.json deploy/patches/*.patch 2>/dev/null | cksum
}

if [ "${1:-}" = after ]; then
  patch-package --patch-dir deploy/patches
  if [ -x node_modules/.bin/node ]; then node_modules/.bin/node deploy/scripts/complete-lock.ts; fi
  # So that `npx millrace` starts this checkout at once; npm links no package into itself.
  ln -sf ../../libs/command/millrace.mjs node_modules/.bin/millrace
  contents >"$stamp"
elif [ ! -f "$stamp" ] || [ "$(contents)" != "$(cat "$stamp")" ]; then
  command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or later (https://nodejs.org); Node 24 itself comes by npm" >&2; exit 1; }
  echo "installing node_modules (npm ci)"
  npm ci --no-audit --no-fund --loglevel=error </dev/null
fi
