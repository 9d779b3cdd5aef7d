# Completion of drillbook for bash: what there is to complete, drillbook itself says. Made by `drillbook completion bash`.
_drillbook() {
  local cur=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} value about typed before=
  # bash takes "=" and ":" for ends of words; what stands before the last one is not its to replace
  [[ $cur == [=:]* ]] && cur=
  typed=${line##*[[:space:]]}
  [[ $typed == *"$cur" ]] && before=${typed%"$cur"}
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    case $value in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames -o nospace ;;
      *)
        value=${value#"$before"}
        [[ $cur == [\"\']* ]] || printf -v value %q "$value"
        COMPREPLY+=("$value")
        ;;
    esac
  done < <(drillbook __complete "$line" 2>/dev/null)
}
complete -F _drillbook drillbook
