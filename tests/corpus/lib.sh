# Shared by the scripts of this folder; sourced, never run.
#
# A corpus is a folder of real module or object files under $CACHE/corpus with a MANIFEST that
# says where they come from. It is built beside its final place and renamed into it, so that one
# that exists is complete.

set -euo pipefail

CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modlink}
setup=$(dirname "${BASH_SOURCE[0]}")/../../.ci/setup
. "$setup/tools.sh"
. "$setup/apt.sh"

say() { printf '%s\n' "corpus: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# corpus_begin NAME: leaves the script with status 0 when the corpus is already there; else takes
# its lock and sets $corpus (final folder), $stage (folder to fill) and $scratch (thrown away).
corpus_begin() {
    corpus=$CACHE/corpus/$1
    [ -e "$corpus/MANIFEST" ] && exit 0
    mkdir -p "$CACHE/corpus" "$CACHE/tmp"
    exec 9> "$CACHE/corpus/.$1.lock"
    flock 9
    [ -e "$corpus/MANIFEST" ] && exit 0
    work=$(mktemp -d "$CACHE/tmp/$1.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    stage=$work/stage
    scratch=$work/scratch
    mkdir "$stage" "$scratch"
}

# corpus_publish NAME: moves the filled $stage, MANIFEST included, to its final place.
corpus_publish() {
    [ -s "$stage/MANIFEST" ] || die "$1: no MANIFEST was written"
    rm -rf "$corpus"
    mv "$stage" "$corpus"
    say "$1: $(grep -m1 '^files' "$corpus/MANIFEST" | cut -d' ' -f2) files in $corpus"
}

# The machine's apt sources that come from Debian, as "URI RELEASE COMPONENT" lines.
debian_sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sort -u
}

# private_apt ARCH: points every later apt command of this script at an apt state of its own, with
# the one architecture and the machine's Debian sources. The machine's own state is only read.
private_apt() {
    local arch=$1 root=$CACHE/apt/$1 sources keyring signed_by=
    mkdir -p "$root"/etc/{sources.list.d,preferences.d}
    exec 8> "$root/lock"
    flock 8

    sources=$(debian_sources)
    # Without lists the machine's apt does not know whose its sources are.
    [ -n "$sources" ] || sources=$(
        apt_private "$CACHE/packages/apt" "$(dpkg --print-architecture)"
        [ -n "$(debian_sources)" ] || apt-get -qq update >&2 || true
        debian_sources
    )
    [ -n "$sources" ] || die "apt knows no Debian source: run 'apt-get update' and look at its output"
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [ -e "$keyring" ] && signed_by=" signed-by=$keyring"
    done
    while read -r uri release component; do
        echo "deb [arch=$arch$signed_by] $uri $release $component"
    done <<< "$sources" > "$root/etc/sources.list"
    apt_private "$root" "$arch" "Dir::Etc \"$root/etc\";"
    # One mirror out of step must not stop what the others can deliver; apt verifies what it fetches.
    apt-get -qq update || say "some Debian sources could not be read (above); going on with the rest"
}

# dependency_of META PATTERN: the package matching PATTERN (a regular expression) that the meta
# package META depends on in its newest version.
dependency_of() {
    local package
    package=$(apt-cache show --no-all-versions "$1" |
        sed -n 's/^Depends: //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//' | grep -xE -m1 "$2" || true)
    [ -n "$package" ] || die "$1 depends on no package that matches $2"
    echo "$package"
}

# download PACKAGE: fetches its .deb into $scratch and prints the path. apt verifies the hash.
download() {
    (cd "$scratch" && apt-get -q download "$1" >&2)
    local found=("$scratch/$1"_*.deb)
    [ -e "${found[0]}" ] || die "apt did not deliver $1"
    echo "${found[0]}"
}

# manifest_deb FILE: the MANIFEST line of a package.
manifest_deb() {
    echo "package $(dpkg-deb -f "$1" Package) $(dpkg-deb -f "$1" Version)" \
        "$(dpkg-deb -f "$1" Architecture) sha256:$(sha256sum "$1" | cut -d' ' -f1)"
}

# package_of FILE: the name and version of the package that it comes from, installed or unpacked.
package_of() {
    local file package tree=${MODLINK_TOOLS:-/nonexistent}
    file=$(readlink -f "$1")
    if [ "${file#"$tree/"}" = "$file" ]; then
        package=$(dpkg-query -S "$file" | cut -d: -f1)
        dpkg-query -W -f '${Package} ${Version}\n' "$package"
    else
        package=$(compgen -G "${tree%/*}/store/*/${file#"$tree/"}" | head -n 1)
        package=${package#"${tree%/*}/store/"}
        cut -d_ -f 1,2 --output-delimiter=' ' <<< "${package%%/*}"
    fi
}
