import { CAPABILITY_NAMES, type Capability } from '@agent-platform/contracts';
import fc from 'fast-check';
import { refuseToExceed } from './authority';

const capabilities = fc.subarray(CAPABILITY_NAMES);
const refused = (held: Capability[], given: Capability[]) => {
  try {
    refuseToExceed({ capabilities: held }, given);
    return undefined;
  } catch (error) {
    return (error as { options: { missingCapability: string } }).options.missingCapability;
  }
};

it('lets an agent give what it holds, and an administrator anything', () => {
  fc.assert(
    fc.property(capabilities, capabilities, (held, given) => {
      const missing = given.filter((capability) => !held.includes(capability));
      const expected = held.includes('system_admin') ? undefined : missing[0];
      expect(refused(held, given)).toBe(expected);
    }),
  );
});
