# How `./dev` builds: it says how far cargo is, and what helps if a build fails.
# shellcheck shell=sh disable=SC2154 # the script that reads this file sets the paths

# How often a line is printed where there is no terminal.
progress_every_s=15
# How many thousandths of the time a build of everything has taken after each twentieth of its units: the last ones are
# the largest. Measured on 2026-11-28: 802 units in 765 s on 2 cores.
time_taken='0 10 19 45 64 78 110 126 140 161 172 201 266 359 407 527 557 573 601 678 1000'

# build ARGS...: cargo build. What cargo says goes to a file, which is shown only if the build fails.
build() {
    cargo_said=$(mktemp)
    began=$(date +%s)
    say "Building (the first time takes some minutes) ..."
    watch_build &
    watcher=$! code=0
    # `daybook --version` says it. A folder without Git has none.
    revision=$(git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null) || revision=
    [ -z "$revision" ] || { BUILD_REVISION=$revision && export BUILD_REVISION; }
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 CARGO_TERM_COLOR=never CARGO_TERM_QUIET=false \
        cargo build "$@" 2>"$cargo_said" || code=$?
    kill "$watcher" 2>/dev/null && wait "$watcher" 2>/dev/null || true
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$code" -ne 0 ]; then
        words_in <"$cargo_said" | sed '/ Building \[/d' >&2
        helps=$(what_helps)
        rm -f "$cargo_said"
        die "the build failed$helps"
    fi
    rm -f "$cargo_said"
    say "Built in $(($(date +%s) - began)) s."
}

# Cargo draws over what it has drawn before. Here, each drawing is a line.
words_in() { tr '\r' '\n' | sed 's/'"$(printf '\033')"'\[[0-9;]*[A-Za-z]//g; /^ *$/d'; }

# Ctrl-C ends cargo and the script, but not what runs in the background: that ends when it finds the script gone.
watch_build() {
    trap '' HUP
    told=$began first=''
    while sleep 1 && is_alive $$; do
        now=$(date +%s)
        how_far_it_is
        if [ -t 2 ]; then
            printf '\r\033[K%s' "$far" >&2
        elif [ $((now - told)) -ge "$progress_every_s" ]; then
            say "$far"
            told=$now
        fi
    done
    rm -f "$cargo_said"
}

# A process that has ended is still there until its parent has asked how, and the parent may wait for us before.
is_alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

# Sets `far`. The time that is left is estimated from the pace so far.
how_far_it_is() {
    last=$(tail -c 2000 "$cargo_said" | words_in)
    counts=$(printf '%s\n' "$last" | sed -n 's/^ *Building \[[=> ]*\] \([0-9]*\)\/\([0-9]*\).*/\1 \2/p' | tail -n 1)
    if [ -z "$counts" ]; then
        # It waits for another cargo, or fetches packages.
        far="$(printf '%s\n' "$last" | tail -n 1 | sed 's/^ *//' | cut -c 1-70) ($((now - began)) s)"
        return
    fi
    done=${counts% *} all=${counts#* }
    part=$(part_of_time "$done" "$all")
    # What need not be compiled counts as done at once, and says nothing about the pace.
    [ -n "$first" ] || first=$part since=$now
    far="Compiled $done of $all units in $((now - began)) s"
    # After less than a hundredth, it would be a guess.
    [ $((part - first)) -lt 10 ] || far="$far, about $(((now - since) * (1000 - part) / (part - first))) s left"
}

# part_of_time DONE ALL: the thousandths of the time that so many units take.
part_of_time() {
    twentieths=$((20 * $1 / $2)) beyond=$((20 * $1 % $2)) of=$2
    # shellcheck disable=SC2086 # numbers are words
    set -- $time_taken
    shift "$twentieths"
    echo $(($1 + (${2:-1000} - $1) * beyond / of))
}

# What a message of cargo, of the compiler or of the linker means for the machine.
what_helps() {
    said() { grep -qiE "$1" "$cargo_said"; }
    if said 'no space left on device|os error 28|disk quota exceeded'; then
        echo ": the disk is full. Delete something, or set CARGO_TARGET_DIR to a folder on another disk"
    elif said 'certificate is not yet valid|certificate has expired'; then
        echo ": the certificate of a registry is not valid on $(date -u +%Y-%m-%d). Is that the day? Set the clock"
    elif said 'SSL certificate problem|SSL peer certificate|unable to get local issuer certificate'; then
        echo ": the certificate of a registry is not trusted. Install ca-certificates, or the certificate of your proxy"
    elif said "could(n't| not) resolve host|spurious network error|failed to download|download of .* failed|unable to update registry|failed to fetch"; then
        echo ": packages could not be fetched. Is there a network, or a proxy to name in HTTPS_PROXY?"
    elif said 'signal: 9|cannot allocate memory'; then
        echo ": a compiler was killed, most likely because memory ran out. CARGO_BUILD_JOBS=1 ./dev $verb needs less"
    elif said 'linker .cc. not found|failed to find tool|crt[1in]\.o|cannot find -l'; then
        echo ": the C compiler or its libraries are missing. Install build-essential"
    elif said 'os error 13|os error 30'; then
        echo ": $(id -un) may not write to a folder that cargo needs (see above), or read it"
    fi
}
