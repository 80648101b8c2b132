#!/usr/bin/env bash
# Runs a command in the checkout as an ordinary user, although Python may lie in the home of root: as_user.sh COMMAND…
# All mounts are this command's own; what it writes into the checkout is gone afterwards. Who is an ordinary user
# already just runs it.
set -euo pipefail
if [ "$(id -u)" != 0 ]; then
    exec "$@"
fi
not_run() {
    echo "NOT RUN: an ordinary user needs a view of the checkout that takes mounts, which fail here: $*" >&2
    exit 0
}
if [ "${1:-}" != --inside ]; then
    unshare --mount --propagation private true || not_run "$@"
    exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=$("$root/.venv/bin/python" -c 'import sys; print(sys.base_prefix)')
user=65534
own=$(mktemp -d)
trap 'cd /; umount -l "$own"; rmdir "$own"' EXIT
mount -t tmpfs -o mode=755 tmpfs "$own"
mkdir "$own"/{prefix,root,upper,work,tmp,home}
chown $user:$user "$own"/{tmp,home}

mount --bind "$prefix" "$own/prefix"
mount -t overlay -o "lowerdir=$root,upperdir=$own/upper,workdir=$own/work" overlay "$own/root" || not_run "$@"
find "$own/root" -name .venv -prune -o -name .git -prune -o -exec chown -h $user:$user {} +
for folder in "$prefix" "$root"; do # a closed folder on the way is covered by an open one
    above=$folder
    while [ "$above" != / ]; do
        above=$(dirname "$above")
        if [ "$(($(stat -c 0%a "$above") & 1))" = 0 ]; then mount -t tmpfs -o mode=755 tmpfs "$above"; fi
    done
    mkdir -p "$folder"
done
mount --bind "$own/prefix" "$prefix"
mount --bind "$own/root" "$root"
cd "$root"
setpriv --reuid=$user --regid=$user --clear-groups env HOME="$own/home" TMPDIR="$own/tmp" "$@"
