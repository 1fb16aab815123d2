import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of 1/100 s (USER_HZ). */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds, user and system, that processes and all their descendants have used so far: in total, and by what they are.
 * Reads /proc, so on other systems than Linux everything is NaN.
 */
export function cpuSecondsOf(pids) {
  if (!existsSync('/proc/self/stat')) return { total: NaN };
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => read(Number(pid)));
  const wanted = new Set(pids);
  let size;
  do {
    size = wanted.size;
    for (const { pid, parent } of processes) if (wanted.has(parent)) wanted.add(pid);
  } while (wanted.size > size);
  const seconds = { total: 0 };
  for (const { name, cpu } of processes.filter((process) => wanted.has(process.pid))) {
    seconds.total += cpu;
    seconds[name] = (seconds[name] ?? 0) + cpu;
  }
  return seconds;
}

function read(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const app = /apps\/([\w-]+)\/main\.js/.exec(command)?.[1];
    const name = app ?? (/postgres/.test(command) ? 'postgres' : /nats-server/.test(command) ? 'nats' : 'other');
    return [
      { pid, parent: Number(fields[1]), name, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND },
    ];
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
}
