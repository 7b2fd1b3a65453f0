import { resolve } from 'node:path';

/** The argv prefix that starts this program again: the executable itself, or Bun with `main.ts` from a checkout. */
export function selfCommand(): string[] {
  if (Bun.isStandaloneExecutable) return [process.execPath];
  return [process.execPath, resolve(import.meta.dir, '../main.ts')];
}
