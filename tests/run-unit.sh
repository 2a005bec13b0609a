#!/usr/bin/env bash
# Run one cmocka program and say how many of its cases were skipped.
#
#     run-unit.sh PROGRAM
#
# Exit code: the program's; 77 (skipped) if every case was skipped; 1 if it
# ran no case at all.
set -u

name=$(basename "$1")
text=$("$1" 2>&1)
rc=$?
printf '%s\n' "$text"

# A program may run several groups, each with its own closing lines.
total()
{
    printf '%s\n' "$text" |
        sed -n "s/^\[  $1 *\] \([0-9]*\) test(s).*/\1/p" |
        awk '{ n += $1 } END { print n + 0 }'
}

passed=$(total PASSED)
skipped=$(total SKIPPED)
failed=$(total FAILED)
if [ "$failed" -gt 0 ] || [ $rc -ne 0 ]; then
    echo "$name: $passed passed, $failed failed, $skipped skipped"
    exit $((rc == 0 ? 1 : rc))
fi
echo "$name: $passed passed, $skipped skipped"
[ "$passed" -eq 0 ] || exit 0
[ "$skipped" -eq 0 ] || exit 77
echo "$name: ran no case"
exit 1
