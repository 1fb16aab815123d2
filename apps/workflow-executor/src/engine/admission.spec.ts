import { Admission } from './admission';

const LIMITS = { maxRuns: 100, maxRunsPerAgent: 1000, maxRunsPerWorkflow: 1000 };
const run = (agentId: string, workflowId = `of ${agentId}`) => ({ agentId, workflowId });

/** Takes runs until none is admitted; answers how many were. */
function fill(admission: Admission, agentId: string, workflowId?: string): number {
  let taken = 0;
  for (; admission.admits(run(agentId, workflowId)); taken++) admission.take(run(agentId, workflowId));
  return taken;
}

it('leaves one agent half of the room, and always some for the next', () => {
  const admission = new Admission(LIMITS);
  expect(fill(admission, 'a')).toBe(50);
  expect(fill(admission, 'b')).toBe(25);
  expect(fill(admission, 'c')).toBe(13);
  expect(admission.admits(run('d'))).toBe(true);
});

it('gives an agent room again as others leave', () => {
  const admission = new Admission(LIMITS);
  fill(admission, 'a');
  expect(fill(admission, 'b')).toBe(25);
  for (let n = 0; n < 50; n++) admission.giveBack(run('a'));
  expect(fill(admission, 'b')).toBe(25);
  expect(admission.free).toBe(50);
});

it('holds to the bounds of an agent and of a workflow, and names who is at one', () => {
  const admission = new Admission({ ...LIMITS, maxRunsPerAgent: 10, maxRunsPerWorkflow: 4 });
  expect(fill(admission, 'a', 'one')).toBe(4);
  expect(admission.full()).toEqual(['one']);
  expect(fill(admission, 'a', 'two')).toBe(4);
  expect(fill(admission, 'a', 'three')).toBe(2);
  expect(admission.full().sort()).toEqual(['a', 'one', 'two']);
  expect(admission.admits(run('b', 'one'))).toBe(false);
});

it('never takes more than there is room for', () => {
  const admission = new Admission({ ...LIMITS, maxRuns: 2 });
  for (const agent of ['a', 'b', 'c']) fill(admission, agent);
  expect(admission.free).toBe(0);
  expect(admission.share).toBe(1);
});
