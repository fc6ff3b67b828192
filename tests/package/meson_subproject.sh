#!/bin/sh
# netnotes as a folder in subprojects/ of another Meson project.
. "$(dirname "$0")/common.sh"
need meson

cp -R "$here/consumer" "$work/source"
mkdir "$work/source/subprojects"
ln -s "$root" "$work/source/subprojects/netnotes"

# forcefallback: do not take a netnotes that happens to be installed on this machine.
meson setup --wrap-mode=forcefallback "$work/build" "$work/source"
meson compile -C "$work/build"
run_consumer "$work/build/consumer"

built=$(find "$work/build/subprojects" -type f \( -name '*.o' -o -perm -u+x \))
[ -z "$built" ] || fail "built in the subproject, though nobody asked for it: $built"
DESTDIR=$work/prefix meson install -C "$work/build"
[ ! -e "$work/prefix" ] || fail "a project that contains netnotes must not install it unasked"
