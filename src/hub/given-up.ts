import { RpcError } from '../rpc/rpc-error.ts';
import type { GivenUp } from './store/runs.ts';

/**
 * Refuses what comes from a run that was given up: another one may be under way, and nothing of the old one counts any
 * more. Throws `RpcError` (FAILED_PRECONDITION), which neither workers nor agents repeat.
 */
export function refuseGivenUp({ id, givenUp, nextId }: GivenUp): void {
  if (!givenUp) return;
  const what = nextId === null ? 'and does not run again' : `and runs again as task ${nextId}`;
  throw new RpcError(
    'FAILED_PRECONDITION',
    `task ${id} was given up ${what}: its worker was not heard of for too long`,
  );
}
