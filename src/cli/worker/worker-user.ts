import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { becomeUser } from '../../platform/privileges.ts';
import { currentUser, lookUpUser, type User } from '../../platform/users.ts';
import type { CliContext } from '../context.ts';

export interface UserFlags {
  readonly user?: string;
  readonly userCoarseGrained?: boolean;
}

export interface UserMachine {
  readonly platform: string;
  readonly uid: number;
  readonly lookUp: (name: string) => User | undefined;
}

/** How a worker that was started as root gives its rights up. */
export type UserPlan =
  | { readonly tag: 'stay' }
  /** The whole process becomes that user. */
  | { readonly tag: 'become'; readonly user: User }
  /** The worker stays root; agents run as that user. */
  | { readonly tag: 'agents-as'; readonly user: User };

/**
 * What `--user` and `--user-coarse-grained` ask for; specification of the worker, section 2.1. Throws `AppError` where
 * they cannot be had.
 */
export function planUser({ user: name = '', userCoarseGrained = false }: UserFlags, machine: UserMachine): UserPlan {
  if (machine.platform !== 'darwin') {
    const flag = name !== '' ? '--user' : userCoarseGrained ? '--user-coarse-grained' : undefined;
    if (flag === undefined) return { tag: 'stay' };
    throw new AppError('USAGE', `${flag} is for macOS alone`, {
      hint: 'start the worker as that user: User= in its systemd unit, or worker.user of `pwagent run`',
    });
  }
  if (name === '') return { tag: 'stay' };
  if (machine.uid !== 0)
    throw new AppError('NO_PERMISSION', `--user ${name}: only root can become another user`, {
      hint: 'start it with sudo',
    });
  const user = machine.lookUp(name);
  if (user === undefined)
    throw new AppError('CONFIG', `--user ${name}: there is no such user on this machine`, { hint: 'create that user' });
  if (user.uid === 0)
    throw new AppError('CONFIG', `--user ${name}: that is root`, { hint: 'name a user with fewer rights' });
  return { tag: userCoarseGrained ? 'agents-as' : 'become', user };
}

/** The variables that go with an account. */
export function homeOf({ name, home, shell }: User): Environment {
  return { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}

/** Where a worker goes on from: the surroundings of its user, and whom its agents run as when that is another. */
export function settleUser(flags: UserFlags, context: CliContext): { own: CliContext; agentUser: User | undefined } {
  const plan = planUser(flags, { platform: process.platform, uid: currentUser().uid, lookUp: lookUpUser });
  if (plan.tag === 'stay') return { own: context, agentUser: undefined };
  if (plan.tag === 'agents-as') return { own: context, agentUser: plan.user };
  becomeUser(plan.user);
  return { own: { ...context, env: { ...context.env, ...homeOf(plan.user) } }, agentUser: undefined };
}
