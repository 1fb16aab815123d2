import { RunJournal } from './run-journal';
import { LeaseLost } from './run-records';

it('of a new run that waits to be stored tells who asked for it to come again when the lease is lost', async () => {
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
  const journal = new RunJournal({ runId: 'r', epoch: 1 }, 'a', full, { run, kept: undefined });
  const flushed = journal.flush();
  journal.close();
  await expect(flushed).rejects.toThrow(LeaseLost);
  await expect(journal.accepted).rejects.toMatchObject({ code: 'service.unavailable' });
});
