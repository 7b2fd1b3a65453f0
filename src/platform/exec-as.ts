import { accessSync, constants, statSync } from 'node:fs';
import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import type { Environment } from './environment.ts';
import { execProgram } from './exec.ts';
import { errnoOf } from './files.ts';
import { type Account, becomeUser } from './privileges.ts';
import { selfCommand } from './self.ts';
import { keepNewFilesPrivate } from './umask.ts';

/**
 * The runtime's `uid` and `gid` of a new process set no supplementary groups and check nothing. So a program that is to
 * run as another user is started through ourselves: `pwagent exec-as` changes the user, checks, and becomes it.
 */
export interface ExecOrder {
  readonly user: Account;
  readonly argv: readonly string[];
  /** The whole environment of the program. */
  readonly env: Environment;
}

/**
 * The order travels in one variable: values may be secrets, which a command line would show to everybody, and they
 * must not reach the loader (`LD_PRELOAD` and its like) while the process is still root.
 */
const ORDER_VARIABLE = 'PWAGENT_EXEC_AS';

const account = z.object({ name: z.string().min(1), uid: z.int().positive(), gid: z.int().nonnegative() });
const order = z.object({
  user: account,
  argv: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
});

/** What to spawn, as root, so that `argv` runs as `user`. The new process has the id that the program will have. */
export function commandAs({ user, argv, env }: ExecOrder): { readonly argv: string[]; readonly env: Environment } {
  const { name, uid, gid } = user;
  const text = JSON.stringify({ user: { name, uid, gid }, argv, env });
  return { argv: [...selfCommand(), 'exec-as'], env: { [ORDER_VARIABLE]: text } };
}

/** The order in the environment. Throws `AppError` (USAGE) where there is none. */
export function readExecOrder(env: Environment): ExecOrder {
  try {
    return order.parse(JSON.parse(env[ORDER_VARIABLE] ?? ''));
  } catch (error) {
    throw new AppError('USAGE', 'exec-as is for the supervisor alone', {
      hint: 'see pwagent run --help',
      cause: error,
    });
  }
}

/** The file of a program: as it is when it is a path, else found along `PATH` of `env`. */
function findProgram(program: string, env: Environment): string {
  const path = program.includes('/') ? program : Bun.which(program, { PATH: env.PATH ?? '' });
  if (path === null) {
    throw new AppError('CONFIG', `program ${program} was not found`, { hint: 'install it or write its whole path' });
  }
  try {
    if (!statSync(path).isFile()) throw new AppError('CONFIG', `${path} is no program`, { hint: 'correct the path' });
    accessSync(path, constants.X_OK);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const missing = errnoOf(error) === 'ENOENT';
    throw new AppError('CONFIG', missing ? `program ${path} was not found` : `${path} may not be run by this user`, {
      hint: missing ? 'install it or correct the path' : 'let that user read and run it, and enter its folders',
      cause: error,
    });
  }
  return path;
}

/**
 * Becomes the program of the order, as its user. Does not return. Throws `AppError` (NO_PERMISSION, CONFIG), after which
 * the process must end.
 */
export function execAs({ user, argv, env }: ExecOrder): never {
  keepNewFilesPrivate();
  becomeUser(user);
  const [program = ''] = argv;
  return execProgram(findProgram(program, env), argv, env);
}
