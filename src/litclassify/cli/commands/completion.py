"""`python main.py completion bash` and `python main.py completion zsh`."""

import sys
from collections.abc import Mapping, Sequence
from shlex import quote
from string import Template

from litclassify.cli.command_names import COMMANDS, SUBCOMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.commands.completion_words import Values, option_values
from litclassify.cli.commands.json_schema import Schema, config_schema
from litclassify.cli.dry_run import subcommand_parsers

# Options of the commands that have no config, and their first words.
COMMAND_OPTIONS: dict[str, Values] = {
    "average": {"--top": [], "--output": []},
    "compare": {},
    "config": {},
    "runs": {"--runs_dir": [], "--sort": ["best", "val_loss", "val_acc", "test_loss", "test_acc"], "--reverse": []},
    "schema": {},
    "completion": {},
}
# Those that take options of a subcommand, what these begin with, and further ones.
EXTENDED: dict[str, tuple[str, tuple[str, ...], Values]] = {
    "audit": (
        "fit",
        ("--config", "--data", "--ckpt_path"),
        {
            **{"--output": [], "--strict": [], "--min_images": [], "--likeness": [], "--predictions": []},
            "--no_label_errors": [],
        },
    ),
    "calibrate": ("validate", ("--",), {"--output": []}),
    "find": (
        "fit",
        ("--",),
        {"--min_lr": [], "--max_lr": [], "--num_steps": [], "--picture": [], "--smallest": [], "--seconds": []},
    ),
}
COMMAND_WORDS = {"find": ["lr", "batch_size"], "config": ["diff", "check"], "completion": ["bash", "zsh"]}

# Both shells read this. Candidates come one a line; none means a file name or a number.
WORDS = Template(r"""# Completion of LitClassify, written by: python main.py completion $shell
_litclassify_options() {
  case "$$1" in
$options
  esac
}

_litclassify_values() {
  case "$$1" in
$values
  esac
}

_litclassify_first() {
  case "$$1" in
$first
  esac
}

# Whether an option has keys below it: a dot may follow, or a space.
_litclassify_is_section() {
  case "$$1" in
    $sections) return 0 ;;
  esac
  return 1
}

# Words that may follow: the subcommand (or nothing), the word before, the present word.
_litclassify_words() {
  case "$$3" in
    -*)
      # Only keys that are no deeper than the present word, of several hundred.
      local dots="$${3//[^.]/}"
      _litclassify_options "$$1" | awk -F. -v most=$$(($${#dots} + 1)) 'NF <= most'
      ;;
    *)
      case "$$2" in
        -*) _litclassify_values "$$2" ;;
        "$$1") _litclassify_first "$$1" ;;
      esac
      ;;
  esac
}

# Whether a file is the main.py of LitClassify, and not of another project.
_litclassify_is_main() {
  case "$$1" in
    main.py | */main.py) grep -qs litclassify "$$1" ;;
    *) return 1 ;;
  esac
}
""")

BASH = r"""
_litclassify_complete() {
  local skip="$1" current before
  local -a line=("${COMP_WORDS[@]:skip:COMP_CWORD-skip}")
  current="${COMP_WORDS[COMP_CWORD]}"
  before="${COMP_WORDS[COMP_CWORD-1]}"
  # Bash splits --key=value in three words.
  if [[ $current == "=" ]]; then current=""; elif [[ $before == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi
  local IFS=$'\n' subcommand="${line[1]:-}"
  if [[ ${#line[@]} -le 1 ]]; then subcommand=""; before=""; fi
  COMPREPLY=($(compgen -W "$(_litclassify_words "$subcommand" "$before" "$current")" -- "$current"))
  # Bash before version 4 has no compopt.
  if _litclassify_is_section "${COMPREPLY[0]:-}"; then compopt -o nospace 2>/dev/null; fi
}

_litclassify() { _litclassify_complete 0; }

# python main.py: whatever completes python otherwise goes on to do so.
_litclassify_python() {
  if [[ $COMP_CWORD -gt 1 ]] && _litclassify_is_main "${COMP_WORDS[1]}"; then _litclassify_complete 1; return; fi
  if [[ -n ${_litclassify_python_before:-} ]]; then "$_litclassify_python_before" "$@"; fi
}

_litclassify_found=$(complete -p python 2>/dev/null | sed -n 's/.*-F \([^ ]*\).*/\1/p')
if [[ $_litclassify_found != _litclassify_python ]]; then _litclassify_python_before=$_litclassify_found; fi
complete -o bashdefault -o default -F _litclassify litclassify
complete -o bashdefault -o default -F _litclassify_python python python3
"""

ZSH = r"""
_litclassify_complete() {
  local subcommand="${words[2]}" before="${words[CURRENT-1]}" current="${words[CURRENT]}" word
  if (( CURRENT <= 2 )); then subcommand=""; before=""; fi
  if [[ $current == --*=* ]]; then before="${current%%=*}"; compset -P '*='; current=""; fi
  local -a found sections others
  found=(${(f)"$(_litclassify_words "$subcommand" "$before" "$current")"})
  for word in $found; do
    if _litclassify_is_section "$word"; then sections+=("$word"); else others+=("$word"); fi
  done
  local added=1
  if (( $#sections )); then compadd -S '' -- "${sections[@]}" && added=0; fi
  if (( $#others )); then compadd -- "${others[@]}" && added=0; fi
  if (( added )); then _files; fi
}

_litclassify() { _litclassify_complete; }

# python main.py: whatever completes python otherwise goes on to do so.
_litclassify_python() {
  if (( CURRENT > 2 )) && _litclassify_is_main "${words[2]}"; then
    shift words
    (( CURRENT-- ))
    _litclassify_complete
  elif (( $+functions[_python] )); then
    _python "$@"
  else
    _files
  fi
}

if ! (( $+functions[compdef] )); then autoload -Uz compinit && compinit; fi
compdef _litclassify litclassify
compdef _litclassify_python python python3
"""
SHELLS = {"bash": BASH, "zsh": ZSH}


def main(words: list[str]) -> None:
    """Print the completion script of a shell."""
    parser = CommandParser("completion", COMMANDS["completion"])
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(words).shell
    sys.stdout.write(script(shell, _all_options()))


def script(shell: str, options: Mapping[str, Values]) -> str:
    """Give the completion script.

    Args:
        shell: `bash` or `zsh`.
        options: For each command its options, each with the values that are known.
    """
    tables = {
        "options": _cases({command: ["--help", *values] for command, values in options.items()}),
        "values": _cases({name: choices for values in options.values() for name, choices in values.items()}),
        "first": _cases({"": list(options), **COMMAND_WORDS}),
        "sections": " | ".join(map(quote, _sections(options))),
    }
    return WORDS.substitute(shell=shell, **tables) + SHELLS[shell]


def _all_options() -> dict[str, Values]:
    parsers, definitions = subcommand_parsers(), Schema()
    found = {name: option_values(config_schema(parsers[name], name, definitions)) for name in SUBCOMMANDS}
    extended = {
        name: {**{option: values for option, values in found[base].items() if option.startswith(taken)}, **options}
        for name, (base, taken, options) in EXTENDED.items()
    }
    return {**found, **extended, **COMMAND_OPTIONS}


def _sections(options: Mapping[str, Values]) -> list[str]:
    """Give the options that have keys below them."""
    names = {name for values in options.values() for name in values}
    return sorted({name.rpartition(".")[0] for name in names} & names)


def _cases(words: Mapping[str, Sequence[str]]) -> str:
    """Give a shell's cases that print words for a name; names with the same words share one."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, choices in words.items():
        if choices:
            names.setdefault(tuple(choices), []).append(quote(name))
    cases = (
        f"{' | '.join(same)}) printf '%s\\n' {' '.join(map(quote, choices))} ;;" for choices, same in names.items()
    )
    return "\n".join(f"    {case}" for case in cases)
