# How `./dev` installs what is missing: by apt or Homebrew, where it may.
# shellcheck shell=sh disable=SC2154 # the script that reads this file sets the paths

cluster_conf=/etc/postgresql-common/createcluster.conf
no_cluster='s/^#* *create_main_cluster *=.*/create_main_cluster = false/'

install_packages() {
    if [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then
        for package; do
            [ "$package" != postgresql ] || package=postgresql@17
            brew install "$package" >&2 || die "brew could not install $package"
        done
        return
    fi
    command -v apt-get >/dev/null || die "please install:" "$@"
    as_root true 2>/dev/null || explain_installation "$@"
    say "Installing:" "$@"
    as_root apt-get update -q >&2 || die "apt-get could not update its lists: is there a network, and is the clock right?"
    for package; do
        [ "$package" != postgresql ] || forbid_main_cluster
        # Likewise the broker, which would listen on every address.
        [ "$package" != nats-server ] || systemd mask nats-server
        apt_install "$package"
        [ "$package" != nats-server ] || { systemd unmask nats-server; systemd disable nats-server; }
    done
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >&2 ||
        die "apt-get could not install $*: is there a network, and is the clock right?"
}

# Else the package starts a database of its own at installation and at every boot.
forbid_main_cluster() {
    apt_install postgresql-common
    as_root sed -i "$no_cluster" "$cluster_conf"
}
systemd() { [ ! -d /run/systemd/system ] || as_root systemctl "$@" >&2 || true; }

explain_installation() {
    say "Not installed:" "$@"
    say "There is neither root nor a sudo without password here. Please run, as root:"
    say "  apt-get update && apt-get install -y postgresql-common"
    say "  sed -i '$no_cluster' $cluster_conf"
    say "  apt-get install -y $*"
    exit 1
}

# What registries of packages don't have is Debian's. A judge that is missing is skipped, and says so.
install_judges() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null || return 0
    command -v chromium >/dev/null || command -v google-chrome >/dev/null ||
        (install_packages chromium) || say "chromium could not be installed"
    for judge in buildah debootstrap; do
        command -v "$judge" >/dev/null || (install_packages "$judge") || say "$judge could not be installed"
    done
    # The package would start a server, so only its program is taken.
    judges=$CARGO_TARGET_DIR/judges/debian
    command -v promtool >/dev/null || [ -x "$judges/usr/bin/promtool" ] ||
        (mkdir -p "$judges" && cd "$judges" && apt-get download -q prometheus && dpkg -x prometheus_*.deb .) >&2 ||
        say "promtool could not be had"
    PATH=$PATH:$judges/usr/bin
}
