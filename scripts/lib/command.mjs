import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders where servers are, which are on an ordinary user's PATH seldom. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The path of a program of this machine, or undefined. */
export function findProgram(name) {
  return [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS]
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a command to its end. Answers its exit code and all it printed; a code of null means that the time ran out. */
export function runCommand(command, args, { timeoutMs, env = process.env, echo = false } = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that a time-out ends what the command started too.
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let timedOut = false;
    const timer =
      timeoutMs &&
      setTimeout(() => {
        timedOut = true;
        process.kill(-child.pid, 'SIGKILL');
      }, timeoutMs);
    const end = () => process.kill(-child.pid, 'SIGTERM');
    process.once('SIGINT', end).once('SIGTERM', end);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (echo) process.stdout.write(chunk);
      });
    }
    const finish = (code) => {
      clearTimeout(timer);
      process.off('SIGINT', end).off('SIGTERM', end);
      resolve({ code: timedOut ? null : code, output });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(127);
    });
    child.once('close', finish);
  });
}
