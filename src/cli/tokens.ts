import { z } from 'zod';
import { type IssuedToken, issuedTokenSchema, type Token, tokenSchema } from '../hub/http/wire-fleet.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { AppError } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { readInput } from './hub-cli/read-input.ts';
import { ago, type Cell, table } from './hub-cli/table.ts';
import { runVerbs, type Session, type Verb, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ tokens: z.array(tokenSchema), next: z.string().nullable() });
const HEADS = ['TOKEN', 'FOR', 'STATE', 'CREATED', 'EXPIRES', 'LAST USED', 'NOTE'];
const COLOUR = { valid: '32', expired: '33', revoked: '90' } as const;

function rowOf(token: Token, nowMs: number): Cell[] {
  const { id, kind, pool, role, state, note } = token;
  const purpose = kind === 'registration' ? `pool ${pool}` : `role ${role}`;
  const expires = token.expiresAt === null ? 'never' : ago(token.expiresAt, nowMs, formatDuration);
  const used = kind === 'api' ? '' : ago(token.lastUsedAt, nowMs, formatDuration);
  return [id, purpose, [state, COLOUR[state]], ago(token.createdAt, nowMs, formatDuration), expires, used, note];
}

function showTokens({ show, clock, context }: Session, value: unknown, tokens: readonly Token[]): void {
  const nowMs = clock.wallMs();
  show(value, () =>
    table(
      HEADS,
      tokens.map((token) => rowOf(token, nowMs)),
      context.stdout.colour,
    ),
  );
}

/** The token goes to standard output alone, so that it can be written to a file; the rest is for people. */
function showIssued({ show, context }: Session, issued: IssuedToken): void {
  show(issued, () => {
    context.stderr.write(`token ${issued.id}, shown this once:\n`);
    return `${issued.token}\n`;
  });
}

function durationMs(flag: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  try {
    return parseDuration(String(value));
  } catch (error) {
    throw new AppError('USAGE', `${flag} "${value}" is not a duration`, {
      hint: 'write it like 30d or 12h',
      cause: error,
    });
  }
}

const list: Verb = {
  word: 'list',
  summary: 'list tokens, newest first; never the tokens themselves',
  examples: [
    ['pwagent tokens', 'all of them'],
    ['pwagent tokens list --pool macs', 'those that workers of a pool join with'],
  ],
  define: (command) =>
    withLimit(command).option('--pool <name>', 'only those of a pool').option('--kind <kind>', 'registration or api'),
  async act(session, flags) {
    const shape = { schema: listAnswer, items: ({ tokens }: z.output<typeof listAnswer>) => tokens };
    const { items, next } = await listAll(session, flags, '/tokens', shape, { pool: flags.pool, kind: flags.kind });
    showTokens(session, { tokens: items, next }, items);
  },
};

const create: Verb = {
  word: 'create',
  summary: 'issue a token for workers of a pool, or for people and programs with a role',
  examples: [
    ['pwagent tokens create --pool macs --expires 30d > registration-token', 'workers join with it'],
    ['pwagent tokens create --role submit --note "deploy bot"', 'may start builds'],
  ],
  define: (command) =>
    command
      .option('--pool <name>', 'a registration token of that pool')
      .option('--role <role>', 'an API token: admin, submit or read')
      .option('--note <text>', 'what it is for, shown in lists')
      .option('--expires <duration>', 'when it ends, counted from now (default: never)'),
  async act(session, { pool, role, note, expires }) {
    if ((pool === undefined) === (role === undefined)) {
      throw new AppError('USAGE', 'a token is either for a pool or for a role', {
        hint: 'give one of --pool and --role',
      });
    }
    const body = { pool, role, note, expiresInMs: durationMs('--expires', expires) };
    const { api, context } = session;
    showIssued(session, await api.ask('/tokens', issuedTokenSchema, context.stop, { method: 'POST', body }));
  },
};

const imported: Verb = {
  word: 'import',
  summary: 'take over a registration token that workers have already, from standard input',
  examples: [['pwagent tokens import --pool macs < old-token', 'workers need no new one']],
  define: (command) =>
    command
      .requiredOption('--pool <name>', 'the pool that workers join with it')
      .option('--note <text>', 'what it is for, shown in lists')
      .option('--expires <duration>', 'when it ends, counted from now (default: never)'),
  async act(session, { pool, note, expires }) {
    const { api, context } = session;
    const token = (await readInput('-')).trim();
    if (token === '' || /\s/.test(token)) {
      throw new AppError('CONFIG', 'standard input does not hold a token', { hint: 'it must be the token alone' });
    }
    const body = { pool, note, token, expiresInMs: durationMs('--expires', expires) };
    const view = await api.ask('/tokens', tokenSchema, context.stop, { method: 'POST', body });
    showTokens(session, view, [view]);
  },
};

/** A verb about one token that answers with the token as it is then. */
function changing(
  word: string,
  summary: string,
  example: string,
  define: NonNullable<Verb['define']>,
  bodyOf: (flags: Record<string, unknown>) => unknown,
): Verb {
  return {
    word,
    summary,
    examples: [[`pwagent tokens ${word} ${example}`, 'by its id, as the list tells it']],
    define: (command) => define(command.argument('<id>', 'id of the token')),
    async act(session, flags, [id = '']) {
      const { api, context } = session;
      const path = `/tokens/${encodeURIComponent(id)}/${word}`;
      const view = await api.ask(path, tokenSchema, context.stop, { method: 'POST', body: bodyOf(flags) });
      showTokens(session, view, [view]);
    },
  };
}

const expire = changing(
  'expire',
  'let a token end at a time',
  'k3f81c22aa --in 12h',
  (command) => command.option('--in <duration>', 'counted from now; 0 = now', '0'),
  (flags) => ({ inMs: durationMs('--in', flags.in) }),
);

const rotate: Verb = {
  word: 'rotate',
  summary: 'issue a successor; the old one stays good for a while',
  examples: [
    ['pwagent tokens rotate k3f81c22aa --overlap 1h > registration-token', 'machines change over within the hour'],
  ],
  define: (command) =>
    command.argument('<id>', 'id of the token').option('--overlap <duration>', 'how long the old one stays good', '0'),
  async act(session, flags, [id = '']) {
    const { api, context } = session;
    const body = { overlapMs: durationMs('--overlap', flags.overlap) };
    const path = `/tokens/${encodeURIComponent(id)}/rotate`;
    showIssued(session, await api.ask(path, issuedTokenSchema, context.stop, { method: 'POST', body }));
  },
};

const revoke = changing(
  'revoke',
  'end a token now',
  'k3f81c22aa --end-sessions',
  (command) => command.option('--end-sessions', 'workers that came with it have to register anew, too'),
  (flags) => ({ endSessions: flags.endSessions === true }),
);

const GROUP: VerbGroup = {
  name: 'tokens',
  summary: 'Tokens of workers, people and programs.',
  verbs: [list, create, imported, expire, rotate, revoke],
};

/** `pwagent tokens [list|create|import|expire|rotate|revoke]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
