import type { Run } from '@agent-platform/client';
import type { Extra } from '../actions/extras';
import { CliError } from '../exit-codes';
import { watchRun } from './watch-run';

/** `--watch`: shows the run that was started until it ends, and ends as it does. */
export const executeExtra: Extra = {
  addTo: (command) => void command.option('--watch', 'show the steps until the run ends; the exit code is its outcome'),
  prepare: async (params, { watch }) => {
    if (watch && params.dryRun === true) throw new CliError('A dry run starts nothing that could be watched.');
    return params;
  },
  after: async ({ body }, client, { watch }, session) => {
    if (watch) await watchRun((body as { data: Run }).data.id, client, session);
  },
};
