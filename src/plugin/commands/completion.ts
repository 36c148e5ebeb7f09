import { ConfigError } from '../../config/config-error.ts';
import { type Command, DONE, FAILED } from '../command.ts';

const SHELLS = ['kubectl', 'bash', 'zsh', 'fish'] as const;

export const completion: Command = {
  name: 'completion',
  summary: 'Print a script that completes commands, flags and names.',
  arguments: SHELLS.join('|'),
  fewest: 1,
  most: 1,
  completes: SHELLS,
  details: `kubectl vsgb completion kubectl > kubectl_complete-vsgb   (make it executable, somewhere on PATH)
  completes \`kubectl vsgb …\` wherever kubectl's own completion is set up (kubectl 1.26 or newer).
source <(kubectl-vsgb completion bash)
  completes \`kubectl-vsgb …\`; the same for zsh, and for fish: kubectl-vsgb completion fish | source`,
  exitCodes: { [DONE]: 'printed', [FAILED]: 'no such shell' },
  flags: [],
  async run({ args, terminal }) {
    const script = SCRIPTS[args[0] as keyof typeof SCRIPTS];
    if (script === undefined) throw new ConfigError(`completion: expected one of ${SHELLS.join(', ')}`);
    terminal.print(script);
    return DONE;
  },
};

/** Called for completions with the words so far, the last one unfinished. Prints one candidate a line, then `:4` (no file names). */
export const COMPLETE = '__complete';

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  kubectl: `#!/bin/sh
# Completes \`kubectl vsgb\`: kubectl runs the program of this name on PATH.
exec kubectl-vsgb ${COMPLETE} "$@"`,
  bash: `_kubectl_vsgb() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$(kubectl-vsgb ${COMPLETE} "\${words[@]}" 2>/dev/null | grep -v '^:')" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _kubectl_vsgb kubectl-vsgb`,
  zsh: `#compdef kubectl-vsgb
_kubectl_vsgb() {
  compadd -- $(kubectl-vsgb ${COMPLETE} "\${(@)words[2,$CURRENT]}" 2>/dev/null | grep -v '^:')
}
compdef _kubectl_vsgb kubectl-vsgb`,
  fish: `complete -c kubectl-vsgb -f -a '(kubectl-vsgb ${COMPLETE} (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null | string match -v ":*")'`,
};
