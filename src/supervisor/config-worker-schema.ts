import { constants } from 'node:os';
import { z } from 'zod';
import { durationType, sizeType } from '../lib/config-types.ts';
import { absolutePath, argvSchema, atLeast, type ProblemOfProgram, word } from './config-values.ts';

const DEFAULT_PATH = '/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name for an environment variable'),
  z.string(),
);

const signalName = z
  .string()
  .refine((name) => Object.hasOwn(constants.signals, name), { error: 'is not the name of a signal, such as SIGINT' });

const PRESETS = ['none', 'github-actions', 'buildkite', 'gitlab', 'forgejo', 'cirrus'] as const;

const busy = z.strictObject({
  preset: z.enum(PRESETS).default('none'),
  processes: z.array(word).default([]),
});

/** How a command worker is told to take no new tasks, or to take them again. */
function telling(problemOfProgram: ProblemOfProgram) {
  return z
    .strictObject({ signal: signalName.optional(), command: argvSchema(problemOfProgram).optional() })
    .refine(({ signal, command }) => signal === undefined || command === undefined, {
      error: 'takes a signal or a command, not both',
    })
    .prefault({});
}

const progress = z.strictObject({
  file: absolutePath,
  'stale-after': atLeast(durationType, 1_000, '1s').prefault('10m'),
});

const restart = z.strictObject({
  limit: z.int().min(0).max(1_000).default(3),
  window: durationType.prefault('1h'),
});

function shape(problemOfProgram: ProblemOfProgram) {
  return z.strictObject({
    mode: z.enum(['builtin', 'command']).default('builtin'),
    user: word.optional(),
    dedicated: z.boolean().default(false),
    config: absolutePath.optional(),
    'token-file': absolutePath.optional(),
    command: z.array(word).default([]),
    busy: busy.prefault({}),
    drain: telling(problemOfProgram),
    undrain: telling(problemOfProgram),
    progress: progress.optional(),
    'on-exit': z.enum(['shutdown', 'restart']).default('shutdown'),
    restart: restart.prefault({}),
    'on-dirty': z.enum(['report', 'drain']).default('report'),
    'stale-after': atLeast(durationType, 1_000, '1s').prefault('10m'),
    grace: durationType.prefault('30s'),
    environment: variables.default({}),
    path: word.default(DEFAULT_PATH),
    directory: absolutePath.optional(),
    'log-file': word.default('worker.log'),
    'log-limit': sizeType.refine((bytes) => bytes >= 10_000, { error: 'must be at least 10 KB' }).prefault('1GiB'),
  });
}

/** Keys that mean something for a command worker alone: elsewhere they would do nothing. */
const COMMAND_ONLY = ['command', 'busy', 'drain', 'undrain', 'progress'] as const;
const BUILTIN_ONLY = ['config', 'token-file'] as const;

/** The section `worker`. */
export function workerSchema(problemOfProgram: ProblemOfProgram) {
  return shape(problemOfProgram)
    .superRefine((worker, context) => {
      const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
      const { mode, command } = worker;
      if (mode === 'command') {
        const problem = command[0] === undefined ? 'names no program' : problemOfProgram(command[0]);
        if (problem !== undefined) refuse('command', problem);
        for (const key of BUILTIN_ONLY) if (worker[key] !== undefined) refuse(key, 'needs mode: builtin');
        return;
      }
      const empty = shape(() => undefined).parse({});
      for (const key of COMMAND_ONLY) {
        if (JSON.stringify(worker[key]) !== JSON.stringify(empty[key])) refuse(key, 'needs mode: command');
      }
    })
    .prefault({});
}
