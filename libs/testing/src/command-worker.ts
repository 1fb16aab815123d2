import { fork } from 'node:child_process';
import { join } from 'node:path';
import { testEnvironment } from './environment';

/** Workers of one agent, each a process of its own. */
export interface CommandWorkers {
  /** How often each command was taken, by id. */
  readonly taken: ReadonlyMap<string, number>;
  /** Problems that no worker should meet. */
  readonly refusals: readonly object[];
  /** SIGKILLs one of them, and starts another. */
  replace(index: number): void;
  stop(): void;
}

export function startCommandWorkers(gateway: string, key: string, count: number): CommandWorkers {
  const taken = new Map<string, number>();
  const refusals: object[] = [];
  let started = 0;
  const start = () => {
    const file = join(testEnvironment().root, 'libs/testing/servers/command-worker.mjs');
    const child = fork(file, [gateway, key, `worker ${++started}`]);
    child.on('message', (message: { took?: string; refused?: object }) => {
      if (message.took !== undefined) taken.set(message.took, (taken.get(message.took) ?? 0) + 1);
      if (message.refused) refusals.push(message.refused);
    });
    return child;
  };
  const workers = Array.from({ length: count }, start);
  return {
    taken,
    refusals,
    replace: (index) => {
      workers[index]?.kill('SIGKILL');
      workers[index] = start();
    },
    stop: () => workers.forEach((worker) => worker.kill('SIGKILL')),
  };
}
