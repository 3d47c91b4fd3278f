# Root asks: it becomes nobody else than root may become, and gains nothing. Others are left to the real program.
# Names begin with _: with -E the caller's own variables are handed on.
set -f
_self=${0##*/}
_user=root _group='' _directory='' _keep=''
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# fail CODE WORDS...
fail() {
    _code=$1
    shift
    printf '%s: %s\n' "$_self" "$*" >&2
    exit "$_code"
}

# The real program, for what it says without doing anything.
real() {
    exec "/run/pratique/real/$_self" "$@"
}

[ "$(id -u)" = 0 ] || real "$@"

# account CODE: what the files of accounts know of $_user; no other source of them is in reach.
account() {
    while IFS=: read -r _name _secret _uid _gid _about _home _shell; do
        case $_user in "$_name" | "$_uid" | "#$_uid") return 0 ;; esac
    done </etc/passwd
    fail "$1" "unknown user $_user"
}

# locate CODE COMMAND: sets _found. What only the shell knows (`cd`) is none.
locate() {
    IFS=:
    case $2 in */*) set -- "$@" "" ;; *) set -- "$@" $PATH ;; esac
    unset IFS
    _code=$1 _command=$2
    shift 2
    for _found in "$@"; do
        _found=${_found:+$_found/}$_command
        [ -d "$_found" ] || [ ! -x "$_found" ] || return 0
    done
    fail "$_code" "$_command: command not found"
}

# become CODE [VARIABLE=VALUE...] COMMAND...: after `account`. CODE is what it ends with where this cannot be.
become() {
    _code=$1
    shift
    [ -z "$_directory" ] || cd -- "$_directory" 2>/dev/null ||
        fail "$_code" "no directory $_directory to start in"
    if [ -n "$_keep" ]; then
        set -- env -- "$@"
    else
        set -- env -i -- ${TERM+"TERM=$TERM"} ${LANG+"LANG=$LANG"} ${LC_ALL+"LC_ALL=$LC_ALL"} PATH="$PATH" \
            HOME="$_home" SHELL="$_shell" USER="$_name" LOGNAME="$_name" "$@"
    fi
    case ${_group#\#} in '') ;; root) _gid=0 ;; *) _gid=${_group#\#} ;; esac
    if [ "$_uid:$_gid" != 0:0 ]; then
        setpriv --reuid "$_uid" --regid "$_gid" --init-groups true 2>/dev/null ||
            fail "$_code" "cannot become $_name${_group:+ in the group $_group} in this session"
        set -- setpriv --reuid "$_uid" --regid "$_gid" --init-groups "$@"
    fi
    exec "$@"
}
