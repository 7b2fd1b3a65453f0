import { AppError } from '../lib/errors.ts';

/**
 * Rewrites `--name=true` and `--name=false`, which command lines of Go programs may hold for switches, into `--name` and
 * nothing. Throws `AppError` (USAGE) for any other value.
 */
export function plainSwitches(args: readonly string[], names: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.flatMap((word, at) => {
    const [, name = '', value = ''] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (!names.includes(name) || (end >= 0 && at > end)) return [word];
    if (/^(?:1|t|true)$/i.test(value)) return [`--${name}`];
    if (/^(?:0|f|false)$/i.test(value)) return [];
    throw new AppError('USAGE', `--${name} is "${value}"`, { hint: `write --${name}, or --${name}=false` });
  });
}
