import { z } from 'zod';
import { durationType, sizeType } from '../lib/config-types.ts';
import { LOG_LEVELS } from '../lib/log.ts';
import { readMetadataEndpoint } from '../platform/metadata/endpoint.ts';
import { isReadableTagKey } from '../platform/metadata/metadata.ts';
import { absolutePath, argvSchema, atLeast, type ProblemOfProgram, word } from './config-values.ts';
import { workerSchema } from './config-worker-schema.ts';

/** Every system takes 103 bytes as path of a Unix socket; the operator's socket beside has `.admin` at its end. */
const MAX_SOCKET_PATH = 97;

const socketPath = absolutePath.refine((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH, {
  error: `is longer than the ${MAX_SOCKET_PATH} bytes that a socket's path may have`,
});
const endpoint = z.string().refine((text) => readMetadataEndpoint(text) !== undefined, {
  error: 'must be http://169.254.169.254, http://[fd00:ec2::254] or a loopback address such as http://127.0.0.1:1338',
});
const tagKey = z.string().refine(isReadableTagKey, 'is not a key that a tag in instance metadata can have');

const metadata = z
  .strictObject({
    source: z.enum(['none', 'ec2', 'auto']).default('auto'),
    endpoint: endpoint.default('http://169.254.169.254'),
    'ready-tag': tagKey.default('PWPoolReady'),
    'ready-poll': atLeast(durationType, 100, '100ms').prefault('10s'),
    'lost-after': atLeast(durationType, 100, '100ms').prefault('30s'),
    'block-for-worker': z.boolean().default(true),
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
    'max-tasks': z.int().min(0).max(1_000_000).default(0),
    'notice-margin': durationType.prefault('5m'),
  })
  .refine((value) => value.jitter <= value['idle-check'], {
    error: 'is longer than lifetime.idle-check; make it shorter',
    path: ['jitter'],
  })
  .prefault({});

const RUNGS = ['command', 'force', 'terminate', 'syscall'] as const;

function shutdownSchema(problemOfProgram: ProblemOfProgram) {
  const command = argvSchema(problemOfProgram);
  return z
    .strictObject({
      ladder: z.array(z.enum(RUNGS)).min(1, 'must name at least one rung').optional(),
      command: command.optional(),
      'step-timeout': atLeast(durationType, 1_000, '1s').prefault('120s'),
      before: z.array(command).default([]),
      'before-timeout': durationType.prefault('60s'),
    })
    .prefault({});
}

const hub = z
  .strictObject({
    url: z
      .string()
      .regex(/^(https?:\/\/[^/?#@]+\/?)?$/, 'must be the address of a hub, such as https://hub.example:7480')
      .transform((url) => url.replace(/\/$/, ''))
      .default(''),
    'token-file': z.union([z.literal(''), absolutePath]).default(''),
  })
  .refine((value) => value.url === '' || value['token-file'] !== '', {
    error: 'is needed with hub.url; the registration token of the pool will do',
    path: ['token-file'],
  })
  .prefault({});

/** An address of this machine alone, with a port. */
const loopback = z
  .string()
  .regex(
    /^((127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d{1,5})?$/,
    'must be a loopback address with a port, such as 127.0.0.1:9180',
  );

/**
 * `pwagent.yml` of the supervisor. `problemOfProgram` says in a few words what hinders a program from being run, or
 * undefined when nothing does; a shutdown that cannot work must show before it is needed.
 */
export function configSchema(problemOfProgram: ProblemOfProgram) {
  return z.strictObject({
    name: word.optional(),
    metadata,
    lifetime,
    worker: workerSchema(problemOfProgram),
    shutdown: shutdownSchema(problemOfProgram),
    disk: z.strictObject({ 'min-free': sizeType.prefault('5GiB') }).prefault({}),
    hub,
    'state-dir': absolutePath.default('/var/db/pwagent'),
    control: z.strictObject({ socket: socketPath.default('/var/run/pwagent.sock') }).prefault({}),
    metrics: z.strictObject({ listen: loopback.default('') }).prefault({}),
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
