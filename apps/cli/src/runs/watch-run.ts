import type { AgentPlatform, Run, RunStep, RunUpdate, RunWithSteps } from '@agent-platform/client';
import { EXIT } from '../exit-codes';
import { json, printable } from '../output/printable';
import type { Session } from '../session';
import { LiveLines } from './live-lines';
import { stepTable } from './step-table';

const OUTCOMES: Readonly<Record<string, number>> = {
  completed: EXIT.ok,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
};

/**
 * Shows a run until it ends: a table that is redrawn at a terminal, a line for each change elsewhere, and with `--json` each message
 * of the stream. Then its output, or its error. The exit code is the outcome.
 */
export async function watchRun(id: string, client: AgentPlatform, session: Session): Promise<void> {
  const options = {
    signal: session.signal,
    onReconnect: (error: unknown) => void (error && session.note('The connection was lost; coming back.')),
  };
  const updates = client.streams.run(id, options);
  const status = session.json
    ? await printMessages(updates, session)
    : session.isTerminal
      ? await drawTable(updates, session)
      : await printChanges(updates, session);
  if (status === undefined) return void (session.exitCode = EXIT.interrupted);
  session.exitCode = OUTCOMES[status] ?? EXIT.failed;
  if (session.json) return;
  const { body } = await client.call('run.get', { id }, { signal: session.signal });
  const { output, error } = (body as { data: RunWithSteps }).data;
  if (error) {
    await session.note(printable(`Error: ${error.detail}`));
    await session.note(printable(`  code ${error.code}${error.stepId ? `, step ${error.stepId}` : ''}`));
  } else if (output !== null && output !== undefined) await session.print(json(output, 2));
}

type Updates = AsyncIterable<RunUpdate>;
type Outcome = Promise<Run['status'] | undefined>;

async function printMessages(updates: Updates, session: Session): Outcome {
  for await (const update of updates) {
    await session.print(json(update));
    if (update.event === 'end') return update.run.status;
  }
  return undefined;
}

/** On standard error: what is data, the output, comes at the end. */
async function printChanges(updates: Updates, session: Session): Outcome {
  const told = new Map<string, string>();
  for await (const update of updates) {
    if (update.event === 'end') return update.run.status;
    const [what, status] =
      update.event === 'run' ? [`run ${update.run.id}`, update.run.status] : [update.step.path, stateOf(update.step)];
    if (told.get(what) === status) continue;
    told.set(what, status);
    await session.note(`${new Date().toISOString()} ${printable(what)} ${status}`);
  }
  return undefined;
}

async function drawTable(updates: Updates, session: Session): Outcome {
  const steps = new Map<string, RunStep>();
  let run: Run | undefined;
  const screen = new LiveLines(session.io.stdout, () => (run ? stepTable(run, [...steps.values()], session) : []));
  try {
    for await (const update of updates) {
      if (update.event === 'step') steps.set(update.step.path, update.step);
      else if (update.event === 'run') run = update.run;
      else {
        if (run) run = { ...run, status: update.run.status };
        return update.run.status;
      }
      screen.change();
    }
    return undefined;
  } finally {
    screen.end();
  }
}

function stateOf({ status, attempt }: RunStep): string {
  return attempt > 1 ? `${status} (attempt ${attempt})` : status;
}
