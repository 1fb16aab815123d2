import type { Extra } from '../actions/extras';
import { CliError, EXIT } from '../exit-codes';
import { checkDefinition } from './check-definition';
import { readDefinition, refuseBadDefinition } from './definition-file';

/** `--file`: the definition from a file or standard input, checked before it is sent. */
export const definitionExtra: Extra = {
  addTo: (command) =>
    void command
      .option('-f, --file <file>', 'read the workflow from a file, or by - from standard input')
      .option('--no-check', 'leave the check to the platform, which may be newer than this tool'),
  prepare: async (params, { file, check }, session) => {
    if (typeof file === 'string') {
      if (params.definition !== undefined) throw new CliError('Give either --file or --definition.');
      const read = await readDefinition(file, session);
      if (check !== false) await refuseBadDefinition(read);
      return { definition: read.definition, ...read.params, ...params };
    }
    if (params.definition === undefined || check === false) return params;
    const [first] = await checkDefinition(params.definition);
    if (first) throw new CliError(`--definition ${first.path} ${first.message}.`, EXIT.failed);
    return params;
  },
};
