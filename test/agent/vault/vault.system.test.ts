import { afterEach, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MASK } from '../../../src/agent/masker.ts';
import { vaultSettings } from '../../../src/agent/vault/vault-client.ts';
import { AUTHORITY_FILE, certificateFiles } from '../../support/certificates.ts';
import { FakeAgentServer, script } from '../../support/fake-agent-server.ts';
import { agentResult, TEST_ENVIRONMENT } from '../../support/run-test-agent.ts';
import { tempFolder } from '../../support/temp-folder.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly namespace: string | null;
  readonly body: string;
}

type Answer = (asked: Asked) => Response | undefined;

const servers: { stop: (force: boolean) => unknown }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

/** A server that speaks what is needed of Vault's HTTP interface. */
function vault(answer: Answer, tls?: { cert: string; key: string }) {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    ...(tls === undefined ? {} : { tls }),
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const one = {
        method: request.method,
        path: `${pathname}${search}`,
        token: request.headers.get('x-vault-token'),
        namespace: request.headers.get('x-vault-namespace'),
        body: await request.text(),
      };
      asked.push(one);
      return answer(one) ?? Response.json({ errors: [] }, { status: 404 });
    },
  });
  servers.push(server);
  return { asked, url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${server.port}` };
}

const secret = (data: unknown) => Response.json({ data });

/** Runs a task with these variables, which prints some of them; gives its log with the masks and what it saw. */
async function run(environment: Record<string, string>, show: readonly string[] = [], process = TEST_ENVIRONMENT) {
  using folder = tempFolder();
  const lines = [`for name in ${show.join(' ') || 'NONE'}; do echo "\${!name}" >> ../seen; done`, 'env | sort'];
  const commands = [script('a', lines)];
  await using server = new FakeAgentServer({
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands,
    environment,
  });
  await server.start();
  const result = await agentResult(server, folder.path, { process });
  const seen = await Bun.file(join(folder.path, 'seen'))
    .text()
    .catch(() => '');
  return { result, seen: seen.split('\n').slice(0, -1), log: server.saved('a') ?? '', server };
}

describe('variables that are boxed in a Vault', () => {
  test('with a token, a namespace and arguments; nested texts and maps; hidden in the log', async () => {
    const { url, asked } = vault(() =>
      secret({ data: { key: 'unboxed-value', extra: { second_key: 'nested-value' }, map: { a: 'b-in-a-map' } } }),
    );
    const { seen, log, result } = await run(
      {
        CIRRUS_VAULT_URL: `${url}/`,
        CIRRUS_VAULT_TOKEN: 'vault-token',
        CIRRUS_VAULT_NAMESPACE: 'team',
        ONE: 'VAULT[secret/data/ci data.key version=1 version=2]',
        TWO: 'VAULT[secret/data/ci data.extra.second_key]',
        MAP: 'VAULT[secret/data/ci data.map]',
        ORDINARY: 'VAULT[',
      },
      ['ONE', 'TWO', 'MAP', 'ORDINARY'],
    );
    expect(result.problem).toBeNull();
    expect(seen).toEqual(['unboxed-value', 'nested-value', '{"a":"b-in-a-map"}', 'VAULT[']);
    expect(asked).toMatchObject([
      { method: 'GET', path: '/v1/secret/data/ci?version=1&version=2', token: 'vault-token', namespace: 'team' },
      { path: '/v1/secret/data/ci' }, // once for both
    ]);
    expect(log).toContain(`ONE=${MASK}\n`);
    for (const value of ['unboxed-value', 'nested-value', 'b-in-a-map']) expect(log).not.toContain(value);
  });

  test('other variables refer to them, boxes are made of variables, and what they hold is taken literally (C2)', async () => {
    const { url } = vault(({ path }) => secret({ value: `pa$$w0rd-%HOME%-of${path}` }));
    const { seen } = await run(
      {
        VAULT_HOST: url,
        CIRRUS_VAULT_URL: '$VAULT_HOST',
        CIRRUS_VAULT_TOKEN: 'vault-token',
        WHERE: 'kv/one',
        WHAT: 'value',
        BOXED: `VAULT[\${WHERE} $WHAT]`,
        BUILT: `prefix-\${BOXED}-suffix`,
      },
      ['BOXED', 'BUILT'],
    );
    expect(seen).toEqual(['pa$$w0rd-%HOME%-of/v1/kv/one', 'prefix-pa$$w0rd-%HOME%-of/v1/kv/one-suffix']);
  });

  test('an answer serves again, unless a value wants a new one, which then serves', async () => {
    let code = 0;
    const { url } = vault(() => {
      code += 1;
      return secret({ code: `c${code}` });
    });
    const names = ['A1', 'A2', 'A3', 'A4'];
    const boxes = ['VAULT[x code]', 'VAULT[x code]', 'VAULT_NOCACHE[x code]', 'VAULT[x code]'];
    const boxed = Object.fromEntries(names.map((name, index) => [name, boxes[index] ?? '']));
    const { seen } = await run({ CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: 't', ...boxed }, names);
    expect(seen.toSorted()).toEqual(['c1', 'c1', 'c2', 'c2']);
  });

  test('with a login by JWT; the token that it gives is hidden', async () => {
    const { url, asked } = vault(({ path }) =>
      path === '/v1/auth/ci/login'
        ? Response.json({ auth: { client_token: 'token-of-the-login' } })
        : secret({ value: 'token-of-the-login' }),
    );
    const environment = {
      CIRRUS_VAULT_URL: url,
      CIRRUS_OIDC_TOKEN: 'the-jwt',
      CIRRUS_VAULT_AUTH_PATH: 'ci',
      CIRRUS_VAULT_ROLE: 'builder',
      ONE: 'VAULT[p value]',
    };
    const { log } = await run(environment);
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ jwt: 'the-jwt', role: 'builder' });
    expect(asked[1]).toMatchObject({ path: '/v1/p', token: 'token-of-the-login' });
    expect(log).not.toContain('token-of-the-login');
  });

  test('a server that stumbles is asked again, and one on standby sends on', async () => {
    const active = vault(() => secret({ value: 'from the active one' }));
    let asked = 0;
    const { url } = vault(() => {
      asked += 1;
      if (asked === 1) return new Response('starting', { status: 503 });
      return new Response(null, { status: 307, headers: { location: `${active.url}/v1/p` } });
    });
    const { seen } = await run({ CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: 't', ONE: 'VAULT[p value]' }, ['ONE']);
    expect(seen).toEqual(['from the active one']);
    expect(active.asked[0]?.token).toBe('t');
  });

  test('over TLS with an authority of its own', async () => {
    const pair = certificateFiles('loopback');
    const tls = { cert: await Bun.file(pair.certificate).text(), key: await Bun.file(pair.key).text() };
    const { url } = vault(() => secret({ value: 'over TLS' }), tls);
    const environment = { CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: 't', ONE: 'VAULT[p value]' };
    const trusting = { ...TEST_ENVIRONMENT, VAULT_CACERT: AUTHORITY_FILE };
    expect((await run(environment, ['ONE'], trusting)).seen).toEqual(['over TLS']);
    const { result } = await run(environment, [], { ...TEST_ENVIRONMENT, VAULT_MAX_RETRIES: '0' });
    expect(result.problem).toContain('variable ONE: the Vault did not give p: no usable answer');
  });
});

describe('what goes wrong ends the task with one sentence and a final report (C24)', () => {
  const refuse = () => Response.json({ errors: ['permission denied'] }, { status: 403 });
  test.each<[string, Answer, Record<string, string>, string]>([
    ['a wrong box', () => undefined, { ONE: 'VAULT[p]' }, 'variable ONE: VAULT[p] is no value of a Vault'],
    ['no secret', () => undefined, { ONE: 'VAULT[p s]' }, 'variable ONE: there is no secret at p'],
    ['no data', () => Response.json({}), { ONE: 'VAULT[p s]' }, 'variable ONE: there is no secret at p'],
    ['no such part', () => secret({ a: 'b' }), { ONE: 'VAULT[p s]' }, 'variable ONE: there is no "s" in the secret'],
    ['a refusal', refuse, { ONE: 'VAULT[p s]' }, 'the Vault did not give p: it answered 403, permission denied'],
    ['something else than a Vault', () => new Response('<html>'), { ONE: 'VAULT[p s]' }, 'it answered 200'],
    ['no address', () => undefined, { CIRRUS_VAULT_URL: '', ONE: 'VAULT[p s]' }, 'CIRRUS_VAULT_URL is not set'],
    ['no token', () => undefined, { CIRRUS_VAULT_TOKEN: '', ONE: 'VAULT[p s]' }, 'CIRRUS_VAULT_TOKEN is not set'],
  ])('%s', async (_title, answer, more, sentence) => {
    const { url } = vault(answer);
    const { result, server } = await run({ CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: 'vault-token', ...more });
    expect(result.problem).toContain(sentence);
    expect(result.exitCode).toBe(78);
    expect(server.problems.map(({ message }) => message)).toEqual([expect.stringContaining(sentence)]);
    expect(server.batches).toEqual([]);
    expect(server.finished).toHaveLength(1);
  });

  test('without boxed values no Vault is asked', async () => {
    const { url, asked } = vault(() => undefined);
    expect((await run({ CIRRUS_VAULT_URL: url })).result.problem).toBeNull();
    expect(asked).toEqual([]);
  });

  test('an unreadable authority', async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, 'x'), '');
    const { url } = vault(() => undefined);
    const environment = { CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: 't', ONE: 'VAULT[p s]' };
    const wrong = { ...TEST_ENVIRONMENT, VAULT_CACERT: join(folder.path, 'none') };
    expect((await run(environment, [], wrong)).result.problem).toContain('VAULT_CACERT cannot be read');
  });
});

test.each([
  [{ CIRRUS_VAULT_URL: 'vault:8200' }, 'CIRRUS_VAULT_URL is "vault:8200"'],
  [{ CIRRUS_VAULT_URL: 'ftp://x' }, 'CIRRUS_VAULT_URL is "ftp://x"'],
])('settings %j are refused', (environment, sentence) => {
  expect(() => vaultSettings(environment)).toThrow(sentence);
});
