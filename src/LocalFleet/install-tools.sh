#!/bin/sh
# Installs what the local fleet needs and the machine lacks: HAProxy and PostgreSQL's server, from the distribution.
# Nothing it installs is started as a system service, now or at the next boot, and no database cluster is created: the
# fleet runs both as private processes. Needs apt-get, and root or a sudo that does not ask.
set -eu

missing=
[ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null 2>&1 || missing="$missing haproxy"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 \
    || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

here=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: missing:$missing. There is no apt-get here: install them with this system's own tools." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        exec sudo -n sh "$here"
    fi
    echo "error: missing:$missing. Install with: sudo sh $here" >&2
    exit 1
fi

echo "Installing$missing with apt-get; neither will run as a system service."
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf

restore() {
    status=$?
    if [ -e "$policy.before-controlplane" ]; then mv "$policy.before-controlplane" "$policy"; else rm -f "$policy"; fi
    [ ! -e "$clusters.before-controlplane" ] || mv "$clusters.before-controlplane" "$clusters"
    exit "$status"
}
trap restore EXIT
trap 'exit 130' INT TERM

# Debian's packages ask this file whether they may start what they bring (invoke-rc.d(8)); 101 means no.
[ ! -e "$policy" ] || mv "$policy" "$policy.before-controlplane"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

# On a machine that has just been started its own upgrades often hold dpkg's lock for minutes.
add() {
    apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

apt-get update -q
case "$missing" in
*postgresql*)
    # First the part that reads the setting, then the server, whose installation would create a cluster on port 5432.
    add postgresql-common
    cp "$clusters" "$clusters.before-controlplane"
    printf '\ncreate_main_cluster = false\n' >>"$clusters"
    ;;
esac
# shellcheck disable=SC2086 # a list of words
add $missing

# At the next boot they would start after all.
if command -v systemctl >/dev/null 2>&1; then
    for package in $missing; do systemctl disable "$package.service" >/dev/null 2>&1 || true; done
elif command -v update-rc.d >/dev/null 2>&1; then
    for package in $missing; do update-rc.d "$package" disable >/dev/null 2>&1 || true; done
fi
echo "Installed$missing. Started or enabled as a service: none. Database clusters created: none."
