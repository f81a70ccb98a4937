# Sourced, never run: apt with lists, cache and record of packages of our own, for which no root
# rights are needed and which only read the machine's.

# apt_reach: the lines of configuration by which the machine reaches its sources: proxies,
# certificates, patience.
apt_reach() {
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Check|Max|Retries|Force)' || true
}

# apt_private FOLDER ARCHITECTURE [LINE…]: points every later apt command of this shell at a state
# in FOLDER. It reaches sources as the machine does (proxies, certificates, credentials); LINEs of
# configuration say more, such as which sources.
apt_private() {
    local folder=$1 architecture=$2 native
    shift 2
    mkdir -p "$folder"/{lists/partial,cache/archives/partial}
    touch "$folder/status"
    native=$(apt_reach; apt-config dump | grep '^APT::Default-Release' || true)
    # apt reads the file that APT_CONFIG names before those in /etc, which are left out thereby.
    cat > "$folder/apt.conf.new" <<CONF
$native
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::State "$folder";
Dir::State::status "$folder/status";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
$(printf '%s\n' "$@")
CONF
    mv "$folder/apt.conf.new" "$folder/apt.conf"
    export APT_CONFIG=$folder/apt.conf
}

# known NAME…: whether apt knows a package of each name. (Without lists it knows the installed ones.)
known() {
    diff <(apt-cache show --no-all-versions "$@" 2> /dev/null | sed -n 's/^Package: //p' | sort -u) \
        <(printf '%s\n' "$@" | sort -u) > /dev/null
}
