//! The scripts that shells load; they ask the program itself for candidates, so they never grow old.
//!
//! `PROG` stands for the program's name.

/// For bash.
pub(super) const BASH: &str = r#"# bash completion for PROG
# Image names have colons, which bash would take for the end of a word.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
_PROG_complete() {
    local line words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    if [ ${#COMPREPLY[@]} -eq 0 ]; then
        compopt -o default 2>/dev/null
    elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _PROG_complete PROG
"#;

/// For zsh.
pub(super) const ZSH: &str = r#"#compdef PROG
_PROG() {
    local -a candidates
    local line
    for line in ${(f)"$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
        candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#candidates} )); then
        _describe 'PROG' candidates
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_PROG" ]; then _PROG "$@"; else compdef _PROG PROG; fi
"#;

/// For fish.
pub(super) const FISH: &str = r"# fish completion for PROG
function __PROG_complete
    set -l words (commandline -opc) (commandline -ct)
    set -g __PROG_candidates ($words[1] __complete $words[2..-1] 2>/dev/null)
    test (count $__PROG_candidates) -gt 0
end
complete -c PROG -e
# Files are offered only where there is nothing else.
complete -c PROG -n __PROG_complete -f -a '(string join \n -- $__PROG_candidates)'
";

/// For PowerShell.
pub(super) const POWERSHELL: &str = r#"# powershell completion for PROG
Register-ArgumentCompleter -Native -CommandName 'PROG' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($wordToComplete -eq '') { $words += '' }
    & 'PROG' __complete @words 2>$null | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
"#;
