# Sourced, never run: brings in reach what ./unpack has unpacked, where it had to.

tools=$(readlink -f "${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modlink}/packages/current" || true)
if [ "$tools" != "${MODLINK_TOOLS:-}" ] && [ -e "$tools/environment" ]; then
    . "$tools/environment"
    export MODLINK_TOOLS=$tools
fi
