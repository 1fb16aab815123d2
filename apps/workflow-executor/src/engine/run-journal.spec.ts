import { RunJournal } from './run-journal';
import { LeaseLost } from './run-records';

/** Of a run that is not stored yet, on a lane that is full. */
function newJournal(): RunJournal {
  const run = {
    workflowId: 'w',
    workflowVersion: 1,
    agentId: 'a',
    triggerType: 'manual',
    input: {},
    metadata: {},
    requestId: 'r',
    traceparent: 't',
    createdAt: '2026-01-01T00:00:00.000Z',
  } as const;
  const full = { enqueue: () => undefined };
  return new RunJournal({ runId: 'r', epoch: 1 }, 'a', full, { run, kept: undefined });
}

it('of a new run that waits to be stored tells who asked for it to come again when the lease is lost', async () => {
  const journal = newJournal();
  const flushed = journal.flush();
  journal.close();
  await expect(flushed).rejects.toThrow(LeaseLost);
  await expect(journal.accepted).rejects.toMatchObject({ code: 'service.unavailable' });
});

it('leaves it to the record that stores a new run whether it was taken, though the lease is lost while another waits', async () => {
  const journal = newJournal();
  const stored = journal.flush();
  const entry = journal.take();
  const next = journal.flush();
  journal.close();
  await expect(next).rejects.toThrow(LeaseLost);
  entry?.settle({});
  await stored;
  await expect(journal.accepted).resolves.toBeUndefined();
});
