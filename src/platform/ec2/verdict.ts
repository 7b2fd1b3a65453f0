import { printable } from '../../lib/printable.ts';
import type { Reply } from '../bounded-request.ts';

/** What EC2 makes of a request. `again`: the same request may well succeed a little later. */
export type Verdict =
  | { readonly tag: 'done' }
  | { readonly tag: 'refused'; readonly code: string; readonly problem: string; readonly again: boolean };

/** Error codes that pass (EC2 API Reference, "Error codes"); each 5xx and 429 does as well. */
const PASSING = new Set([
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'InternalError',
  'InternalFailure',
  'ServiceUnavailable',
  'Unavailable',
  'ExpiredToken', // the next try gets new credentials
]);

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** The text of the first element of that name, for answers of a form that is known. */
export function elementText(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(lt|gt|quot|apos|amp);/g, (_all, entity: string) => ENTITIES[entity] ?? '');
}

/** `isDone` says whether the body of a 200 reports what was asked for. */
export function verdictOf({ status, text }: Reply, isDone: (xml: string) => boolean): Verdict {
  if (status === 200) {
    if (isDone(text)) return { tag: 'done' };
    return { tag: 'refused', code: '', problem: 'answered 200 without saying that it was done', again: false };
  }
  const code = printable(elementText(text, 'Code') ?? '', 100);
  const message = printable(elementText(text, 'Message') ?? '', 300);
  const again = status >= 500 || status === 429 || PASSING.has(code);
  const problem = code === '' ? `answered ${status}` : `${code}: ${message}`;
  return { tag: 'refused', code, problem, again };
}
