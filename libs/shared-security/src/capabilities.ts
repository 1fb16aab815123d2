/** Whether an agent that holds these capabilities may do an action that needs this one; null needs none. */
export function canAgentPerformAction(held: readonly string[], needed: string | null): boolean {
  return needed === null || held.includes(needed);
}
