import { Argument, type Command } from 'commander';
import type { Session } from '../session';
import { completionNodes } from './completion-tree';
import { SCRIPTS } from './scripts';

/** `completion bash|zsh|fish`: a script made from the commands that there are. */
export function addCompletion(program: Command, session: Session): void {
  program
    .command('completion')
    .description('Prints a completion script for a shell, such as: source <(agentctl completion bash)')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .helpOption('-h, --help', 'show this')
    .action(async (shell: string) => session.print((SCRIPTS[shell]?.(completionNodes(program)) ?? '').trimEnd()));
}
