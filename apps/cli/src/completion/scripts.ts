import type { CompletionNode } from './completion-tree';

/** A completion script for a shell: static, so that completing a word starts nothing. */
export const SCRIPTS: Readonly<Record<string, (nodes: readonly CompletionNode[]) => string>> = { bash, zsh, fish };

/** The words of the command line are those that name commands: what begins with `-`, and arguments, are passed over. */
function bash(nodes: readonly CompletionNode[]): string {
  const cases = nodes.map(({ words, commands, options }) => {
    const all = [...commands.map(({ name }) => name), ...options.map(({ name }) => name)];
    return `    '${words}') words='${all.join(' ')}' ;;`;
  });
  const paths = nodes.filter(({ words }) => words !== '').map(({ words }) => `'${words}'`);
  return `# agentctl completion for bash:  source <(agentctl completion bash)
_agentctl() {
  local at='' next word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${at:+$at }$word"
    case "$next" in ${paths.join('|')}) at="$next" ;; esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _agentctl agentctl
`;
}

function zsh(nodes: readonly CompletionNode[]): string {
  const cases = nodes.map(({ words, commands, options }) => {
    const all = [...commands, ...options].map(({ name, summary }) => `'${name}:${zshText(summary)}'`);
    return `    '${words}') offers=(${all.join(' ')}) ;;`;
  });
  const paths = nodes.filter(({ words }) => words !== '').map(({ words }) => `'${words}'`);
  return `#compdef agentctl
# agentctl completion for zsh:  source <(agentctl completion zsh)
_agentctl() {
  local at='' next word
  local -a before=("\${(@)words[2,CURRENT-1]}")
  for word in $before; do
    next="\${at:+$at }$word"
    case "$next" in (${paths.join('|')}) at="$next" ;; esac
  done
  local -a offers
  case "$at" in
${cases.join('\n')}
  esac
  _describe 'agentctl' offers || _files
}
compdef _agentctl agentctl
`;
}

function fish(nodes: readonly CompletionNode[]): string {
  const lines = nodes.flatMap(({ words, commands, options }) => {
    const when = `complete -c agentctl -n '__agentctl_at "${words}"'`;
    return [
      ...commands.map(({ name, summary }) => `${when} -f -a ${name} -d '${fishText(summary)}'`),
      ...options.map(
        ({ name, summary, takesValue }) =>
          `${when} -l ${name.replace(/^--/, '')}${takesValue ? ' -r' : ''} -d '${fishText(summary)}'`,
      ),
    ];
  });
  const paths = nodes.filter(({ words }) => words !== '').map(({ words }) => `'${words}'`);
  return `# agentctl completion for fish:  agentctl completion fish | source
function __agentctl_at
    set -l at ''
    for word in (commandline -opc)[2..]
        set -l next (string trim "$at $word")
        if contains -- "$next" ${paths.join(' ')}
            set at "$next"
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}

/** Within single quotes, and before the colon that ends a word of _describe. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(':', '\\:');
}

function fishText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}
