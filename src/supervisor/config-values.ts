import { z } from 'zod';
import type { durationType } from '../lib/config-types.ts';

/** Says in a few words what hinders a program from being run; undefined when nothing does. */
export type ProblemOfProgram = (program: string) => string | undefined;

export function atLeast(type: typeof durationType, minimumMs: number, text: string) {
  return type.refine((ms) => ms >= minimumMs, { error: `must be at least ${text}` });
}

export const word = z.string().min(1, 'must not be empty');
export const absolutePath = word.startsWith('/', 'must be an absolute path, beginning with /');

/** A command line whose program is known to be there. */
export function argvSchema(problemOfProgram: ProblemOfProgram) {
  return z.array(word).superRefine((argv, context) => {
    const problem = argv[0] === undefined ? 'names no program' : problemOfProgram(argv[0]);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
}
