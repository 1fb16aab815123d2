import type { Command } from 'commander';
import { nounOf } from '../actions/action-commands';
import { addCommonOptions } from '../common-options';
import type { CommonOptions, Session } from '../session';
import { watchRun } from './watch-run';

/** `run watch <id>`. */
export function addWatch(program: Command, session: Session): void {
  addCommonOptions(
    nounOf(program, 'run')
      .command('watch')
      .summary('Shows a run and its steps until it ends.')
      .description('Shows a run and its steps until it ends. Ends with 0 when it completed, 1 failed, 7 was cancelled.')
      .argument('<id>', 'of the run'),
  ).action(async (id: string, options: CommonOptions) => {
    await watchRun(id, await session.client(options), session);
  });
}
