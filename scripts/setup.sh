#!/usr/bin/env bash
# Install what building quern needs, with --tests what testing it needs, and
# with --bench the peers that bench/run.py measures it against.
#
#     scripts/setup.sh [--tests] [--bench] [--list]
#
# Only Debian packages that are missing are installed; where none is, nothing
# is asked of the network and the script is done in milliseconds.
set -eu

# The one list.  HDF5 is the serial build: quern never calls parallel HDF5.
build_packages=(
    cmake gcc hdf5-tools libc6-dev ninja-build pkg-config
    libcfitsio-dev libcmocka-dev libdeflate-dev libhdf5-dev libhwloc-dev
    libjansson-dev libnetcdf-dev libopenblas-openmp-dev libopenmpi-dev
    libpng-dev libxxhash-dev libyaml-dev openmpi-bin zlib1g-dev
)
test_packages=(
    binutils
    clang
    cwltool
    iproute2
    libclang-rt-dev
    libopenblas0-pthread
    munge
    python3-astropy
    python3-h5py
    python3-numpy
    python3-scipy
    python3-silx
    shellcheck
    slurm-wlm
    snakemake
    strace
    valgrind
)
bench_packages=(
    gnuastro libsimgrid-dev parallel python3-astropy python3-bottleneck python3-ccdproc
    python3-h5py python3-mpi4py python3-numba python3-numpy
)

die()
{
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

wanted=("${build_packages[@]}")
list=no
for word in "$@"; do
    case $word in
    --tests) wanted+=("${test_packages[@]}") ;;
    --bench) wanted+=("${bench_packages[@]}") ;;
    --list) list=yes ;;
    *) die "unknown option '$word'; usage: setup.sh [--tests] [--bench] [--list]" ;;
    esac
done

if [ $list = yes ]; then
    printf '%s\n' "${wanted[@]}"
    exit 0
fi

if ! command -v dpkg-query >/dev/null; then
    echo "setup.sh: this is not a Debian system, so nothing was installed;" \
        "what Debian calls ${wanted[*]} must be there" >&2
    exit 0
fi

# dpkg-query fails where it knows nothing of a name; that too is "missing".
installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' \
    "${wanted[@]}" 2>/dev/null | sed -n 's/^.i  *//p' || true)
missing=()
for package in "${wanted[@]}"; do
    case $'\n'$installed$'\n' in
    *$'\n'"$package"$'\n'*) ;;
    *) missing+=("$package") ;;
    esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        die "root must once run: apt-get install ${missing[*]}"
    as_root=(sudo)
fi

echo "setup.sh: installing ${missing[*]}"
apt()
{
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q \
        -o Dpkg::Use-Pty=0 "$@" </dev/null
}
apt update ||
    die "the package lists could not be fetched; is the network there?"
apt install -y --no-install-recommends "${missing[@]}" ||
    die "not everything could be installed; still wanted: ${missing[*]}"
