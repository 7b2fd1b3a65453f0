import { z } from 'zod';
import { durationType, sizeType } from '../lib/config-types.ts';
import { LOG_LEVELS } from '../lib/log.ts';

const DEFAULT_PATH = '/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** Longest path of a Unix socket that every system takes. */
const MAX_SOCKET_PATH = 103;

/** A key of the final file format whose rule this version does not have: said, never silently ignored. */
const later = z.undefined({ error: 'comes with a later version of pwagent; remove this key' }).optional();

/** A key that has just one value so far. */
function only<Value extends string>(value: Value, what: string) {
  return z.literal(value, { error: `only "${value}" works in this version; ${what} comes with a later one` });
}

function atLeast(type: typeof durationType, minimumMs: number, text: string) {
  return type.refine((ms) => ms >= minimumMs, { error: `must be at least ${text}` });
}

const word = z.string().min(1, 'must not be empty');
const absolutePath = word.startsWith('/', 'must be an absolute path, beginning with /');
const socketPath = absolutePath.refine((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH, {
  error: `is longer than the ${MAX_SOCKET_PATH} bytes that a socket's path may have`,
});
const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name for an environment variable'),
  z.string(),
);

const metadata = z
  .strictObject({
    source: only('none', 'reading the metadata service').default('none'),
    endpoint: later,
    'ready-tag': later,
    'ready-poll': later,
    'lost-after': later,
    'block-for-worker': later,
  })
  .prefault({});

const lifetime = z
  .strictObject({
    max: atLeast(durationType, 1, '1ms').prefault('48h'),
    'idle-check': atLeast(durationType, 1, '1ms').prefault('24h'),
    jitter: durationType.prefault('4h'),
    'hard-cap': durationType.prefault('2h'),
    'drain-poll': atLeast(durationType, 100, '100ms').prefault('60s'),
    from: z.enum(['start', 'boot']).default('start'),
    'max-tasks': later,
    'notice-margin': later,
  })
  .refine((value) => value.jitter <= value['idle-check'], {
    error: 'is longer than lifetime.idle-check; make it shorter',
    path: ['jitter'],
  })
  .prefault({});

const worker = z
  .strictObject({
    mode: only('builtin', 'a command as worker').default('builtin'),
    user: word.optional(),
    dedicated: z.boolean().default(false),
    config: absolutePath.optional(),
    'token-file': absolutePath.optional(),
    'on-exit': z.enum(['shutdown', 'restart']).default('shutdown'),
    restart: z
      .strictObject({
        limit: z.int().min(0).max(1_000).default(3),
        window: durationType.prefault('1h'),
      })
      .prefault({}),
    'stale-after': atLeast(durationType, 1_000, '1s').prefault('10m'),
    grace: durationType.prefault('30s'),
    environment: variables.default({}),
    path: word.default(DEFAULT_PATH),
    directory: absolutePath.optional(),
    'log-file': word.default('worker.log'),
    'log-limit': sizeType.refine((bytes) => bytes >= 10_000, { error: 'must be at least 10 KB' }).prefault('1GiB'),
    command: later,
    busy: later,
    drain: later,
    undrain: later,
    progress: later,
    'on-dirty': later,
  })
  .prefault({});

function shutdownSchema(problemOfProgram: (program: string) => string | undefined) {
  const command = z.array(word).superRefine((argv, context) => {
    const problem = argv[0] === undefined ? 'names no program' : problemOfProgram(argv[0]);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
  return z
    .strictObject({
      ladder: z.array(only('command', 'any other rung')).length(1, 'must be [command] in this version').optional(),
      command: command.optional(),
      'step-timeout': atLeast(durationType, 1_000, '1s').prefault('120s'),
      before: z.array(command).default([]),
      'before-timeout': durationType.prefault('60s'),
    })
    .prefault({});
}

/**
 * `pwagent.yml` of the supervisor. `problemOfProgram` says in a few words what hinders a program from being run, or
 * undefined when nothing does; a shutdown that cannot work must show before it is needed.
 */
export function configSchema(problemOfProgram: (program: string) => string | undefined) {
  return z.strictObject({
    name: word.optional(),
    metadata,
    lifetime,
    worker,
    shutdown: shutdownSchema(problemOfProgram),
    disk: z.strictObject({ 'min-free': sizeType.prefault('5GiB') }).prefault({}),
    hub: later,
    'state-dir': absolutePath.default('/var/db/pwagent'),
    control: z.strictObject({ socket: socketPath.default('/var/run/pwagent.sock') }).prefault({}),
    metrics: later,
    log: z
      .strictObject({
        level: z
          .string()
          .refine((level) => level in LOG_LEVELS, { error: `must be one of ${Object.keys(LOG_LEVELS).join(', ')}` })
          .default('info'),
        file: z.string().default(''),
        'rotate-size': sizeType.refine((bytes) => bytes > 0, { error: 'must be more than 0' }).prefault('100MiB'),
        'max-rotations': z.int().min(0).max(1_000).default(5),
      })
      .prefault({}),
  });
}
