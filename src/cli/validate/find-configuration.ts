import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Problem } from '../../cirrus-yml/problem.ts';
import { AppError } from '../../lib/errors.ts';

const NAMES = ['.cirrus.yaml', '.cirrus.yml'] as const;
const STARLARK = '.cirrus.star';

/** The configuration to check. Throws `AppError` (CONFIG) for a Starlark file, which nothing here executes. */
export function findConfiguration(named: string | undefined): string {
  const found = named ?? NAMES.find((name) => existsSync(name));
  const isStarlark = found?.endsWith('.star') === true || (found === undefined && existsSync(STARLARK));
  if (!isStarlark) return found ?? '.cirrus.yml';
  const hint = 'write the tasks that it would generate into a .cirrus.yml';
  throw new AppError('CONFIG', 'Starlark is not executed', { hint, place: { file: found ?? STARLARK } });
}

/** One warning when a script stands beside the configuration that would have added tasks to it. */
export function starlarkProblems(path: string): Problem[] {
  if (path === '-' || !existsSync(join(dirname(path), STARLARK))) return [];
  const message = `${STARLARK} stands beside ${basename(path)} and is not executed, so the tasks that it generates are missing`;
  return [{ severity: 'warning', line: 1, column: 1, message, hint: 'write them into this file' }];
}
