import type { Amounts } from '../lib/amounts.ts';
import { AppError } from '../lib/errors.ts';

const MAX_AMOUNT = 1e9;

/** The parts of a comma-separated list; a part in double quotes may hold commas, and `""` for a quote. */
function partsOf(text: string): string[] {
  const parts = [...text.matchAll(/(?:^|,)("(?:[^"]|"")*"(?=,|$)|[^,]*)/g)].map(([, part = '']) => part);
  return parts.map((part) => (/^".*"$/s.test(part) ? part.slice(1, -1).replaceAll('""', '"') : part));
}

/**
 * Splits `a=1,b=2` into pairs. A text with one `=` is one pair whose value may hold commas, as with the flags of the
 * worker that people used before. Throws `AppError` (USAGE) for a part without `=` or with an empty key.
 */
function pairsOf(flag: string, text: string): [string, string][] {
  const single = text.split('=').length === 2;
  return (single ? [text.replace(/^"(.*)"$/s, '$1')] : partsOf(text)).map((part) => {
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
    if (value !== '' && amount >= 0 && amount <= MAX_AMOUNT) return [name, amount];
    throw new AppError('USAGE', `--resources ${text}: "${value}" is not a number from 0 up to ${MAX_AMOUNT}`);
  });
  return { ...before, ...Object.fromEntries(amounts) };
}
