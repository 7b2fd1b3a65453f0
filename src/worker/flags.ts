import type { Amounts } from '../lib/amounts.ts';
import { AppError } from '../lib/errors.ts';

/** Splits `a=1,b=2` into pairs. Throws `AppError` (USAGE) for a part without `=` or with an empty key. */
function pairsOf(flag: string, text: string): [string, string][] {
  return text.split(',').map((part) => {
    const at = part.indexOf('=');
    if (at > 0) return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    throw new AppError('USAGE', `${flag} ${text}: "${part}" is not of the form key=value`);
  });
}

/** Collects `--labels`, repeatable or comma-separated; later ones win. */
export function collectLabels(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...before, ...Object.fromEntries(pairsOf('--labels', text)) };
}

/** Collects `--resources`; a value that is no number from 0 up is refused. */
export function collectAmounts(text: string, before: Amounts = {}): Amounts {
  const amounts = pairsOf('--resources', text).map(([name, value]): [string, number] => {
    const amount = Number(value);
    if (value !== '' && Number.isFinite(amount) && amount >= 0) return [name, amount];
    throw new AppError('USAGE', `--resources ${text}: "${value}" is not a number from 0 up`);
  });
  return { ...before, ...Object.fromEntries(amounts) };
}
