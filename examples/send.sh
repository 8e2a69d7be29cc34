#!/bin/sh
# sh send.sh COMMAND: seconds until what COMMAND writes is over a line of 200 kB/s, its own time included.
began=$(date +%s%N)
bytes=$("$@" | wc -c)
ended=$(date +%s%N)
awk -v began="$began" -v ended="$ended" -v bytes="$bytes" \
    'BEGIN { printf "seconds: %.6f\n", (ended - began) / 1e9 + bytes / 2e5 }'
