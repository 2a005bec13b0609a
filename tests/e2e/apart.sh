# shellcheck shell=bash
# Sourced before lib.sh by a test that mounts: it starts the test again with
# mounts of its own, which end with it.  QUERN_APART is then "yes", or "no"
# where that cannot be had.
if [ -z "${QUERN_APART:-}" ]; then
    export QUERN_APART=no
    for how in "unshare -m" "unshare -rm"; do
        if $how mount -t tmpfs none /mnt 2>/dev/null; then
            QUERN_APART=yes exec $how "$0" "$@"
        fi
    done
fi
