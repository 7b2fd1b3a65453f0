import { accountSteps } from '../platform/make-account.ts';
import type { InstallFacts } from './facts.ts';
import type { Step } from './step.ts';

/** Steps that make the worker's account where there is none. */
export function userSteps({ user, canMakeUser, platform, root }: InstallFacts): Step[] {
  if (user.exists || !canMakeUser) return [];
  return accountSteps(user.name, platform, root).map((step) => ({ tag: 'run', ...step }));
}
