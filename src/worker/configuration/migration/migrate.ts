import { Document, parseAllDocuments } from 'yaml';
import { AppError } from '../../../lib/errors.ts';
import { Draft } from './draft.ts';
import { endpoints, labels, log, precedence, resources } from './general-rules.ts';
import { modifiers, prePull, security, standby } from './isolation-rules.ts';

const RULES = [precedence, endpoints, labels, resources, log, security, standby, prePull, modifiers];

export interface Migration {
  /** Each key that behaves differently here, with what is different. */
  readonly notes: readonly string[];
  /** The file with what had to be mended; comments stay. */
  readonly text: string;
}

/** Brings over the file of the worker that people used before. Throws `AppError` (CONFIG) for text that is no YAML map. */
export function migrateWorkerFile(text: string, file: string): Migration {
  const [first, second] = parseAllDocuments(text, { merge: true }) as readonly Document.Parsed[];
  const broken = first?.errors[0];
  if (broken !== undefined) {
    const [start] = broken.linePos ?? [];
    const message = broken.message.split('\n')[0] ?? '';
    throw new AppError('CONFIG', message, { place: { file, line: start?.line, column: start?.col } });
  }
  const document = first?.contents == null ? new Document({}) : (first as Document);
  if (typeof document.toJS() !== 'object' || Array.isArray(document.toJS()))
    throw new AppError('CONFIG', 'expected a map of keys', { place: { file, line: 1, column: 1 } });
  const draft = new Draft(document);
  if (first?.contents == null) draft.note('the file', 'is empty, which was an error; here it means the defaults');
  if (second !== undefined)
    draft.note('the second document', 'was ignored, and is refused here; everything from its "---" on is taken out');
  for (const rule of RULES) rule(draft);
  return { notes: draft.notes, text: document.toString({ lineWidth: 0 }) };
}
