# After rights.sh: the options of pkexec (pkexec(1)), as far as scripts use them.
_stay=''

while [ $# -gt 0 ]; do
    case $1 in
        --version | --help) real "$1" ;;
        --user) [ $# -gt 1 ] || fail 127 "--user requires an argument"; _user=$2; shift ;;
        --keep-cwd) _stay=yes ;;
        --disable-internal-agent) ;;
        -*) fail 127 "unrecognized option '$1'" ;;
        *) break ;;
    esac
    shift
done

account 127
[ -n "$_stay" ] || _directory=$_home
[ $# -gt 0 ] || set -- "$_shell"
locate 127 "$1"
case $1 in
    /*) ;;
    */*) _command=$PWD/$1; shift; set -- "$_command" "$@" ;; # where it stands is another directory in a moment
esac
become 127 PKEXEC_UID=0 "$@"
