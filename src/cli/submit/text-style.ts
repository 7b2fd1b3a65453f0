import type { StatusName } from '../../hub/model.ts';

/** Puts text into a colour, or leaves it as it is where colours are not wanted. */
export type Paint = (code: string, text: string) => string;

export function painter(colour: boolean): Paint {
  return (code, text) => (colour && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text);
}

/** How a finished status is told: sign, word, colour. */
export interface Verdict {
  readonly sign: string;
  readonly word: string;
  readonly code: string;
}

const VERDICTS: Readonly<Record<StatusName, Verdict>> = {
  CREATED: { sign: '·', word: 'waiting', code: '90' },
  TRIGGERED: { sign: '·', word: 'waiting', code: '90' },
  SCHEDULED: { sign: '·', word: 'starting', code: '90' },
  EXECUTING: { sign: '●', word: 'running', code: '34' },
  COMPLETED: { sign: '✔', word: 'passed', code: '32' },
  FAILED: { sign: '✘', word: 'failed', code: '31' },
  ABORTED: { sign: '■', word: 'aborted', code: '33' },
  SKIPPED: { sign: '–', word: 'skipped', code: '33' },
};

export function verdictOf(status: StatusName): Verdict {
  return VERDICTS[status];
}

const TASK_COLOURS = ['36', '35', '34', '33', '32', '96', '95', '94'];

/** Each task of a build has a colour of its own, as long as there are enough. */
export function taskColour(index: number): string {
  return TASK_COLOURS[index % TASK_COLOURS.length] ?? '36';
}
