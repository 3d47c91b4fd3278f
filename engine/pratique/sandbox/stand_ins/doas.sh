# After rights.sh: the options of doas (doas(1)), as far as scripts use them.
_shell_asked=''
[ -e /etc/doas.conf ] || real "$@" # which says so, and does nothing

while getopts :a:C:Lnsu: _letter; do
    case $_letter in
        u) _user=$OPTARG ;; s) _shell_asked=yes ;;
        C) real "$@" ;;
        L) exit 0 ;;
        a | n) ;;
        *) fail 1 "usage: doas [-Lns] [-a style] [-C config] [-u user] command [args]" ;;
    esac
done
shift $((OPTIND - 1))

account 1
if [ -n "$_shell_asked" ]; then
    set -- "${SHELL:-$_shell}"
else
    [ $# -gt 0 ] || fail 1 "no command is named"
    locate 1 "$1"
fi
become 1 DOAS_USER=root "$@"
