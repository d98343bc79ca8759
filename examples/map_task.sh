#!/bin/sh
# Makes one map of a list: a task of a job array.
#
#     sh examples/map_task.sh LIST N [OPTION...]
#
# Line N of LIST, counted from 1, is the folder of a scene, a tab, and the map file to write. A map that is there is left as it
# is, so the same array begun again makes what is missing; an interrupted build continues. Options go to 'trigpoint map'.
set -eu
[ "$#" -ge 2 ] || { echo "map_task.sh: give LIST and N" >&2; exit 2; }
list=$1
number=$2
shift 2
line=$(sed -n "${number}p" "$list")
tab=$(printf '\t')
scene=${line%%"$tab"*}
map=${line#*"$tab"}
if [ -z "$scene" ] || [ -z "$map" ] || [ "$scene" = "$line" ]; then
    echo "map_task.sh: $list, line $number: not a scene, a tab and a map file" >&2
    exit 2
fi
if [ -e "$map" ]; then
    exit 0
fi
exec trigpoint map "$scene" -o "$map" "$@"
