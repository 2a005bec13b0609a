#!/usr/bin/env bash
# Who may include whom: reads the #include lines of src/ and include/.
. "$(dirname "$0")/lib.sh"

# folder: the folders it may include besides itself
layers()
{
    case $1 in
    include) echo "" ;;
    base) echo "include" ;;
    model) echo "base include" ;;
    kernels | io | comm) echo "model base include" ;;
    worker) echo "kernels io model base include" ;;
    engine) echo "kernels io comm model base include" ;;
    cli) echo "engine kernels io comm model base include" ;;
    *) return 1 ;;
    esac
}

# Each outside library has its room: header, then the files that may name it.
rooms='
mpi.h        src/comm/*
hdf5.h       src/io/hdf5*.[ch] src/io/writer*.[ch]
hdf5_hl.h
fitsio.h     src/io/fits*.[ch] src/io/writer_fits.c
netcdf.h     src/io/netcdf*.[ch]
libdeflate.h src/io/*
yaml.h       src/model/yaml*.[ch] src/model/job*.[ch]
xxhash.h     src/model/*
dlfcn.h      src/base/limit.c src/io/netcdf_load.c src/kernels/* src/worker/*
link.h       src/base/limit.c
cblas.h      src/kernels/*
hwloc.h      src/engine/cores.c
png.h        src/cli/* src/io/*
argp.h       src/cli/*
omp.h        src/kernels/*
'

room_allows()
{
    local file=$1 header=$2 name globs glob
    while read -r name globs; do
        [ "$name" = "$header" ] || continue
        set -f
        for glob in $globs; do
            # shellcheck disable=SC2053 # a pattern on purpose
            [[ $file == $glob ]] && { set +f; return 0; }
        done
        set +f
        return 1
    done <<<"$rooms"
    return 0
}

check_include()
{
    local root=$1 file=$2 line=$3 folder=$4 header=$5 quoted=$6 target
    if [ "$quoted" = no ]; then
        room_allows "$file" "$header" ||
            wrong "$file:$line: <$header> has its room elsewhere"
        return
    fi
    case $header in
    quern/*) target=include ;;
    */*) target=${header%%/*} ;;
    *)
        wrong "$file:$line: \"$header\" must be named from src/"
        return
        ;;
    esac
    [ "$target" = include ] || [ -f "$root/src/$header" ] ||
        wrong "$file:$line: \"$header\" is not there"
    [ "$target" = "$folder" ] && return
    case " $(layers "$folder") " in
    *" $target "*) ;;
    *) wrong "$file:$line: $folder/ may not include \"$header\"" ;;
    esac
}

check()
{
    local root=$1 file line folder header text quoted
    while IFS=: read -r file line text; do
        file=${file#"$root"/}
        case $file in
        include/*) folder=include ;;
        *) folder=${file#src/}; folder=${folder%%/*} ;;
        esac
        layers "$folder" >/dev/null || {
            wrong "$file: no layer is called $folder/"
            continue
        }
        case $text in
        *\"*\"*) quoted=yes; header=${text#*\"}; header=${header%%\"*} ;;
        *\<*\>*) quoted=no; header=${text#*<}; header=${header%%>*} ;;
        *) continue ;;
        esac
        check_include "$root" "$file" "$line" "$folder" "$header" $quoted
    done < <(grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' \
        "$root/src" "$root/include" 2>/dev/null)
}

self_test()
{
    put src/io/a.h ''
    put src/kernels/a.c '#include "io/a.h"'
    must_find 'src/kernels/a.c:1: kernels/ may not include "io/a.h"'
    put src/engine/a.h ''
    put src/model/a.c '#  include "engine/a.h"'
    must_find 'model/ may not include'
    put src/engine/a.h ''
    put src/worker/a.c '#include "engine/a.h"'
    must_find 'worker/ may not include'
    put src/comm/a.h ''
    put src/worker/a.c '#include "comm/a.h"'
    must_find 'worker/ may not include'
    put include/quern/a.h '#include "base/a.h"'
    must_find 'include/ may not include'
    put src/engine/a.c '#include <mpi.h>'
    must_find '<mpi.h> has its room elsewhere'
    put src/io/reader.c '#include <hdf5.h>'
    must_find '<hdf5.h> has its room elsewhere'
    put src/model/a.h ''
    put src/model/a.c '#include "a.h"'
    must_find 'must be named from src/'
    put src/model/a.c '#include "model/b.h"'
    must_find 'is not there'
    put src/tools/a.c '#include <stdio.h>'
    must_find 'no layer is called tools/'

    put src/comm/a.c '#include <mpi.h>'
    put src/io/hdf5.c '#include <hdf5.h>'
    put src/engine/a.h ''
    put src/cli/a.c '#include "engine/a.h"'
    put src/base/a.c '#include "quern/error.h"'
    must_pass
}

main "$@"
