import { Command } from 'commander';
import { addActions } from './actions/action-commands';
import { addApi } from './actions/api-command';
import { addGraphQL } from './actions/graphql-command';
import { addCompletion } from './completion/completion-command';
import { addDev } from './dev/dev-command';
import { addCommonOptions } from './common-options';
import { addListen } from './events/listen-command';
import { addTail } from './events/tail-command';
import { EXIT_CODES_HELP } from './exit-codes';
import { addLogin } from './profiles/login';
import { addWatch } from './runs/watch-command';
import type { Session } from './session';
import { VERSION } from './version';
import { addValidate } from './workflows/validate-command';

/** All commands. Nothing is done before one is parsed. */
export function buildProgram(session: Session): Command {
  const { stdout, stderr } = session.io;
  const program = new Command('agentctl')
    .description('The Agent Platform on the command line.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    // `--version` behind a command is the version of a workflow.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('--help shows what there is.')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, writeErr) =>
        writeErr(text.replace(/^error: (\w)/, (_whole, first: string) => `Error: ${first.toUpperCase()}`)),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    })
    .addHelpText('after', EXIT_CODES_HELP);
  addCommonOptions(program);
  program.commandsGroup('To begin with:');
  addLogin(program, session);
  addDev(program, session);
  program.commandsGroup('Things of the platform:');
  addActions(program, session);
  addValidate(program, session);
  addWatch(program, session);
  addTail(program, session);
  addListen(program, session);
  program.commandsGroup('Everything else:');
  addApi(program, session);
  addGraphQL(program, session);
  addCompletion(program, session);
  return program;
}
