#!/usr/bin/env bash
# The kernels on Arm: their unit tests, cross-compiled and run by an emulator.
#
# Wants Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and
# qemu-user-static, and in QUERN_ARM_ROOT the arm64 packages libcmocka0
# libdeflate0 libgfortran5 libgomp1 libhwloc15 libjansson4 libopenblas0-pthread
# libxxhash0 libyaml-0-2, unpacked there:
#
#     dpkg --add-architecture arm64; apt-get update
#     apt-get download libjansson4:arm64 ...; dpkg -x FILE.deb ROOT
. "$(dirname "$0")/lib.sh"

gcc=aarch64-linux-gnu-gcc
emulator=qemu-aarch64-static
for program in $gcc $emulator; do
    command -v $program >/dev/null || skip "$program is not installed"
done
root=${QUERN_ARM_ROOT:-}
[ -e "$root/usr/lib/aarch64-linux-gnu/libcmocka.so.0" ] ||
    skip "QUERN_ARM_ROOT names no folder with libraries for Arm"

lib=$root/usr/lib/aarch64-linux-gnu
blas=$lib/openblas-pthread
flags=(-std=c11 -O2 -fvect-cost-model=dynamic -ffp-contract=off
    -fno-math-errno -D_GNU_SOURCE -DQN_VERSION='"arm"'
    -I"$QUERN_SOURCE/include" -I"$QUERN_SOURCE/src"
    -I"$QUERN_SOURCE/tests/unit" -idirafter /usr/include
    -idirafter /usr/include/x86_64-linux-gnu
    -idirafter /usr/include/x86_64-linux-gnu/openblas-openmp)
libraries=(-l:libcmocka.so.0 -l:libdeflate.so.0 -l:libhwloc.so.15
    -l:libjansson.so.4 -l:libopenblas.so.0 -l:libxxhash.so.0
    -l:libyaml-0.so.2 -lm -lpthread)

say "compile"
for folder in base model kernels; do
    for file in "$QUERN_SOURCE/src/$folder"/*.c; do
        object=$folder-$(basename "$file" .c).o
        expect_code 0 $gcc "${flags[@]}" -c "$file" -o "$object"
    done
done
aarch64-linux-gnu-ar rcs libquern.a ./*.o || fail "no library"

for file in "$QUERN_SOURCE"/tests/unit/test_{kernel_*,combine,dtype,grid,masks,reductions,stats,sweep,whole}.c; do
    name=$(basename "$file" .c)
    say "$name"
    expect_code 0 $gcc "${flags[@]}" "$file" -o "$name" libquern.a -L"$lib" \
        -L"$blas" -Wl,-rpath-link,"$lib:$blas" "${libraries[@]}"
    limit=600 expect_code 0 env QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
        $emulator -E LD_LIBRARY_PATH="$lib:$blas:/usr/aarch64-linux-gnu/lib" \
        "./$name"
done

finish
