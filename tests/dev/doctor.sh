# Is this machine fit? `./dev up` asks about what it needs before it builds, `./dev doctor` about everything.
# shellcheck shell=sh disable=SC2154 # the script that reads this file sets the paths

# Room in MB: the first build leaves 3,700 (measured), a next one replaces part of that, and the state begins with 43
# and grows.
first_build_mb=4000 next_build_mb=1000 state_mb=1000
# In MB: two compilers at once took 1,643 at most.
memory_needed_mb=2000

# Each of these prints one sentence if something is wrong with that part of the machine, and nothing otherwise.

wrong_with_state() { wrong_with_folder "$place" DAYBOOK_HOME; }
wrong_with_build_folder() { wrong_with_folder "$CARGO_TARGET_DIR" CARGO_TARGET_DIR; }

wrong_with_folder() {
    there=$(nearest "$1")
    if ! [ -d "$there" ]; then
        echo "there can be no folder $1, because $there is a file: set $2 to another folder"
    elif ! [ -w "$there" ] || ! [ -x "$there" ]; then
        echo "$(id -un) may not write to $there: be the user who may, or set $2 to a folder of your own"
    fi
}

# The folder, or the one in which it would be made.
nearest() {
    there=$1
    while ! [ -e "$there" ]; do there=$(dirname "$there"); done
    printf '%s\n' "$there"
}

wrong_with_clock() {
    written_s=$(written_at)
    [ $(($(date +%s) + 86400)) -ge "${written_s:-0}" ] ||
        echo "the clock says $(date -u +%Y-%m-%d), and this source is newer: set the clock (timedatectl set-ntp true), else certificates of registries look invalid"
}

written_at() {
    { [ -e "$root/.git" ] && git -C "$root" log -1 --format=%ct 2>/dev/null; } ||
        date -r "$root/Cargo.toml" +%s 2>/dev/null || true
}

wrong_with_room() {
    needed_mb=$first_build_mb
    ! [ -x "$release/daybook" ] || needed_mb=$next_build_mb
    free=$(free_mb "$CARGO_TARGET_DIR")
    [ "${free:-$needed_mb}" -ge "$needed_mb" ] || {
        echo "only $free MB are free for $CARGO_TARGET_DIR, and a build needs $needed_mb: delete something, or set CARGO_TARGET_DIR to a folder on another disk"
        return
    }
    free=$(free_mb "$place")
    [ "${free:-$state_mb}" -ge "$state_mb" ] ||
        echo "only $free MB are free for $place, and the database and its log need $state_mb: delete something, or set DAYBOOK_HOME to a folder on another disk"
}

# Names of file systems and of folders may have spaces, so columns are not counted.
free_mb() {
    free_kb=$(df -Pk "$(nearest "$1")" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9-]*%.*/\1/p')
    [ -z "$free_kb" ] || echo $((free_kb / 1024))
}

wrong_with_rust() {
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        echo "Rust is missing: install it from https://rustup.rs"
        return
    fi
    have=$(rust_release) wanted=$(sed -n 's/^rust-version = "\([0-9.]*\)"/\1/p' "$root/Cargo.toml")
    if [ -z "$have" ]; then
        echo "rustc doesn't run ($(rustc --version 2>&1 | head -n 1)): run rustup default stable"
    elif [ -n "$wanted" ] && is_older "$have" "$wanted"; then
        how="install a newer one from https://rustup.rs"
        ! command -v rustup >/dev/null || how="run rustup update stable && rustup default stable"
        echo "Rust $have is too old, $wanted or newer is needed: $how"
    fi
}

rust_release() { rustc -vV 2>/dev/null | sed -n 's/^release: \([0-9.]*\).*/\1/p'; }

# is_older 1.80.1 1.95
is_older() {
    minor=${1#*.} other_minor=${2#*.}
    [ "${1%%.*}" -lt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${minor%%.*}" -lt "${other_minor%%.*}" ]; }
}

# A compiler without the headers of the C library is as good as none.
wrong_with_cc() {
    if ! command -v cc >/dev/null; then
        echo "there is no C compiler: $(how_to_install build-essential)"
    elif ! echo '#include <stdlib.h>' | cc -E -x c - >/dev/null 2>&1; then
        echo "cc doesn't find the headers of the C library: $(how_to_install build-essential)"
    fi
}

wrong_with_memory() {
    [ "${memory:-$memory_needed_mb}" -ge "$memory_needed_mb" ] ||
        echo "$memory MB, and the largest crates need $memory_needed_mb: add swap, and try CARGO_BUILD_JOBS=1 ./dev up"
}

# That of the machine and its swap, or what this container may have.
memory_mb() {
    if [ -r /proc/meminfo ]; then
        total_kb=$(awk '/^(MemTotal|SwapTotal):/ { kb += $2 } END { printf "%d", kb }' /proc/meminfo)
    else
        total_kb=$(($(sysctl -n hw.memsize 2>/dev/null || echo 0) / 1024))
    fi
    limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
    case $limit in '' | *[!0-9]*) ;; *) [ $((limit / 1024)) -ge "$total_kb" ] || total_kb=$((limit / 1024)) ;; esac
    [ "$total_kb" -eq 0 ] || echo $((total_kb / 1024))
}

how_to_install() {
    if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
        echo "./dev up installs $1"
    else
        echo "install $1"
    fi
}

# Prints the report, and ends the script.
doctor() {
    # A check that fails is a line, and not the end.
    set +e
    unfit=0
    echo "What ./dev up needs:"
    need Rust "$(rustc --version 2>/dev/null)" "$(wrong_with_rust)"
    need "C compiler" "$(command -v cc)" "$(wrong_with_cc)"
    check_servers
    need curl "$(command -v curl)" "$(command -v curl >/dev/null || how_to_install curl)"
    room=$(free_mb "$CARGO_TARGET_DIR") room_of_state=$(free_mb "$place")
    need disk "${room:-?} MB free for builds, ${room_of_state:-?} MB for the state" "$(wrong_with_room)"
    memory=$(memory_mb)
    need memory "${memory:+$memory MB}" "$(wrong_with_memory)"
    need clock "$(date -u '+%Y-%m-%d %H:%M') UTC" "$(wrong_with_clock)"
    need "state folder" "$place" "$(wrong_with_state)"
    need "build folder" "$CARGO_TARGET_DIR" "$(wrong_with_build_folder)"
    check_registry
    is_up && is_running=yes || is_running=''
    check_port api 8080 DAYBOOK_API_LISTEN
    check_port admin 8081 DAYBOOK_ADMIN_LISTEN
    check_port telemetry 8082 DAYBOOK_TELEMETRY_LISTEN
    check_port door 2113 DAYBOOK_DOOR__LISTEN
    runs="does not run"
    [ -z "$is_running" ] || runs="runs: http://$(listens api)"
    line "./dev up" "$runs"
    doctor_of_tests
    doctor_of_judges
    echo
    [ "$unfit" -ne 0 ] || echo "./dev up has what it needs."
    [ "$unfit" -eq 0 ] || echo "./dev up needs what is missing in the first list."
    exit "$unfit"
}

doctor_of_tests() {
    echo
    echo "What ./dev test needs, too:"
    line "cargo fmt" "$(cargo fmt --version 2>/dev/null)" "run rustup component add rustfmt"
    line "cargo clippy" "$(cargo clippy --version 2>/dev/null)" "run rustup component add clippy"
    line "cargo nextest" "$(cargo nextest --version 2>/dev/null | head -n 1)" "./dev test installs it (cargo install cargo-nextest)"
    line "cargo deny" "$(cargo deny --version 2>/dev/null)" "advisories are skipped: cargo install cargo-deny"
    line git "$(command -v git)" "./dev upgrade takes the former release from the history: install git"
    [ ! -d /proc/self ] || line strace "$(command -v strace)" "a disk that fails is not played: install strace"
}

# A judge that is missing is skipped.
doctor_of_judges() {
    echo
    echo "What ./dev test --judges needs, too:"
    line node "$(command -v node)" "install nodejs"
    line npm "$(command -v npm)" "install npm"
    line python3 "$(python3 -c 'import venv, ensurepip, sys; print("with venv,", sys.version.split()[0])' 2>/dev/null)" \
        "python3 with venv: install python3-venv"
    line chromium "$(first_of chromium google-chrome google-chrome-stable chromium-browser)" \
        "./dev test --judges installs it where it may, else: install chromium"
    line promtool "$(first_of promtool "$CARGO_TARGET_DIR/judges/debian/usr/bin/promtool")" \
        "./dev test --judges has it from Debian, else: install prometheus"
    line kubectl "$(command -v kubectl)" "install kubectl (kubernetes-client)"
    compose=$(first_of docker-compose)
    [ -n "$compose" ] || ! docker compose version >/dev/null 2>&1 || compose="docker compose"
    line docker-compose "$compose" "install docker-compose, or the plugin compose of docker"
    [ ! -d /proc/self ] || line systemd-analyze "$(command -v systemd-analyze)" "install systemd"
}

check_servers() {
    needed=$(data_version) found='' wrong=''
    find_tools "$needed"
    if [ -n "$pg_bin" ]; then
        found="$("$pg_bin/postgres" --version) in $pg_bin"
    elif [ -n "$needed" ]; then
        wrong=$(other_postgres)
    else
        wrong="15 or newer was not found: $(how_to_install postgresql)"
    fi
    need PostgreSQL "$found" "$wrong"
    if [ -n "$nats_server" ]; then found=$("$nats_server" --version) wrong=''; else wrong=$(how_to_install nats-server); fi
    need nats-server "$found" "$wrong"
}

# Nothing is fetched if all packages are there.
check_registry() {
    cargo_home=${CARGO_HOME:-${HOME:-}/.cargo}
    other=$(grep -ls replace-with "$cargo_home/config.toml" "$cargo_home/config" "$root/.cargo/config.toml" | head -n 1)
    found="index.crates.io answers" wrong=''
    if [ -n "$other" ]; then
        found="not asked: $other names another one"
    elif ! command -v curl >/dev/null; then
        found="not asked, without curl"
    elif ! said=$(curl -fsS -o /dev/null --max-time 10 https://index.crates.io/config.json 2>&1); then
        if has_packages; then
            found="not reached, but all packages are here"
        else
            wrong="$said: is there a network, a proxy to name in HTTPS_PROXY, and is the clock right?"
        fi
    fi
    need "crates.io" "$found" "$wrong"
}

has_packages() {
    host=$(rustc -vV 2>/dev/null | sed -n 's/^host: //p')
    cargo metadata --locked --offline --format-version 1 --filter-platform "${host:-none}" >/dev/null 2>&1
}

# check_port NAME USUAL VARIABLE: a usual port that is taken is replaced, an address that was asked for is not.
check_port() {
    eval "asked=\${$3:-}"
    address=${asked:-127.0.0.1:$2} wrong=''
    found="$address is free"
    if [ -n "$is_running" ]; then
        found="$(listens "$1"), by ./dev up"
    elif ! command -v curl >/dev/null; then
        found="$address was not tried, without curl"
    elif is_taken "$address" && [ -n "$asked" ]; then
        wrong="$address is taken, which $3 asks for: stop the program that listens there, or ask for another port"
    elif is_taken "$address"; then
        found="$address is taken, so ./dev up will take another one and say which"
    fi
    need "port of $1" "$found" "$wrong"
}

# Whatever answers there, curl's exit code is 7 only if nothing does.
is_taken() {
    answer=0
    curl -s -o /dev/null --noproxy '*' --max-time 2 "http://$1/" || answer=$?
    [ "$answer" -ne 7 ]
}

listens() { cat "$place/run/$1.listen" 2>/dev/null || echo "(unknown)"; }

first_of() { for program; do ! command -v "$program" || return 0; done; }

# line NAME FOUND HELP: one line of the report.
line() {
    if [ -n "$2" ]; then printf 'ok       %-16s %s\n' "$1" "$2"; else printf 'missing  %-16s %s\n' "$1" "$3"; fi
}

# need NAME FOUND WRONG: the same for what ./dev up can't do without.
need() {
    if [ -z "$3" ]; then line "$1" "${2:-unknown}"; else line "$1" '' "$3" && unfit=1; fi
}
