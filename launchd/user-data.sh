#!/bin/sh
# User data of a launch template for EC2 Macs: run once by ec2-macos-init, as root, at the first boot.
# Fill in the values below. There is no secret among them: whoever may describe the instance can read this file.
#
# Order matters. The two-day deadline comes first and needs nothing that could be missing; whatever fails after it,
# the machine ends.

PWAGENT_URL=''      # https address of dist/pwagent-darwin-arm64
PWAGENT_SHA256=''   # its SHA-256, 64 hexadecimal digits
TOKEN_SOURCE=''     # ssm:NAME or secretsmanager:NAME, read with the instance's role
RPC_ENDPOINT=''     # the hub that the worker polls, such as https://hub.example:7481
SETUP_URL=''        # your own setup.script; empty: none
SETUP_SHA256=''     # its SHA-256
CONFIG_URL=''       # pwagent.yml; empty: the defaults
CONFIG_SHA256=''    # its SHA-256

PATH=/usr/bin:/bin:/usr/sbin:/sbin
export PATH
umask 022

say() { echo "pwagent user data: $*"; }
die() {
	say "$*"
	say "this machine takes no tasks; its two-day deadline stays"
	exit 1
}

# --- 1. the deadline, before anything that can fail -------------------------------------------------------------------

install_deadline() {
	mkdir -p /usr/local/libexec/pwagent /Library/LaunchDaemons
	cat >/usr/local/libexec/pwagent/deadline.sh <<'DEADLINE'
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
DEADLINE
	cat >/Library/LaunchDaemons/dev.pwagent.deadline.plist <<'PLIST'
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- /Library/LaunchDaemons/dev.pwagent.deadline.plist, root:wheel, 0644. Needs nothing of pwagent but deadline.sh. -->
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>dev.pwagent.deadline</string>
	<key>ProgramArguments</key>
	<array>
		<string>/bin/sh</string>
		<string>/usr/local/libexec/pwagent/deadline.sh</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<true/>
	<key>ThrottleInterval</key>
	<integer>10</integer>
	<key>ExitTimeOut</key>
	<integer>5</integer>
	<key>ProcessType</key>
	<string>Interactive</string>
	<key>AbandonProcessGroup</key>
	<false/>
	<key>WorkingDirectory</key>
	<string>/</string>
	<key>StandardOutPath</key>
	<string>/var/log/pwagent-deadline.log</string>
	<key>StandardErrorPath</key>
	<string>/var/log/pwagent-deadline.log</string>
</dict>
</plist>
PLIST
	chown 0:0 /usr/local/libexec/pwagent/deadline.sh /Library/LaunchDaemons/dev.pwagent.deadline.plist
	chmod 0755 /usr/local/libexec/pwagent /usr/local/libexec/pwagent/deadline.sh
	chmod 0644 /Library/LaunchDaemons/dev.pwagent.deadline.plist
	launchctl print system/dev.pwagent.deadline >/dev/null 2>&1 ||
		launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.deadline.plist
}
install_deadline || {
	# Without launchd's help the script still runs until the next boot.
	say "the deadline could not be given to launchd"
	nohup /bin/sh /usr/local/libexec/pwagent/deadline.sh </dev/null >>/var/log/pwagent-deadline.log 2>&1 &
}

# --- 2. pwagent itself ------------------------------------------------------------------------------------------------

scratch=$(mktemp -d /var/root/pwagent.XXXXXX) || die "no scratch folder could be made"
trap 'rm -rf "$scratch"' EXIT

# fetch NAME URL SHA256 FILE: nothing is used that does not match.
fetch() {
	case $2 in
	https://*) ;;
	*) die "$1: \"$2\" is no https address" ;;
	esac
	curl -fsSL --proto '=https' --proto-redir '=https' --retry 8 --retry-connrefused --connect-timeout 20 --max-time 900 \
		-o "$4" "$2" || die "$1 could not be fetched from $2"
	sum=$(shasum -a 256 "$4" | cut -d ' ' -f 1)
	wanted=$(echo "$3" | tr 'A-F' 'a-f')
	if [ -z "$wanted" ] || [ "$sum" != "$wanted" ]; then die "$1 has SHA-256 $sum, not \"$3\""; fi
}

fetch pwagent "$PWAGENT_URL" "$PWAGENT_SHA256" "$scratch/pwagent"
chmod 0755 "$scratch/pwagent"
xattr -d com.apple.quarantine "$scratch/pwagent" 2>/dev/null || :
# macOS ends what is wrongly signed at once and without a word.
codesign --verify --strict "$scratch/pwagent" 2>/dev/null || codesign --force -s - "$scratch/pwagent" ||
	die "pwagent could not be signed"
mkdir -p /usr/local/bin
mv -f "$scratch/pwagent" /usr/local/bin/pwagent || die "/usr/local/bin/pwagent could not be written"
chown 0:0 /usr/local/bin/pwagent
/usr/local/bin/pwagent version || die "pwagent does not start on this machine"

# --- 3. your own set-up, before the machine registers -----------------------------------------------------------------

if [ -n "$SETUP_URL" ]; then
	fetch setup.script "$SETUP_URL" "$SETUP_SHA256" "$scratch/setup.script"
	chmod 0700 "$scratch/setup.script"
	"$scratch/setup.script" </dev/null || die "setup.script failed with $?"
fi

# --- 4. user, token, configuration, services --------------------------------------------------------------------------

set --
[ -z "$TOKEN_SOURCE" ] || set -- "$@" --token-source "$TOKEN_SOURCE"
[ -z "$RPC_ENDPOINT" ] || set -- "$@" --rpc-endpoint "$RPC_ENDPOINT"
if [ -n "$CONFIG_URL" ]; then
	fetch pwagent.yml "$CONFIG_URL" "$CONFIG_SHA256" "$scratch/pwagent.yml"
	set -- "$@" --config "$scratch/pwagent.yml"
fi
# The role's credentials and the metadata service may need a moment after the first boot.
tries=0
until /usr/local/bin/pwagent install --replace "$@"; do
	tries=$((tries + 1))
	[ "$tries" -lt 10 ] || die "pwagent install failed"
	sleep 15
done
/usr/local/bin/pwagent doctor || :
say "done"
