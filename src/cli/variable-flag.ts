import { AppError } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';

/** `NAME=VALUE` sets a variable, `NAME` alone passes on the one of this process. Throws `AppError` (USAGE). */
export function parseVariable(word: string, env: Environment): readonly [name: string, value: string] {
  const [, name = '', value] = /^([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const given = value ?? (Object.hasOwn(env, name) ? env[name] : undefined);
  if (name !== '' && given !== undefined) return [name, given];
  const problem = name === '' ? `"${word}" has no name before "="` : `the variable ${name} is not set here`;
  throw new AppError('USAGE', problem, { hint: 'write -e NAME=VALUE' });
}
