import type { Command } from 'commander';
import { nounOf } from '../actions/action-commands';
import { addCommonOptions } from '../common-options';
import type { Session } from '../session';
import { readDefinition, refuseBadDefinition } from './definition-file';

/** `workflow validate`: what `workflow create` checks, without a platform. */
export function addValidate(program: Command, session: Session): void {
  addCommonOptions(
    nounOf(program, 'workflow')
      .command('validate')
      .summary('Checks the form of a workflow, offline.')
      .description('Checks the form of a workflow, offline. What spans several steps is checked when it is saved.')
      .requiredOption('-f, --file <file>', 'the workflow, or - for standard input'),
  ).action(async ({ file }: { readonly file: string }) => {
    const read = await readDefinition(file, session);
    await refuseBadDefinition(read);
    if (session.json) return session.print('{"valid": true}');
    await session.note(`${read.name} is a valid workflow, as far as its form goes.`);
  });
}
