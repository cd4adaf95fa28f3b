#!/bin/sh
# Builds the image of deploy/Dockerfile without a registry, and starts what is in it. Root runs it.
#
# BASE is made by debootstrap. BUILDER is the same with binutils and certificates, and with a `cargo` that compiles nothing: it
# puts the program where a build would, which is there already. All else is done as the Dockerfile says.
#
# IMAGES is where both are kept, SOURCES the repository, PROGRAM the program. Variables of Daybook are those of servers that run.
set -eu

tool() { buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
fail() { echo "image: $*" >&2; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1 is $2, not $3"; }

work=$(mktemp -d "$IMAGES/work.XXXXXX")
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM

# Like Debian's own slim images, they have no pages of manuals and no lists of packages.
system() {
    [ ! -f "$IMAGES/$1.tar" ] || return 0
    debootstrap --variant=minbase ${2:+"--include=$2"} bookworm "$work/$1" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        fail "debootstrap could not make $1"
    }
    rm -rf "$work/$1"/usr/share/doc/* "$work/$1"/usr/share/man/* "$work/$1"/usr/share/locale/* \
        "$work/$1"/var/lib/apt/lists/* "$work/$1"/var/cache/apt/*
    tar -C "$work/$1" -cf "$IMAGES/$1.part" . && mv "$IMAGES/$1.part" "$IMAGES/$1.tar"
    rm -rf --one-file-system "${work:?}/$1"
}
system base
system builder binutils,ca-certificates

mkdir "$work/context"
cp "$PROGRAM" "$work/context/daybook"
cat >"$work/context/cargo" <<'CARGO'
#!/bin/sh
[ "$*" = "build --profile dist --locked -p daybook" ] || { echo "cargo: not asked what was expected: $*" >&2; exit 1; }
[ "$BUILD_REVISION" = of-the-judge ] || { echo "cargo: not told the revision" >&2; exit 1; }
[ -f Cargo.lock ] && exec install -D /built/daybook target/dist/daybook
CARGO
chmod +x "$work/context/cargo"
for name in base builder; do
    ln "$IMAGES/$name.tar" "$work/context/$name.tar"
    { echo "FROM scratch"; echo "ADD $name.tar /"; } >"$work/$name.file"
done
{ echo "COPY cargo /usr/local/bin/cargo"; echo "COPY daybook /built/daybook"; } >>"$work/builder.file"
for name in base builder; do
    tool build --quiet --isolation chroot --layers=false -f "$work/$name.file" -t "localhost/daybook-$name" "$work/context" >/dev/null
done
rm -rf "$work/context"
tool build --quiet --isolation chroot --layers=false --pull-never --ignorefile "$SOURCES/.dockerignore" \
    --build-arg BUILDER=localhost/daybook-builder --build-arg BASE=localhost/daybook-base --build-arg REVISION=of-the-judge \
    -f "$SOURCES/deploy/Dockerfile" -t localhost/daybook "$SOURCES" >/dev/null

image=$(tool from --pull-never localhost/daybook)
root=$(tool mount "$image")
about() { tool inspect --format "{{$1}}" "$image"; }
is "its user" "$(about .OCIv1.Config.User)" 10001:10001
is "what it starts" "$(about .OCIv1.Config.Entrypoint) $(about .OCIv1.Config.Cmd)" "[/usr/local/bin/daybook] [serve]"
is "its revision" "$(about '(index .OCIv1.Config.Labels "org.opencontainers.image.revision")')" of-the-judge
is "its signal to stop" "$(about .OCIv1.Config.StopSignal)" SIGTERM
is "its user at work" "$(tool run --isolation chroot "$image" -- id -u)" 10001
[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || fail "it has no authorities of the public web"
[ -z "$(find "$root" -xdev -user 10001)" ] || fail "its user owns files, so it could change them"

# From here on there is no shell in it.
rm -f "$root"/bin/sh "$root"/bin/dash "$root"/bin/bash
tool run --isolation chroot "$image" -- /usr/local/bin/daybook --version

# As the other files run it: nothing can be written but what is mounted, and production's rules hold.
: >"$work/served"
install -d -m 0700 -o 10001 "$work/keys"
install -m 0400 -o 10001 "$DAYBOOK_HOME/keys/development-signing.pem" "$work/keys/signing.pem"
env -i ROOT="$root" KEYS="$work/keys" PATH="$PATH" DAYBOOK_ENVIRONMENT=production DAYBOOK_ROLES=api \
    DAYBOOK_DATABASE_URL="$DAYBOOK_DATABASE_URL" \
    DAYBOOK_NATS_URL="$(echo "$DAYBOOK_NATS_URL" | sed 's|//|//daybook:any@|')" \
    DAYBOOK_VAULT__MASTER_KEY="$(cat "$DAYBOOK_HOME/keys/development-master.key")" \
    DAYBOOK_TOKENS__SIGNING_KEY_FILE=/mnt/signing.pem \
    DAYBOOK_ACCOUNTS__URL=https://shop.example DAYBOOK_MAIL__SMTP_URL=smtps://mail.invalid \
    DAYBOOK_API_LISTEN=127.0.0.1:0 DAYBOOK_ADMIN_LISTEN=127.0.0.1:0 DAYBOOK_TELEMETRY_LISTEN=127.0.0.1:0 \
    unshare --mount sh -c 'mount --bind "$ROOT" "$ROOT" && mount -o remount,bind,ro "$ROOT" && mount --bind "$KEYS" "$ROOT/mnt" &&
        mount -t proc proc "$ROOT/proc" && exec chroot --userspec=10001:10001 "$ROOT" /usr/local/bin/daybook serve' \
    >"$work/served" 2>&1 &
server=$!
for _ in $(seq 300); do
    grep -q "telemetry on http://" "$work/served" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
grep -q "telemetry on http://" "$work/served" || { cat "$work/served" >&2; fail "it does not serve"; }
grep "^Uid:" "/proc/$server/status" | grep -q "10001" || fail "it serves as another user"
kill "$server"
wait "$server" || { cat "$work/served" >&2; fail "it did not end well"; }
server=
grep -q "the server has stopped" "$work/served" || fail "it did not stop by itself"

size() { tool images --format '{{.Size}}' "localhost/$1"; }
echo "the image has $(size daybook), its base $(size daybook-base); the program has $(du -m "$root/usr/local/bin/daybook" | cut -f1) MB, which is $PROGRAM stripped"
