import type { CliContext } from './context.ts';

export async function run(_args: readonly string[], _context: CliContext): Promise<number> {
  return 70;
}
