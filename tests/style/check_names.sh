#!/usr/bin/env bash
# What object files export: names that say which file they are in.
#
# file.c exports qn_file or qn_file_*.  A file noun_part.c, cut from noun.c,
# may also define what src/FOLDER/noun.h declares.  A kernel's file exports
# qn_kernel_<file> and nothing else, unless it has a header of its own.
. "$(dirname "$0")/lib.sh"

# The shared names, whatever file they are in.
shared='qn_fail qn_wrap'

# declared HEADER SYMBOL
declared()
{
    [ -f "$1" ] && grep -qE "(^|[^A-Za-z0-9_])$2([^A-Za-z0-9_]|\$)" "$1"
}

# allowed ROOT FOLDER STEM SYMBOL
allowed()
{
    local folder=$1/src/$2 stem=$3 symbol=$4 noun
    case " $shared " in
    *" $symbol "*) return 0 ;;
    esac
    [ "$symbol" = "qn_kernel_$stem" ] && [ "$2" = kernels ] && return 0
    case $symbol in
    "qn_$stem" | "qn_${stem}_"*) return 0 ;;
    esac
    for noun in "$stem" "${stem%_*}" "${stem%%_*}"; do
        case $symbol in
        "qn_$noun" | "qn_${noun}_"*)
            declared "$folder/$noun.h" "$symbol" && return 0
            ;;
        esac
    done
    return 1
}

# A kernel must be alone in its object file.
check_kernel()
{
    local root=$1 object=$2 stem=$3 symbols=$4
    case " $symbols " in
    *" qn_kernel_"*) ;;
    *) return ;;
    esac
    [ "$symbols" = "qn_kernel_$stem" ] || [ -f "$root/src/kernels/$stem.h" ] ||
        wrong "$object: a kernel exports qn_kernel_$stem alone, not: $symbols"
}

check_object()
{
    local root=$1 folder=$2 object=$3 symbols=$4 stem symbol
    stem=${object%.o}
    stem=${stem%.c}
    stem=${stem//-/_}
    for symbol in $symbols; do
        allowed "$root" "$folder" "$stem" "$symbol" ||
            wrong "$folder/$object: exports $symbol; make it static," \
                "or begin it with qn_${stem}_"
    done
    [ "$folder" != kernels ] ||
        check_kernel "$root" "$object" "$stem" "$symbols"
}

# Lines "OBJECT SYMBOL SYMBOL...", clones of one function counted once, and
# what the compiler made by itself (a name with a dot) not at all.
exports()
{
    nm -A -g --defined-only "$1" | awk '
        { n = split($1, part, ":"); object = part[n - 1] }
        $NF ~ /\./ || $NF ~ /^__/ { next }
        !seen[object, $NF]++ {
            if (!(object in names)) order[++count] = object
            names[object] = names[object] " " $NF
        }
        END { for (i = 1; i <= count; i++) print order[i] names[order[i]] }'
}

check()
{
    local root=$1 archive folder object symbols
    shift
    [ $# -gt 0 ] || wrong "no archive was given: nothing to check"
    for archive in "$@"; do
        folder=$(basename "$archive" .a)
        folder=${folder#libqn_}
        while read -r object symbols; do
            check_object "$root" "$folder" "$object" "$symbols"
        done < <(exports "$archive")
    done
}

# archive FOLDER STEM TEXT: libqn_FOLDER.a of one object file.
archive()
{
    put "$2.c" "$3"
    "${CC:-cc}" -c -o "$dir/$2.c.o" "$dir/$2.c" || exit 1
    ar rc "$dir/libqn_$1.a" "$dir/$2.c.o" || exit 1
}

self_test()
{
    archive io reader 'int qn_read_all(void) { return 0; }'
    must_find 'io/reader.c.o: exports qn_read_all' "$dir/libqn_io.a"
    archive io reader 'int helper(void) { return 0; }'
    must_find 'exports helper' "$dir/libqn_io.a"
    archive io reader 'int counter = 1;'
    must_find 'exports counter' "$dir/libqn_io.a"
    archive kernels median 'int qn_kernel_median = 1, qn_median_of = 2;'
    must_find 'exports qn_kernel_median alone' "$dir/libqn_kernels.a"
    archive kernels median 'int qn_kernel_mode = 1;'
    must_find 'exports qn_kernel_mode;' "$dir/libqn_kernels.a"
    put src/model/job.h 'int qn_job_parse(void);'
    archive model job_check 'int qn_job_other(void) { return 0; }'
    must_find 'exports qn_job_other' "$dir/libqn_model.a"
    must_find 'nothing to check'

    put src/model/job.h 'int qn_job_parse(void);'
    archive model job_check 'int qn_job_parse(void) { return 0; }
        int qn_job_check_all(void) { return 0; }'
    archive base error 'int qn_fail(void) { return 0; }
        static int qn_x = 1; int qn_error_x(void) { return qn_x; }'
    archive kernels bad-pixels 'int qn_kernel_bad_pixels = 1;'
    must_pass "$dir/libqn_model.a" "$dir/libqn_base.a" "$dir/libqn_kernels.a"
}

main "$@"
