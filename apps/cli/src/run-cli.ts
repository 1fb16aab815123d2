import { CommanderError, type Command } from 'commander';
import { EXIT } from './exit-codes';
import { isClosedPipe, type Io } from './io';
import { reportFailure } from './output/failure';
import { buildProgram } from './program';
import { Session } from './session';

/** Runs the tool once, within this process, and answers its exit code. @param argv without the program: `['run', 'list']` */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const session = new Session(io);
  // What is written is waited for, and its errors come from there.
  const ignore = () => undefined;
  const streams = [io.stdout, io.stderr];
  for (const stream of streams) stream.on('error', ignore);
  let words: readonly string[] = [];
  const program = buildProgram(session);
  program.hook('preAction', (_program, command) => {
    // Those before the command hold as well: `agentctl --json run list`.
    for (const [name, value] of Object.entries(program.opts<Record<string, unknown>>()))
      if (command.getOptionValue(name) === undefined) command.setOptionValue(name, value);
    session.json = command.opts<{ json?: boolean }>().json === true;
    words = wordsOf(command);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (isClosedPipe(error)) return EXIT.ok;
    return await reportFailure(error, words, session).catch((failed: unknown) => {
      if (isClosedPipe(failed)) return EXIT.failed;
      throw failed;
    });
  } finally {
    for (const stream of streams) stream.off('error', ignore);
  }
}

function wordsOf(command: Command): string[] {
  return command.parent ? [...wordsOf(command.parent), command.name()] : [];
}
