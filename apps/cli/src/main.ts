import { EXIT } from './exit-codes';
import { runCli } from './run-cli';

export { runCli };

// Loaded by another module, it runs nothing.
if (require.main === module) {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      // A second one does not wait for what is being tidied up.
      if (interrupted.signal.aborted) process.exit(EXIT.interrupted);
      interrupted.abort();
    });
  // After the end the pipe may still break.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const { stdin, stdout, stderr, env } = process;
  void runCli(process.argv.slice(2), { stdin, stdout, stderr, env, signal: interrupted.signal }).then((code) => {
    // Not process.exit, which would cut off what is still on its way into a pipe.
    process.exitCode = code;
    // A connection that is kept alive would hold the process for some seconds.
    stdout.write('', () => stderr.write('', () => process.exit()));
  });
}
