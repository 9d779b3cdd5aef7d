# Completion of drillbook for fish: what there is to complete, drillbook itself says. Made by `drillbook completion fish`.
function __drillbook_complete
    set -l found (drillbook __complete (commandline -cp) 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :folders
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $found
    end
end
complete -c drillbook -f -a '(__drillbook_complete)'
