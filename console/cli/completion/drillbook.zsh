#compdef drillbook
# Completion of drillbook for zsh: what there is to complete, drillbook itself says. Made by `drillbook completion zsh`.
_drillbook() {
  local value about
  local -a found
  while IFS=$'\t' read -r value about; do
    case $value in
      :files) _files; return ;;
      :folders) _files -/; return ;;
      *) found+=("${${value//\\/\\\\}//:/\\:}${about:+:$about}") ;;
    esac
  done < <(drillbook __complete "${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" 2>/dev/null)
  _describe drillbook found
}
if [[ ${funcstack[1]} == _drillbook ]]; then _drillbook "$@"; else compdef _drillbook drillbook; fi
