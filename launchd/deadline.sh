#!/bin/sh
# Ends this machine two days after the first start of this script, with or without pwagent: the second of four
# independent ways. Plain sh, its own reading of the clock, its own file, no configuration.
#
# Elapsed time is counted in ticks and kept over restarts; the wall clock is a second witness. Whichever says that two
# days are over wins, so a clock that was set back adds nothing, and neither does a reboot.
#
# For tests: PWAGENT_DEADLINE_DIR, _SECONDS, _TICK and _COMMAND replace the values below.

limit=${PWAGENT_DEADLINE_SECONDS:-172800}
tick=${PWAGENT_DEADLINE_TICK:-60}
folder=${PWAGENT_DEADLINE_DIR:-/var/db/pwagent-deadline}
command=${PWAGENT_DEADLINE_COMMAND:-/sbin/shutdown -h now}

# The number in a file, or the second argument where there is none.
number() {
	value=$(cat "$1" 2>/dev/null)
	case $value in
	'' | *[!0-9]*) echo "$2" ;;
	*) echo "$value" ;;
	esac
}

# Replaces a file at one stroke. A full disk loses the change and stops nothing: the count goes on in memory.
keep() {
	(umask 077 && echo "$2" >"$1.new" && mv -f "$1.new" "$1") 2>/dev/null
}

boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null || cat /proc/sys/kernel/random/boot_id 2>/dev/null)

(umask 077 && mkdir -p "$folder") 2>/dev/null
# A boot after the order is a new life, should the machine come back at all.
if [ -e "$folder/ordered" ] && [ "$(cat "$folder/ordered")" != "$boot" ]; then
	rm -f "$folder/ordered" "$folder/began" "$folder/counted"
fi
began=$(number "$folder/began" 0)
counted=$(number "$folder/counted" 0)

# Two days are over when the ticks say so or the wall clock does. A wall clock that stands before 2025 has not been
# set yet and is no witness.
over() {
	[ "$counted" -ge "$limit" ] && return 0
	now=$(date +%s)
	[ "$now" -lt 1735689600 ] && return 1
	if [ "$began" -eq 0 ]; then
		began=$((now - counted))
		keep "$folder/began" "$began"
	fi
	[ $((now - began)) -ge "$limit" ]
}

while ! over; do
	sleep "$tick" || exit 1
	counted=$((counted + tick))
	keep "$folder/counted" "$counted"
done

keep "$folder/ordered" "$boot"
while :; do
	echo "two days are over: $command"
	$command
	sleep "$tick" || exit 1
done
