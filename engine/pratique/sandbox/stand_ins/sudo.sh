# After rights.sh: the options of sudo (sudo(8)), as far as scripts use them.
_shell_asked='' _login='' _act='' _forget='' _behind='' _home_asked=''

while getopts :ABC:D:EHKNPR:ST:U:Vbeg:h:iklnp:r:st:u:v-: _letter; do
    if [ "$_letter" = - ]; then
        case $OPTARG in
            user | group | chdir | prompt | close-from | host | other-user | role | type | command-timeout | chroot)
                shift $((OPTIND - 1))
                [ $# -gt 0 ] || fail 1 "option '--$OPTARG' requires an argument"
                OPTARG=$OPTARG=$1 OPTIND=2 ;;
        esac
        case $OPTARG in
            user=*) _letter=u ;; group=*) _letter=g ;; chdir=*) _letter=D ;; chroot=*) _letter=R ;;
            preserve-env | preserve-env=*) _letter=E ;; set-home) _letter=H ;; login) _letter=i ;; shell) _letter=s ;;
            list) _letter=l ;; validate) _letter=v ;; edit) _letter=e ;; background) _letter=b ;;
            reset-timestamp) _letter=k ;; remove-timestamp) _letter=K ;; version) _letter=V ;; help) real --help ;;
            non-interactive | stdin | askpass | bell | no-update | preserve-groups | *=*) _letter=n ;;
            *) fail 1 "unrecognized option '--$OPTARG'" ;;
        esac
        OPTARG=${OPTARG#*=}
    fi
    case $_letter in
        u) _user=$OPTARG ;; g) _group=$OPTARG ;; n) ;;
        E) _keep=yes ;; H) _home_asked=yes ;; i) _login=yes ;; s) _shell_asked=yes ;; b) _behind=yes ;;
        l) _act=list ;; v) _act=validate ;; e) _act=edit ;; k | K) _forget=yes ;;
        D | R) fail 1 "you are not permitted to use the -$_letter option" ;; # nor is root, by sudoers as they come
        V) real -V ;;
        :) [ "$OPTARG" != h ] || real -h; fail 1 "option requires an argument -- '$OPTARG'" ;;
        \?) fail 1 "invalid option -- '$OPTARG'" ;;
    esac
done
shift $((OPTIND - 1))

account 1
_command=''
for _word in "$@"; do
    case $_word in [A-Za-z_]*=*) ;; *) _command=$_word; break ;; esac
done
[ "$_self" != sudoedit ] || _act=edit
case $_act in
    validate) exit 0 ;;
    list)
        if [ -n "$_command" ]; then locate 1 "$_command"; printf '%s\n' "$_found"; exit 0; fi
        printf 'User root may run the following commands on %s:\n    (ALL : ALL) ALL\n' "$(uname -n)"
        exit 0 ;;
    edit)
        [ $# -gt 0 ] || fail 1 "no files to edit"
        # shellcheck disable=SC2086  # an editor may be given with its options
        set -- ${SUDO_EDITOR:-${VISUAL:-${EDITOR:-editor}}} "$@"
        _command=$1 ;;
esac
if [ -n "$_login" ]; then
    _directory=$_home
    set -- "$_shell" -l ${_command:+-c '"$@"' sh} "$@"
elif [ -n "$_shell_asked" ]; then
    set -- "${SHELL:-$_shell}" ${_command:+-c '"$@"' sh} "$@"
elif [ -n "$_command" ]; then
    locate 1 "$_command"
elif [ -n "$_forget" ]; then
    exit 0
else
    fail 1 "no command is named"
fi
set -- 1 SUDO_USER=root SUDO_UID=0 SUDO_GID=0 ${_home_asked:+"HOME=$_home"} "$@"
[ -z "$_behind" ] || { become "$@" & exit 0; }
become "$@"
